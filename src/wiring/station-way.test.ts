import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { refusalText } from '../acknowledge/acknowledge.ts';
import { loadDialect } from '../dialect/dialect.ts';
import type { Line } from '../directory/directory.ts';
import { codes } from '../message/codes.ts';
import type { Delivery } from '../message/delivery.ts';
import { parse } from '../parse/parse.ts';
import type { OwnedLane, OwnedLanes } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { LaneHand } from './lane-hand.ts';
import type { LaneRecord } from './lane-record.ts';
import { LaneReport } from './lane-report.ts';
import type { StationLink } from './station-link.ts';
import { loadForStation, type StationCargo, StationWay } from './station-way.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const clets = loadDialect(join(protocols, 'clets'));
const documents = loadDialect(join(protocols, 'nlets-xml'));

const stored = (messageKey: string): Delivery => ({
  deliveryId: 'w1-1.0',
  generation: 0,
  messageId: 'w1-1',
  messageKey,
  priorityClass: 4,
  originatingOri: 'CA0990100',
  destination: 'CA0992100',
  groups: [],
  recipients: ['ca-airport'],
  agency: 'ca-dispatch',
  station: 'ca-dispatch-cad',
  dialect: 'clets',
  receivedAtMs: 0,
  receivedCount: 1,
  directoryVersion: '0123456789abcdef',
  isTest: false,
  traceparent: '',
  user: '',
  terminal: '',
  incident: '',
  resentOf: '',
  isNotice: false,
});

/** Sends one message of a lane to a station that reads documents; what became of it, and what was written. */
async function sent(
  messageKey: string,
  text: string,
  dialect = documents,
  ended = false,
  whenNotCarried: Line['whenNotCarried'] = 'deliver-with-note',
  of: Partial<Delivery> = {},
) {
  const delivery = { ...stored(messageKey), ...of };
  const load = loadForStation(new Map([['clets', clets]]));
  const cargo = load(delivery, Buffer.from(text), { seq: 1, isPossibleDuplicate: false });
  const hand = new LaneHand<StationCargo>(10, 10, () => 0);
  const place = { priorityClass: 4, seq: 1, gap: 0, deadlineMs: 0, isDue: false, entryBytes: 1 } as const;
  const parcel = { ...place, delivery, hasSharedBody: false, sealed: undefined, handedAtMs: 0, cargo };
  const whole = { ...parcel, fate: undefined, isPossibleDuplicate: false, isOut: false, tries: 1 };
  hand.add(whole);
  const frames: Buffer[] = [];
  // The ends of the way: a lease that holds, and a station that takes whatever is written.
  let isOpen = true;
  const keep = () => {
    isOpen = false;
    return Promise.resolve();
  };
  const lanes = { mayAct: () => !ended, keep } as unknown as OwnedLanes<LaneRecord>;
  const link = {
    get isOpen() {
      return isOpen;
    },
    line: { confirm: 'link', whenNotCarried },
    dialect,
    nextSentCount: 1,
    write: (frame: Buffer) => frames.push(frame),
    verdict: () => Promise.resolve('accepted'),
  } as unknown as StationLink;
  const report = new LaneReport(
    'station.ca-airport-desk',
    { event: () => undefined } as unknown as Log,
    new Metrics(),
  );
  await new StationWay(lanes, report, () => link).send(hand, {} as OwnedLane);
  return { fate: whole.fate, frames };
}

test('a message of which the station can read nothing is dead, and nothing is sent', async () => {
  const { fate, frames } = await sent('ZZT', 'ZZT.CA0990100.CA0992100.TXT\r\nLOCAL');
  assert.deepEqual(fate, { outcome: 'dead', code: 'DELIVER_NOT_CARRIED', busCode: 'NotSent' });
  assert.equal(frames.length, 0);
});

test('of one that it can read in part it is sent that part, or nothing where its line says so', async () => {
  const query = 'DQ.CA0990100.CA0992100.TXT\r\nNAM/SAMPLE,PAT Q.DOB/022980.SEX/M';
  const { fate, frames } = await sent('DQ', query);
  assert.deepEqual(fate, { outcome: 'delivered', code: '', busCode: '' });
  assert.match(frames.map(String).join(), />FIELD DOB</);
  const refused = await sent('DQ', query, documents, false, 'refuse');
  assert.deepEqual(refused.fate, { outcome: 'dead', code: 'DELIVER_NOT_CARRIED', busCode: 'NotSent' });
  assert.equal(refused.frames.length, 0);
});

test('a notice in the form of the line that its sender was on is written in that of the line where it is now', async () => {
  const asked = Buffer.from('AM.CA0990100.NV0990400.*GW 1 .TXT\r\nA <B>');
  const parsed = parse({ kind: 'frame', bytes: asked }, clets);
  assert.ok(parsed.ok);
  const undelivered = { bytes: asked, message: parsed.value, refusals: [{ code: 'DELIVER_DEAD' }] } as const;
  const counts = { received: 1, sent: 0 };
  const text = refusalText(undelivered, 'CAGWY0000', clets, new Date(0), counts).toString();
  const to = { originatingOri: 'CAGWY0000', destination: 'CA0990100', isNotice: true };
  const { frames } = await sent('ER', text, documents, false, 'deliver-with-note', to);
  const [frame = Buffer.alloc(0)] = frames;
  const read = parse({ kind: 'frame', bytes: frame.subarray(4) }, documents);
  assert.ok(read.ok, frame.toString());
  assert.deepEqual([read.value.messageKey, read.value.control], ['ER', 'GW 1 ']);
  assert.ok(read.value.text?.startsWith(`${codes.DELIVER_DEAD.status}\n`), read.value.text);
  const own = await sent('ER', text, clets, false, 'deliver-with-note', to);
  assert.equal(own.frames.join(), `\x02${text}\x03`);
});

test('one that it can read is written in its dialect and delivered', async () => {
  const { fate, frames } = await sent('AM', 'AM.CA0990100.CA0992100.TXT\r\nHELLO');
  assert.deepEqual(fate, { outcome: 'delivered', code: '', busCode: '' });
  assert.match(frames.map(String).join(), /<n2:MailMessageText><!\[CDATA\[HELLO\]\]></);
});

test('one that cannot be written, for a reason nobody thought of, is dead, and the gateway goes on', async () => {
  const broken = { ...documents, output: { ...documents.output, form: undefined as never } };
  const { fate, frames } = await sent('AM', 'AM.CA0990100.CA0992100.TXT\r\nHELLO', broken);
  assert.deepEqual(fate, { outcome: 'dead', code: 'DELIVER_MESSAGE', busCode: 'NotSent' });
  assert.equal(frames.length, 0);
});

test('nothing is written on a session that ended while the lease was asked for', async () => {
  const { fate, frames } = await sent('AM', 'AM.CA0990100.CA0992100.TXT\r\nHELLO', documents, true);
  assert.deepEqual([fate, frames.length], [undefined, 0]);
});
