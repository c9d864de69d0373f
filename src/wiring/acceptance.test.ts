import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { acknowledge } from '../acknowledge/acknowledge.ts';
import type { AuditRecord } from '../audit/records.ts';
import { loadDialect } from '../dialect/dialect.ts';
import type { Line } from '../directory/directory.ts';
import type { Session } from '../listen/listen.ts';
import type { PriorityClass } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import { PageStream, type Queue, ServerClock } from '../queue/queue.ts';
import { recorderSeen, until } from '../queue/slot-under-test.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { Acceptance } from './acceptance.ts';
import { answerOf } from './answer-text.ts';
import { Conversation, LineCounts } from './conversation.ts';
import type { FrameItem } from './inbound-item.ts';
import { openLanes } from './lane-record.ts';
import {
  configOf,
  dialect,
  dialects,
  directory,
  keptLog,
  openQueue,
  Slot,
  topicLane as lane,
} from './lanes-under-test.ts';
import { lineDialectsOf } from './line-dialects.ts';
import { readFrame } from './read-frame.ts';
import { Stations } from './stations.ts';
import { Writer } from './writer.ts';

const memoryMax = 30 * 1024 * 1024;
let slot: Slot;
let queue: Queue;

before(async () => {
  slot = await Slot.open('acceptance', memoryMax);
  queue = slot.queue;
});
after(() => slot.close());
beforeEach(() => slot.clean());

const session: Session = {
  line: '',
  id: 1,
  isOpen: true,
  unsentBytes: 0,
  write: () => undefined,
  cork: () => undefined,
  uncork: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  close: () => undefined,
};
const on = (name: string, spoken = dialect): Conversation => {
  const line: Line | undefined = directory.lines.get(name);
  assert.ok(line);
  return new Conversation({ ...session, line: name }, line, spoken, new LineCounts());
};
const conversation = on('ca-dispatch');

const frame = (priorityClass: PriorityClass, bodyBytes: number): FrameItem => {
  const bytes = Buffer.concat([Buffer.from('AM.CA0990100.NV0990300.TXT '), Buffer.alloc(bodyBytes, 'X')]);
  const message: Message = {
    dialect: dialect.name,
    bytes,
    messageKey: 'AM',
    keyOffset: 0,
    oriOffset: 3,
    originatingOri: 'CA0990100',
    destinations: [{ text: 'NV0990300', offset: 13 }],
    isRelayed: false,
    control: '',
    bodyOffset: 27,
    fields: [],
    user: '',
    terminal: '',
    incident: '',
    isTest: false,
    traceparent: '',
  };
  return {
    kind: 'frame',
    from: conversation,
    bytes,
    message,
    priorityClass,
    plans: [{ lane, destination: 'NV0990300', groups: [], recipients: ['nv-sheriff'] }],
    receivedAtMs: Date.now(),
    startedAt: performance.now(),
    stamps: {},
    refusals: [],
    isFramingFault: false,
    isCounted: false,
    messageId: '',
    receivedCount: 1,
    duplicateOf: '',
  };
};

/** A frame as it is read from a line. */
const read = (text: string, from = conversation): FrameItem => {
  const item = readFrame({ kind: 'frame', bytes: Buffer.from(text) }, from, directory, Date.now());
  assert.deepEqual(item.refusals, []);
  return item;
};

class Bench {
  readonly metrics = new Metrics();
  readonly events: string[] = [];
  readonly acceptance: Acceptance;

  private constructor(writer: Writer, settings: Readonly<Record<string, string>>, on: Queue) {
    const { vault, keys } = slot;
    const log = keptLog(this.events);
    const parts = {
      config: configOf(settings),
      directory,
      dialects,
      queue: on,
      vault,
      log,
      metrics: this.metrics,
    };
    const lines = [...directory.lines.values()];
    // The stations are never started: what is tested ends with the batch.
    const stations = new Stations({ ...parts, writer });
    const fingerprints = keys.fingerprints();
    const lineDialects = lineDialectsOf(lines, dialects, new Map());
    const inbound = { ...parts, lines, lineDialects, fingerprints, stations, writer };
    this.acceptance = new Acceptance(inbound, () => undefined);
  }

  static async open(
    settings: Readonly<Record<string, string>> = {},
    headMs = 600_000,
    on: Queue = queue,
  ): Promise<Bench> {
    return new Bench(await Writer.open(on, 'gateway', 'one', '0', slot.keys.signer(), headMs), settings, on);
  }

  /** Makes these durable, those of one call in one batch. */
  async accept(...items: readonly FrameItem[]): Promise<void> {
    for (const item of items) this.acceptance.frame(item);
    await this.acceptance.idle();
  }

  /** The code a frame of this class is refused with, or `accepted`. */
  async send(priorityClass: PriorityClass, bodyBytes = 20_000): Promise<string> {
    const item = frame(priorityClass, bodyBytes);
    this.acceptance.frame(item);
    await this.acceptance.idle();
    return item.refusals[0]?.code ?? 'accepted';
  }

  async memoryShare(): Promise<number> {
    return (await this.metrics.memoryShare.get()).values[0]?.value ?? 0;
  }

  /** Sends this class until it is refused; answers the share of memory at which it was. */
  async refusedAt(priorityClass: PriorityClass): Promise<number> {
    for (let sent = 0; sent < 5000; sent += 1) {
      const share = await this.memoryShare();
      const outcome = await this.send(priorityClass);
      if (outcome === 'accepted') continue;
      assert.equal(outcome, 'QUEUE_MEMORY');
      return share;
    }
    assert.fail('never refused');
  }
}

/** What courier and recorder do, without bus and disk: everything is settled and confirmed. */
const drainAll = async (): Promise<void> => {
  const writer = await slot.writer('courier');
  const lanes = openLanes(configOf(), queue, writer, new ServerClock(() => undefined));
  const owned = await lanes.claim(lane);
  assert.ok('token' in owned);
  const nothing = { sentUnconfirmed: 0, expired: 0, gone: 0, dead: [], due: [] };
  for (const priorityClass of [1, 2, 4] as const) {
    let after = 0;
    let { taken } = await lanes.turn(owned, undefined, [{ priorityClass, after, count: 100 }]);
    while (taken.length > 0) {
      const upTo = taken.at(-1)?.seq ?? 0;
      const bytes = taken.reduce((sum, { entry }) => sum + entry.length, 0);
      const settlement = {
        classes: [{ ...nothing, priorityClass, upTo, delivered: upTo - after }],
        bytes,
        bodies: [],
        notices: [],
        records: [{ record: writer.opening }],
      };
      after = upTo;
      ({ taken } = await lanes.turn(owned, settlement, [{ priorityClass, after, count: 100 }]));
    }
  }
  const stream = new PageStream(queue.hot, queue.blocking(), queue.keys, 'recorder', {
    leaseMs: 10_000,
    marginMs: 0,
  });
  await stream.claim();
  for (
    let pages = await stream.read('0-0', 100, 0);
    pages.length > 0;
    pages = await stream.read('0-0', 100, 0)
  ) {
    await stream.confirm(pages.at(-1)?.id ?? '');
  }
};

test('a Redis that fills refuses routine messages first and officer safety last, then blocks; drained, it accepts again by itself', async () => {
  const bench = await Bench.open();
  const shares = [await bench.refusedAt(4), await bench.refusedAt(2), await bench.refusedAt(1)];
  for (const [at, limit] of [0.7, 0.8, 0.9].entries()) {
    const share = shares[at] ?? 0;
    assert.ok(share > limit && share < limit + 0.08, `${String(share)} for ${String(limit)}`);
  }
  assert.equal(await bench.send(0, 10), 'QUEUE_MEMORY', 'past 90 % every class is refused');
  const accepted = (await slot.counts()).in;

  // Refusals are on the record too; when even those do not fit, nothing is answered.
  while (bench.acceptance.blockedBy === '') {
    bench.acceptance.frame(frame(4, 50_000));
    await Promise.race([bench.acceptance.idle(), until('blocked', () => bench.acceptance.blockedBy !== '')]);
  }
  assert.equal(bench.acceptance.blockedBy, 'OUT_OF_MEMORY');
  assert.ok(bench.acceptance.waiting > 0);
  assert.ok(bench.events.includes('queue.blocked OUT_OF_MEMORY'));

  await drainAll();
  await bench.acceptance.idle();
  assert.equal(bench.acceptance.blockedBy, '');
  const counts = await slot.counts();
  assert.deepEqual(
    [counts.in, counts.delivered, counts.waiting],
    [accepted, accepted, 0],
    'nothing refused came in',
  );
  // The share is read from each reply, so the first frame may still be judged by the one before.
  await bench.send(1, 10);
  assert.equal(await bench.send(4), 'accepted');
  assert.ok((await bench.memoryShare()) < 0.7);
});

test('a full lane refuses its own messages with a code and stores the rest', async () => {
  const bench = await Bench.open({ LANE_MESSAGES_MAX: '2' });
  assert.deepEqual(
    [await bench.send(4, 10), await bench.send(4, 10), await bench.send(4, 10)],
    ['accepted', 'accepted', 'QUEUE_LANE_FULL'],
  );
  assert.equal((await slot.counts()).in, 2);
});

const headsOf = async (): Promise<readonly number[]> =>
  (await slot.redis.xrange(queue.keys.audit, '-', '+')).map(
    ([, [, page = '']]) => page.split('"e":"head"').length - 1,
  );

test('a head is signed once an interval, and not lost when its batch is built again for a full lane', async () => {
  const bench = await Bench.open({ LANE_MESSAGES_MAX: '1' }, 300);
  await bench.send(4, 10);
  await new Promise((resolve) => setTimeout(resolve, 320));
  assert.equal(await bench.send(4, 10), 'QUEUE_LANE_FULL');
  await bench.send(4, 10);
  await bench.send(4, 10);
  assert.deepEqual(await headsOf(), [0, 1, 0, 0]);
});

test('a server that came back without the last calls gets them again, and log and record say STATE_ROLLED_BACK', async () => {
  const bench = await Bench.open();
  await bench.send(4, 10);
  await bench.send(4, 10);
  await slot.redis.flushall();
  await recorderSeen(slot.redis, queue.keys);
  assert.equal(await bench.send(4, 10), 'accepted');
  await bench.acceptance.idle();
  assert.equal((await slot.counts()).in, 3);
  assert.ok(bench.events.includes('queue.rolled-back STATE_ROLLED_BACK'));
  const pages = await slot.redis.xrange(queue.keys.audit, '-', '+');
  assert.equal(pages.length, 4);
  assert.match(pages.at(-1)?.[1][1] ?? '', /"e":"fault","code":"STATE_ROLLED_BACK"/);
});

const records = async <K extends AuditRecord['e']>(
  kind: K,
): Promise<readonly Extract<AuditRecord, { e: K }>[]> =>
  (await slot.records()).filter((record): record is Extract<AuditRecord, { e: K }> => record.e === kind);
const inquiry = (control: string, text = 'HELLO', from = conversation): FrameItem =>
  read(`AM.CA0990100.NV0990300.${control === '' ? '' : `*${control}.`}TXT\r\n${text}`, from);
const forwarded = async (): Promise<number> => (await slot.counts()).in;

test('a message that is sent again is answered and not forwarded, and the record names the first', async () => {
  const bench = await Bench.open();
  const [first, again, third] = [inquiry('A1'), inquiry('A1'), inquiry('A1')];
  await bench.accept(first);
  await bench.accept(again);
  await bench.accept(third);
  assert.equal(await forwarded(), 1);
  assert.deepEqual([again.refusals, third.refusals], [[], []]);
  assert.deepEqual(
    [first.duplicateOf, again.duplicateOf, third.duplicateOf],
    ['', first.messageId, first.messageId],
  );
  assert.notEqual(again.messageId, first.messageId);
  const found = await records('duplicate');
  assert.deepEqual(
    found.map(({ id, of, line, mke }) => [id, of, line, mke]),
    [again, third].map(({ messageId }) => [messageId, first.messageId, 'ca-dispatch', 'AM']),
  );
  assert.deepEqual(acknowledge('link', dialect.framing, answerOf(again, directory.gatewayOri)), [
    Buffer.from([0x06]),
  ]);
  const [answer] = acknowledge('application', dialect.framing, answerOf(again, directory.gatewayOri));
  assert.match(
    String(answer),
    new RegExp(`ACCEPTED ${first.messageId}\\x03$`),
    'the first id, for it is the one that went on',
  );
});

test('a control field that comes again with another body is forwarded, and the record says so', async () => {
  const bench = await Bench.open();
  const [first, other, otherAgain] = [inquiry('A1'), inquiry('A1', 'OTHER'), inquiry('A1', 'OTHER')];
  await bench.accept(first);
  await bench.accept(other);
  await bench.accept(otherAgain);
  assert.equal(await forwarded(), 2);
  assert.equal(otherAgain.duplicateOf, other.messageId, 'the last one that went on is remembered');
  assert.deepEqual(
    (await records('accept')).map(({ id, reused }) => [id, reused]),
    [
      [first.messageId, undefined],
      [other.messageId, 1],
    ],
  );
});

test('a key the dialect has no file for goes on, and the record says so', async () => {
  const bench = await Bench.open();
  const clets = loadDialect(join(import.meta.dirname, '../../protocols/clets'));
  const onClets = on('ca-dispatch', clets);
  const known = read('QV.CA0990100.LIC/9ZZZ999.LIS/CA', onClets);
  const unknown = read('ZZQ.CA0990100.NV.TXTANYTHING', onClets);
  await bench.accept(known, unknown);
  assert.equal(await forwarded(), 2);
  assert.deepEqual(
    (await records('accept')).map(({ mke, unknown }) => [mke, unknown]),
    [
      ['QV', undefined],
      ['ZZQ', 1],
    ],
  );
});

test('two copies in one read are one message', async () => {
  const bench = await Bench.open();
  const [first, again, other] = [inquiry('A1'), inquiry('A1'), inquiry('A1', 'OTHER')];
  await bench.accept(first, again, other);
  assert.equal((await records('accept')).length, 2);
  assert.deepEqual([again.duplicateOf, other.duplicateOf], [first.messageId, '']);
  assert.equal(await forwarded(), 2);
});

test('of two messages in one read with a control field known from before, only the one with the known body is a copy', async () => {
  const bench = await Bench.open();
  const first = inquiry('A1');
  await bench.accept(first);
  const [other, again] = [inquiry('A1', 'OTHER'), inquiry('A1')];
  await bench.accept(other, again);
  assert.equal(other.duplicateOf, '', 'another body is never taken for a copy');
  assert.ok((await forwarded()) >= 2);
  assert.deepEqual(
    (await records('duplicate')).map(({ id }) => id).filter((id) => id === other.messageId),
    [],
  );
});

test('the same words on another line, or without a control field, are no copy', async () => {
  const bench = await Bench.open();
  const elsewhere = directory.lines.get('ca-dispatch');
  assert.ok(elsewhere);
  const second = new Conversation(
    { ...session, line: 'second' },
    { ...elsewhere, name: 'second' },
    dialect,
    new LineCounts(),
  );
  await bench.accept(inquiry('A1'));
  await bench.accept(inquiry('A1', 'HELLO', second));
  await bench.accept(inquiry(''));
  await bench.accept(inquiry(''));
  assert.equal(await forwarded(), 4);
  assert.deepEqual(await records('duplicate'), []);
});

test('a copy is known to the next life of the gateway as well', async () => {
  const first = inquiry('A1');
  await (await Bench.open()).accept(first);
  const next = await openQueue(slot.server.url);
  try {
    const again = inquiry('A1');
    await (await Bench.open({}, 600_000, next)).accept(again);
    assert.equal(again.duplicateOf, first.messageId);
  } finally {
    next.close();
  }
  assert.equal(await forwarded(), 1);
});

test('when the window is over the same message is a new one', async () => {
  const bench = await Bench.open({ RESEND_WINDOW_MS: '1000' });
  await bench.accept(inquiry('A1'));
  await new Promise((resolve) => setTimeout(resolve, 600));
  const within = inquiry('A1');
  await bench.accept(within);
  assert.notEqual(within.duplicateOf, '');
  await new Promise((resolve) => setTimeout(resolve, 600));
  const late = inquiry('A1');
  await bench.accept(late);
  assert.equal(late.duplicateOf, '');
  assert.equal(await forwarded(), 2);
});

test('a message refused for a full lane is not remembered: sent again when there is room, it is forwarded', async () => {
  const bench = await Bench.open({ LANE_MESSAGES_MAX: '1' });
  await bench.accept(inquiry('A1'));
  const refused = inquiry('A2');
  await bench.accept(refused);
  assert.equal(refused.refusals[0]?.code, 'QUEUE_LANE_FULL');
  await drainAll();
  const again = inquiry('A2');
  await bench.accept(again);
  assert.deepEqual([again.refusals, again.duplicateOf], [[], '']);
  assert.equal(await forwarded(), 2);
});

test('what is stored of a control field shows neither it nor the body', async () => {
  const bench = await Bench.open();
  await bench.accept(inquiry('SECRET7', 'PLAINTEXT'));
  const [key = '', ...more] = await slot.redis.keys('*:resends:*');
  assert.deepEqual(more, []);
  const all = JSON.stringify([key, await slot.redis.hgetall(key)]);
  assert.ok(!all.includes('SECRET7') && !all.includes('PLAINTEXT'));
});

const bodies = async (): Promise<readonly string[]> => slot.redis.keys('*:body:*');

test('a broadcast to more places than copies are worth stores its body once, sealed, with a reference for each', async () => {
  const bench = await Bench.open({ COPIES_MAX: '3' });
  const item = read('AM.CA0990100.GBN03.TXT\r\nHELLO');
  assert.equal(item.plans.length, 4, 'the topic and three stations');
  await bench.accept(item);
  const key = queue.keys.body(item.messageId);
  assert.deepEqual(await bodies(), [key]);
  assert.equal(await slot.redis.hget(key, 'n'), '4');
  const sealed = await slot.redis.hgetBuffer(key, 'b');
  assert.ok(sealed);
  const { agency } = conversation.line;
  assert.equal(String(slot.vault.open(sealed, { agency, messageId: item.messageId })), String(item.bytes));
  for (const plan of item.plans) {
    const [waiting] = await slot.waiting(plan.lane);
    assert.equal(waiting?.sealed, undefined, 'no copy on the lane');
    assert.equal(waiting?.delivery.messageId, item.messageId);
  }
});

test('a large body is stored once already for two deliveries, a small one is copied, and one delivery always carries its own', async () => {
  const bench = await Bench.open({ COPY_BYTES_MAX: '1024' });
  const large = 'X'.repeat(2000);
  const two = read(`AM.CA0990100.NV0990300.NV0990400.TXT\r\n${large}`);
  const [small, one] = [
    read('AM.CA0990100.NV0990300.NV0990400.TXT\r\nHELLO'),
    read(`AM.CA0990100.NV0990300.TXT\r\n${large}`),
  ];
  await bench.accept(two, small, one);
  assert.deepEqual(await bodies(), [queue.keys.body(two.messageId)]);
  assert.equal(await slot.redis.hget(queue.keys.body(two.messageId), 'n'), '2');
  const waiting = await slot.waiting(lane);
  assert.deepEqual(
    waiting.map(({ delivery, sealed }) => [delivery.messageId, sealed !== undefined]),
    [
      [two.messageId, false],
      [small.messageId, true],
      [one.messageId, true],
    ],
  );
});
