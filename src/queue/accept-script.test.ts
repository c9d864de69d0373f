import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import type { AcceptLane, AcceptLimits, AppendPage } from './accept.ts';
import { acceptScript } from './accept-script.ts';
import type { ScriptArgument } from './hot-connection.ts';
import { slotKeys } from './keys.ts';
import { acceptCall, contentOf, limits, onlooker, Pages, recorderSeen } from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-accept-script-'));
const keys = slotKeys('s0');
let server: RedisServer;
let redis: Redis;
let pages: Pages;

const two: readonly AcceptLane[] = [
  { lane: 'point-to-point', entries: [Buffer.from('one'), Buffer.from('two')] },
  { lane: 'broadcast', entries: [Buffer.from('three')] },
];

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** Each test begins after one accepted page, so that every key exists. */
beforeEach(async () => {
  await redis.config('SET', 'maxmemory', '0');
  await redis.flushall();
  await recorderSeen(redis, keys);
  pages = new Pages();
  const page = pages.build('opening');
  assert.equal((await run(acceptCall(keys, 'gone', page, two)))[0], 'OK');
  pages.commit(page);
});

const run = async (call: { keys: string[]; args: ScriptArgument[] }): Promise<readonly string[]> => {
  const reply: unknown = await redis.eval(acceptScript, call.keys.length, ...call.keys, ...call.args);
  return (reply as unknown[]).map(String);
};

const next = (change: Partial<AppendPage> = {}, lanes = two, bounds: AcceptLimits = limits) =>
  acceptCall(keys, 'gone', { ...pages.build('next'), ...change }, lanes, bounds);

/** Runs the call and asserts that it answered so and left every key as it was. */
const assertWritesNothing = async (
  call: { keys: string[]; args: ScriptArgument[] },
  expected: readonly string[] | RegExp,
): Promise<void> => {
  const before = await contentOf(redis);
  if (expected instanceof RegExp) await assert.rejects(run(call), expected);
  else assert.deepEqual((await run(call)).slice(0, expected.length), expected);
  assert.deepEqual(await contentOf(redis), before);
};

test('an accepted batch is numbered without gaps, counted, announced and chained, in one step', async () => {
  const call = next();
  const [outcome, text = ''] = await run(call);
  assert.equal(outcome, 'OK');
  const [atMs = 0, used = 0, max, ...firstSeqs] = text.split(' ').map(Number);
  assert.ok(Math.abs(atMs - Date.now()) < 5000 && used > 100_000);
  assert.equal(max, 0);
  assert.deepEqual(firstSeqs, [3, 2]);
  assert.deepEqual(await redis.xrange(keys.lane('point-to-point'), '-', '+'), [
    ['1-0', ['e', 'one']],
    ['2-0', ['e', 'two']],
    ['3-0', ['e', 'one']],
    ['4-0', ['e', 'two']],
  ]);
  assert.deepEqual(await redis.hgetall(keys.laneMeta('point-to-point')), { next: '5', in: '4', bytes: '12' });
  assert.deepEqual((await redis.smembers(keys.ready)).toSorted(), ['broadcast', 'point-to-point']);
  assert.equal(await redis.xlen(keys.bell), 2, 'only lanes that were empty rang');
  assert.equal(await redis.xlen(keys.audit), 2);
  assert.equal(await redis.hget(keys.writer('gone'), 'n'), '2');
  const pageBytes = pages.build('next').bytes.length;
  assert.equal(Number(await redis.hget(keys.auditMeta, 'bytes')), pageBytes * 2 + 2 * 'sealed'.length + 3);
  assert.equal(await redis.get(keys.instance('gateway:one')), 'gone');
});

test('the same bytes again get the reply of the first time and write nothing', async () => {
  const call = next();
  const [, first = ''] = await run(call);
  await assertWritesNothing(call, ['STORED', first]);
  await redis.hset(keys.auditMeta, 'seen', 0);
  await assertWritesNothing(call, ['STORED', first]);
});

test('a call that does not continue the writer record is GAP and writes nothing', async () => {
  const head = pages.head;
  await assertWritesNothing(next({ prev: 'f'.repeat(64) }), ['GAP', '1', head]);
  await assertWritesNothing(next({ n: 3 }), ['GAP', '1', head]);
  await assertWritesNothing(next({ n: 1, prev: '0'.repeat(64) }), ['GAP', '1', head]);
  await assertWritesNothing(acceptCall(keys, 'unknown', pages.build('x'), two), ['GAP', '0', '0'.repeat(64)]);
});

test('a full lane refuses the whole call, by messages and by bytes, and names the full ones', async () => {
  const byMessages = { ...limits, laneMessagesMax: 3 };
  await assertWritesNothing(next({}, two, byMessages), ['LANE_FULL', '0']);
  await assertWritesNothing(next({}, two, { ...limits, laneMessagesMax: 1 }), ['LANE_FULL', '0', '1']);
  await assertWritesNothing(next({}, two, { ...limits, laneBytesMax: 11 }), ['LANE_FULL', '0']);
  assert.equal((await run(next({}, two, { ...limits, laneBytesMax: 12, laneMessagesMax: 4 })))[0], 'OK');
});

test('an audit trail that lags by pages, by bytes or by silence stops acceptance', async () => {
  const bytes = Number(await redis.hget(keys.auditMeta, 'bytes'));
  await assertWritesNothing(next({}, two, { ...limits, auditPagesMax: 1 }), [
    'AUDIT_LAG',
    '1',
    String(bytes),
  ]);
  await assertWritesNothing(next({}, two, { ...limits, auditBytesMax: bytes }), ['AUDIT_LAG', '1']);
  assert.equal(
    (await run(next({}, two, { ...limits, auditBytesMax: bytes + 1, auditPagesMax: 2 })))[0],
    'OK',
  );
  pages.commit(pages.build('next'));
  await redis.hset(keys.auditMeta, 'seen', Date.now() - 61_000);
  await assertWritesNothing(next(), ['AUDIT_LAG', '2']);
  await redis.hdel(keys.auditMeta, 'seen');
  await assertWritesNothing(next(), ['AUDIT_LAG', '2']);
});

test('a key of the wrong type, any of them, is found before anything is written', async () => {
  const call = acceptCall(keys, 'gone', pages.build('next'), two);
  for (const key of call.keys) {
    const isInstance = key === keys.instance('gateway:one');
    const kept: unknown = await redis.dumpBuffer(key);
    await redis.del(key);
    await redis.rpush(key, 'a list');
    // The instance is written only by the page that opens a chain.
    const opening = acceptCall(keys, 'fresh', new Pages().build('opening'), two);
    await assertWritesNothing(isInstance ? opening : call, /WRONGTYPE/);
    await redis.del(key);
    if (Buffer.isBuffer(kept)) await redis.restore(key, 0, kept);
  }
  assert.equal((await run(call))[0], 'OK');
});

test('a counter that Redis could not add to is found before anything is written', async () => {
  const meta = keys.laneMeta('broadcast');
  for (const [key, field] of [
    [meta, 'in'],
    [meta, 'bytes'],
    [meta, 'next'],
    [keys.auditMeta, 'bytes'],
  ] as const) {
    const kept = await redis.hget(key, field);
    for (const wrong of ['1.5', 'many', '', '99999999999999999999']) {
      await redis.hset(key, field, wrong);
      await assertWritesNothing(next(), ['SHAPE']);
    }
    await redis.hset(key, field, kept ?? '');
  }
  assert.equal((await run(next()))[0], 'OK');
});

test('lane counters that are gone or behind their stream are found before anything is written', async () => {
  const meta = keys.laneMeta('broadcast');
  await redis.hset(meta, 'next', 1);
  await assertWritesNothing(next(), ['SHAPE', 'lane numbering']);
  await redis.del(meta);
  await assertWritesNothing(next(), ['SHAPE', 'lane numbering']);
  // Emptied, the stream still refuses numbers it has given.
  await redis.xtrim(keys.lane('broadcast'), 'MAXLEN', 0);
  await assertWritesNothing(next(), ['SHAPE', 'lane numbering']);
});

test('arguments of another shape are refused before anything is written', async () => {
  const { keys: names, args } = next();
  const changed = (at: number, value: ScriptArgument) => ({ keys: names, args: args.with(at, value) });
  const wrong: { keys: string[]; args: ScriptArgument[] }[] = [
    changed(0, 'two'),
    changed(0, ''),
    changed(1, 'short'),
    changed(2, 'short'),
    changed(3, ''),
    changed(5, 'many'),
    changed(6, ''),
    changed(7, '-1'),
    changed(10, 'many'),
    changed(11, '1e9'),
    changed(12, 0),
    changed(12, 1),
    changed(12, 3),
    changed(12, 99),
    changed(13, ''),
    { keys: names, args: args.slice(0, 8) },
    { keys: names, args: args.slice(0, -1) },
    { keys: names, args: [...args, 'more'] },
    { keys: names.slice(0, -1), args },
    { keys: names.slice(0, -2), args },
    next({}, [...two, { lane: 'point-to-point', entries: [Buffer.from('again')] }]),
    next({}, [{ lane: 'point-to-point', entries: [] }]),
  ];
  await assertWritesNothing({ keys: names.slice(0, -1), args }, ['SHAPE', 'keys']);
  for (const [at, call] of wrong.entries()) {
    const before = await contentOf(redis);
    assert.equal((await run(call))[0], 'SHAPE', `case ${String(at)}`);
    assert.deepEqual(await contentOf(redis), before);
  }
});

test('a full server refuses the call before its first line', async () => {
  await redis.config('SET', 'maxmemory', '1000');
  await assertWritesNothing(next(), /^ReplyError: OOM/);
  await redis.config('SET', 'maxmemory', '0');
  assert.equal((await run(next()))[0], 'OK');
});

test('an empty lane rings the bell, a lane with something in it does not', async () => {
  await redis.xtrim(keys.lane('broadcast'), 'MAXLEN', 0);
  const rings = await redis.xlen(keys.bell);
  await run(next());
  assert.equal(await redis.xlen(keys.bell), rings + 1);
  assert.deepEqual((await redis.xrevrange(keys.bell, '+', '-', 'COUNT', 1))[0]?.[1], ['l', 'broadcast']);
});
