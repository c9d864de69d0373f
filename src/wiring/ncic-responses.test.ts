/** What NCIC sends is no message of a member: it says neither who wrote it nor, at times, what it answers. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { acknowledge } from '../acknowledge/acknowledge.ts';
import { loadDialect } from '../dialect/dialect.ts';
import { loadDirectory } from '../directory/directory.ts';
import type { Session } from '../listen/listen.ts';
import type { Delivery } from '../message/delivery.ts';
import { Fingerprints } from '../vault/fingerprints.ts';
import { createStorageKeyFile } from '../vault/key-file.ts';
import type { StorageVault } from '../vault/vault.ts';
import { answerOf } from './answer-text.ts';
import { BatchResends } from './batch-resends.ts';
import { Conversation, LineCounts } from './conversation.ts';
import type { FrameItem } from './inbound-item.ts';
import { Notices } from './notices.ts';
import { readFrame } from './read-frame.ts';
import { stationFacesOf } from './station-faces.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const ncic = loadDialect(join(protocols, 'ncic-2000'));
const directory = loadDirectory(join(protocols, 'sample-directory'));

/** As it is read on the line of the sample directory. */
function read(lineName: string, text: string): FrameItem {
  const line = directory.lines.get(lineName);
  assert.ok(line);
  const session = { line: lineName, id: 1, isOpen: true } as unknown as Session;
  const from = new Conversation(session, line, ncic, new LineCounts());
  const bytes = Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');
  return { ...readFrame({ kind: 'frame', bytes }, from, directory, 0), messageId: 'w1-1' };
}

const response = (reference: string, ori = 'CA0991200') => `1L01${reference}\n${ori}\n\nMKE/STOLEN VEHICLE`;

test('the same answer to two questions without a reference is two answers, and with one it is a copy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-ncic-'));
  createStorageKeyFile(join(folder, 'keys.json'));
  const fingerprints = Fingerprints.fromKeyFile(join(folder, 'keys.json'));
  rmSync(folder, { recursive: true });
  const again = (reference: string): boolean => {
    const resends = new BatchResends({ fullLanes: new Set(), resends: new Map() }, new Map());
    resends.find(read('ncic', response(reference)), fingerprints);
    return resends.find(read('ncic', response(reference)), fingerprints)?.isSameBody === true;
  };
  assert.equal(again(ncic.ncic?.referenceOfNone ?? assert.fail()), false);
  assert.equal(again('GW00000B01'), true);
});

const told = (item: FrameItem) =>
  acknowledge('link', ncic.framing, answerOf(item, directory.gatewayOri)).length;

test('what a network sends and nobody can read is confirmed and not answered, or two switches would never end', () => {
  const [network, member] = ['ncic', 'ncic-bureau'].map((line) => read(line, 'NEITHER ONE NOR THE OTHER'));
  assert.equal(network && told(network), 1);
  assert.equal(member && told(member), 2);
});

test('a response that is refused is confirmed and not answered; an inquiry is answered', () => {
  const lost = read('ncic', response('GW00000B01', 'ZZ0990000'));
  assert.equal(lost.refusals[0]?.code, 'ROUTE_DESTINATION_UNKNOWN');
  assert.equal(told(lost), 1);
  const wrong = read('ncic-bureau', '1N01GW00000B01.QV.CA0991200.LIC/ZZZ-99.LIS/NV');
  assert.equal(wrong.refusals[0]?.code, 'VALIDATE_FIELD_CHARACTERS');
  assert.equal(told(wrong), 2);
  const pretended = read('ncic-bureau', response('GW00000B01'));
  assert.equal(pretended.refusals[0]?.code, 'AUTHORIZE_NOT_UPSTREAM');
  assert.equal(told(pretended), 2);
});

test('NCIC is not told that a response of its own came to nothing; a member is told of its inquiry', () => {
  const vault = { seal: () => Buffer.alloc(0) } as unknown as StorageVault;
  const dialects = new Map([[ncic.name, ncic]]);
  const parts = { writer: 'w1', vault, gatewayOri: directory.gatewayOri, dialects, directoryVersion: '' };
  const notices = new Notices(parts);
  const of = (station: string, originatingOri: string) =>
    ({ station, originatingOri, dialect: ncic.name, isNotice: false, receivedAtMs: 0 }) as Delivery;
  const made = [of('ncic-switch', 'FB0990000'), of('ca-bureau-msc', 'CA0991200')].map(
    (delivery) => notices.make(delivery, undefined, 'DELIVER_DEAD', 0)?.lane,
  );
  assert.deepEqual(made, [undefined, 'station.ca-bureau-msc']);
});

test('who reads NCIC’s form takes nothing in part: an inquiry has no place for a note', () => {
  const documents = loadDialect(join(protocols, 'nlets-xml'));
  const noted = { ...ncic, output: { ...ncic.output, form: ['1L01{control}', '{notCarried}', ''] } };
  const faces = stationFacesOf(
    directory,
    new Map([documents, noted].map((dialect) => [dialect.name, dialect])),
  );
  const [face] = faces.get(documents.name)?.get('station.ncic-switch') ?? [];
  assert.equal(face?.whenNotCarried, 'refuse');
});
