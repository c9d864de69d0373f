import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Chain } from '../audit/chain.ts';
import type { AcceptRecord, AuditRecord } from '../audit/records.ts';
import { SegmentStore } from '../audit/segment-store.ts';
import { configOf } from './lanes-under-test.ts';
import { TraceDesk } from './watch-trace.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-watch-trace-'));
const t = 1_700_000_000_000;
const patrol = 'station.nv-patrol-cad';
/** No Redis: what is on disk is enough. */
const config = configOf({ REDIS_URL: 'redis://127.0.0.1:1', RECORD: folder });
const header: Omit<AcceptRecord, 'e' | 'id' | 'deliveries'> = {
  ...{
    t,
    line: 'ca-dispatch',
    station: 'ca-dispatch-cad',
    agency: 'ca-dispatch',
    ori: 'CA0990100',
    mke: 'AM',
  },
  ...{
    dialect: 'nlets-legacy',
    cls: 4,
    to: ['NV0990400'],
    bytes: 40,
    dir: '1',
    incident: 'INCIDENT',
    test: 0,
  },
  ...{ user: 'SOMEBODY', terminal: 'TERMINAL', tp: '', stamps: { parse: 20, authorize: 31, route: 500 } },
};
const settled = { e: 'deliver', d: 'ggg-1-0', lane: patrol, seq: 1, mid: 'x', pd: 0, tries: 1 } as const;

const records: readonly AuditRecord[] = [
  {
    e: 'accept',
    id: 'ggg-1',
    ...header,
    deliveries: [{ d: 'ggg-1-0', lane: patrol, dest: 'NV0990400', groups: [], to: [] }],
  },
  {
    e: 'refuse',
    id: 'ggg-2',
    ...header,
    to: [],
    codes: [{ code: 'PARSE_FIELD' }, { code: 'VALIDATE_TEXT_EMPTY' }],
  },
  { ...settled, o: 'dead', code: 'DELIVER_NAK', t: t + 10, st: t + 40 },
  {
    e: 'notice',
    id: 'sss-1',
    d: 'sss-1-0',
    lane: 'station.ca-dispatch-cad',
    cls: 1,
    of: 'ggg-1-0',
    code: 'DELIVER_DEAD',
    t: t + 41,
  },
  { e: 'redrive', d: 'ggg-1-0', lane: patrol, cls: 4, generation: 2, mid: 'x', by: 'SOMEBODY', t: t + 100 },
  { ...settled, o: 'expired', code: 'DELIVER_EXPIRED', t: 0, st: t + 900 },
  { e: 'duplicate', id: 'ggg-3', ...header, t: t + 950, of: 'ggg-1' },
  {
    e: 'accept',
    id: 'ggg-4',
    ...header,
    deliveries: [
      { d: 'ggg-4-0', lane: 'broadcast', dest: '', groups: ['NV'], to: [] },
      { d: 'ggg-4-1', lane: patrol, dest: '', groups: ['NV'], to: [] },
    ],
  },
  { ...settled, d: 'ggg-4-0', lane: 'broadcast', o: 'delivered', t: t + 5, st: t + 60 },
];

before(async () => {
  const store = await SegmentStore.open(folder, 64 * 1024 * 1024, 0);
  const page = new Chain('ggg').build(records, Buffer.alloc(0), t + 2);
  await store.store([{ page: page.bytes, journal: page.journal }], 0);
  await store.close();
});
after(() => {
  rmSync(folder, { recursive: true });
});

test('a message becomes bars: rooms, storing, waiting, delivering and moments, with offsets from its receipt', async () => {
  const view = await new TraceDesk(config).trace('ggg-1');
  assert.ok(typeof view !== 'string');
  assert.deepEqual(
    [view.messageId, view.messageKey, view.originatingOri, view.line, view.startedAt, view.isCut],
    ['ggg-1', 'AM', 'CA0990100', 'ca-dispatch', t, false],
  );
  assert.deepEqual(
    view.bars.map(({ stage, startMs, endMs, says }) => [stage, startMs, endMs, says]),
    [
      ['parse', 0, 0.02, ''],
      ['authorize', 0.02, 0.031, ''],
      ['route', 0.031, 0.5, ''],
      ['store', 0.5, 2, ''],
      ['wait', 0, 10, ''],
      ['deliver', 10, 40, 'dead, DELIVER_NAK'],
      ['notice', 41, 41, 'DELIVER_DEAD'],
      ['redriven', 100, 100, 'generation 2'],
      ['wait', 100, 900, ''],
      ['deliver', 900, 900, 'expired, DELIVER_EXPIRED'],
      ['duplicate', 950, 950, 'ggg-3 repeats ggg-1'],
    ],
  );
  assert.match(view.bars[0]?.proof ?? '', /^page 1 of ggg, [0-9a-f]{12}$/);
  assert.doesNotMatch(JSON.stringify(view), /SOMEBODY|TERMINAL|INCIDENT/);
});

test('what no record says has ended still waits, and is told of; of one delivery asked for only itself', async () => {
  const open = { of: patrol, startMs: 0, endMs: 60, says: 'still waits, by the record' };
  const [whole, settledOne] = [
    await new TraceDesk(config).trace('ggg-4'),
    await new TraceDesk(config).trace('ggg-4-0'),
  ];
  assert.ok(typeof whole !== 'string' && typeof settledOne !== 'string');
  assert.equal(whole.waiting, 1);
  assert.partialDeepStrictEqual(whole.bars.at(-1), open);
  assert.deepEqual([settledOne.waiting, settledOne.bars.at(-1)?.says], [0, 'delivered']);
  const redriven = await new TraceDesk(config).trace('ggg-1');
  assert.ok(typeof redriven !== 'string' && redriven.waiting === 0);
});

test('a refused message has the rooms it came through and why it was refused', async () => {
  const view = await new TraceDesk(config).trace('ggg-2');
  assert.ok(typeof view !== 'string');
  const { stage, says } = view.bars.at(-1) ?? {};
  assert.deepEqual([view.bars.length, stage, says], [5, 'refused', 'PARSE_FIELD, VALIDATE_TEXT_EMPTY']);
});

test('what is not there is not found; a search that takes too long ends; only two search at a time', async () => {
  const desk = new TraceDesk(config);
  assert.equal(await desk.trace('ggg-9'), 'NOT_FOUND');
  assert.equal(await new TraceDesk(config, -1).trace('ggg-1'), 'TOO_LONG');
  assert.equal(await desk.trace('ggg-1', () => true), 'TOO_LONG', 'nobody waits for it');
  const views = await Promise.all([desk.trace('ggg-1'), desk.trace('ggg-2'), desk.trace('ggg-1')]);
  assert.deepEqual(
    views.map((view) => (typeof view === 'string' ? view : 'view')),
    ['view', 'view', 'BUSY'],
  );
  assert.ok(typeof (await desk.trace('ggg-1')) !== 'string', 'there is room again');
});
