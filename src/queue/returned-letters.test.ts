import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { CourierUnderTest } from './courier-under-test.ts';
import { DeadLetters } from './dead-letters.ts';
import { slotKeys } from './keys.ts';
import { readLane } from './ledger.ts';
import { type ReturnedLetter, ReturnedLetters } from './returned-letters.ts';
import { SampledBooks } from './sampled-books.ts';
import { contentOf, entriesOf, heldBy, onlooker, recorderSeen } from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-returned-letters-'));
const keys = slotKeys('s0');
const from = { topic: 'broadcast', subscription: 'group-nv' } as const;
const SPAN_MS = 60_000;
const nowMs = 10 * SPAN_MS;
let server: RedisServer;
let redis: Redis;
let courier: CourierUnderTest;
let returned: ReturnedLetters;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await redis.flushall();
  await recorderSeen(redis, keys);
  courier = await CourierUnderTest.open(server.url, keys, 'cour', { limits: { deadMax: 2 } });
  returned = new ReturnedLetters(redis, keys, { spanMs: SPAN_MS, spanMax: 5 });
});
afterEach(() => {
  courier.close();
});

const letter = (mid: string, change: Partial<ReturnedLetter> = {}): ReturnedLetter => ({
  mid,
  priorityClass: 4,
  seq: 7,
  code: 'COLLECT_EXPIRED',
  body: 'sealed',
  entry: Buffer.from(mid),
  hasNotice: false,
  ...change,
});
const notices = [entriesOf('station.ca-cad', 1, 'told')];
const take = (
  letters: readonly ReturnedLetter[],
  { at = nowMs, told = [] }: { at?: number; told?: typeof notices } = {},
) => returned.take(courier.lanes, from, letters, { records: ['returned'], notices: told }, at);
const dead = () => new DeadLetters(redis, keys).read('0-0', 9);

test('a letter, its notice, its count and what it is known by are one step, and the lane’s own counts stay', async () => {
  assert.equal(await take([letter('m.1', { hasNotice: true })], { told: notices }), 'OK');
  const [found] = await dead();
  const { lane, subscription, body, seq, code, entry } = found ?? {};
  assert.deepEqual(
    [lane, subscription, body, seq, code, entry?.toString()],
    ['broadcast', 'group-nv', 'sealed', 7, 'COLLECT_EXPIRED', 'm.1'],
  );
  assert.deepEqual(await heldBy(redis, keys, 'station.ca-cad', 1), ['1 told']);
  assert.equal(await redis.hget(keys.laneMeta('broadcast'), 'returned'), '1');
  const { in: into, dead: died } = await readLane(redis, keys, 'broadcast');
  assert.deepEqual([into, died], [0, 0]);
  assert.equal(courier.pages.n, 1);
  assert.deepEqual(await returned.known('group-nv', ['m.1', 'm.2'], nowMs), [
    { isKept: true, isTold: true },
    { isKept: false, isTold: false },
  ]);
  assert.deepEqual(await returned.known('group-or', ['m.1'], nowMs), [{ isKept: false, isTold: true }]);
});

test('what is known is taken in no second time, also in the next span, and nothing of the call is written', async () => {
  await take([letter('m.1', { hasNotice: true })], { told: notices });
  const before = await contentOf(redis);
  const later = nowMs + SPAN_MS;
  assert.equal(await take([letter('m.2'), letter('m.1')]), 'STALE');
  assert.equal(await take([letter('m.1')], { at: later }), 'STALE');
  assert.equal(
    await returned.take(
      courier.lanes,
      { ...from, subscription: 'group-or' },
      [letter('m.1', { hasNotice: true })],
      { records: ['returned'], notices },
      nowMs,
    ),
    'STALE',
    'its sender is told once',
  );
  assert.deepEqual(await contentOf(redis), before);
  assert.equal(courier.pages.n, 1);
  assert.deepEqual(await returned.known('group-nv', ['m.1'], later + SPAN_MS), [
    { isKept: false, isTold: false },
  ]);
  assert.ok((await redis.pttl(keys.returned(10))) > SPAN_MS, 'and is forgotten by itself');
});

test('without room for a letter, or for what it is known by, nothing is written; a record alone needs no room', async () => {
  await take([letter('m.1'), letter('m.2')]);
  const before = await contentOf(redis);
  assert.equal(await take([letter('m.3')]), 'DEAD_FULL');
  assert.deepEqual(await contentOf(redis), before);
  const foreign = (mid: string): ReturnedLetter => letter(mid, { entry: undefined, code: 'COLLECT_FOREIGN' });
  assert.equal(await take([foreign('x#1'), foreign('x#2'), foreign('x#3')]), 'OK');
  assert.equal((await dead()).length, 2);
  assert.equal(await redis.hget(keys.laneMeta('broadcast'), 'returned'), '5');
  assert.equal(await take([foreign('x#4')]), 'DEAD_FULL', 'five names are remembered in a span');
});

test('letters twice in a call, of no class, or counters that are none are a fault, and nothing is written', async () => {
  await redis.hset(keys.laneMeta('broadcast'), 'in', '0');
  const before = await contentOf(redis);
  for (const letters of [
    [],
    [letter('m.1'), letter('m.1')],
    [letter('m.1', { priorityClass: 9 as 6 })],
    [letter('m.1', { seq: -1 })],
  ])
    await assert.rejects(take(letters), { code: 'SCRIPT_REFUSED' });
  assert.deepEqual(await contentOf(redis), before);
  await redis.hset(keys.laneMeta('broadcast'), 'returned', 'many');
  await assert.rejects(take([letter('m.1')]), { code: 'SCRIPT_REFUSED' });
  assert.equal(await redis.xlen(keys.dead), 0);
});

test('who has a clock that is behind finds what one with a better clock took in', async () => {
  await take([letter('m.1')], { at: nowMs + SPAN_MS });
  assert.deepEqual(await returned.known('group-nv', ['m.1'], nowMs), [{ isKept: true, isTold: false }]);
});

test('a topic’s book is written by the lane’s owner alone, so that nothing another one saw is lost', async () => {
  const books = new SampledBooks(redis, keys);
  const [before, now] = [1, 2].map((token) => ({ topic: 'broadcast', token }) as const);
  assert.ok(before && now);
  await redis.hset(keys.laneMeta('broadcast'), 'token', '2');
  await books.save(now, 'ours');
  await assert.rejects(books.save(before, 'older'), { code: 'FENCED' });
  await assert.rejects(books.record(courier.lanes, before, 'older', ['sampled']), { code: 'FENCED' });
  assert.deepEqual([await books.read('broadcast'), courier.pages.n], ['ours', 0]);
  await books.record(courier.lanes, now, 'later', ['sampled']);
  assert.deepEqual([await books.read('broadcast'), courier.pages.n], ['later', 1]);
  await books.forget('broadcast');
  assert.equal(await books.read('broadcast'), undefined);
});

test('a topic’s book is stored with its record, or neither', async () => {
  const books = new SampledBooks(redis, keys);
  const owner = { topic: 'broadcast', token: 1 } as const;
  await redis.hset(keys.laneMeta('broadcast'), 'token', '1');
  await books.save(owner, 'one');
  await books.record(courier.lanes, owner, 'two', ['sampled']);
  assert.equal(await books.read('broadcast'), 'two');
  assert.equal(courier.pages.n, 1);
  await redis.del(keys.sampled('broadcast'));
  await redis.hset(keys.sampled('broadcast'), 'not', 'a text');
  const before = await contentOf(redis);
  // The script's own error is an unknown outcome to the connection; what matters is that nothing of it is there.
  await assert.rejects(
    Promise.race([
      books.record(courier.lanes, owner, 'three', ['sampled']),
      new Promise((_, reject) => setTimeout(reject, 1000, new Error('still trying'))),
    ]),
  );
  assert.deepEqual(await contentOf(redis), before);
});
