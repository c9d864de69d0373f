import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { Doorbell } from './doorbell.ts';
import { PageStream } from './page-stream.ts';
import { Queue } from './queue.ts';
import { onlooker, until } from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-pages-'));
const lease = { leaseMs: 400, marginMs: 100 };
let server: RedisServer;
let redis: Redis;
let queue: Queue;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'always' });
  redis = onlooker(server.url);
  const nothing = () => undefined;
  const options = { url: server.url, slot: 's0', attemptTimeoutMs: 300, onDown: nothing, onUp: nothing };
  queue = await Queue.open({ ...options, durability: 'fsync' });
});
after(async () => {
  queue.close();
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await redis.flushall();
});

const add = async (page: string, journal: string): Promise<void> => {
  await redis.xadd(queue.keys.audit, '*', 'p', page, 'j', journal);
  await redis.hincrby(queue.keys.auditMeta, 'bytes', page.length + journal.length);
};
const streamOf = (owner: string) => new PageStream(queue.hot, queue.blocking(), queue.keys, owner, lease);
const bytes = async () => Number(await redis.hget(queue.keys.auditMeta, 'bytes'));

test('pages are trimmed, and counted off, only once they are confirmed', async () => {
  const stream = streamOf('one');
  assert.equal(await stream.claim(), 0);
  for (const n of [1, 2, 3]) await add(`page ${String(n)}`, 'sealed');
  const read = await stream.read('0-0', 2, 0);
  assert.deepEqual(
    read.map(({ page, journal }) => `${page.toString()} ${journal.toString()}`),
    ['page 1 sealed', 'page 2 sealed'],
  );
  assert.equal(await redis.xlen(queue.keys.audit), 3);
  await stream.confirm(read[0]?.id ?? '');
  assert.equal(await bytes(), 24);
  const [, second] = read;
  await stream.confirm(second?.id ?? '');
  assert.equal(await redis.xlen(queue.keys.audit), 1);
  assert.equal(await bytes(), 12);
  assert.deepEqual(await stream.read('9999999999999-0', 2, 10), []);
});

test('a second recorder waits; a stale one is FENCED and trims nothing', async () => {
  const [one, two] = [streamOf('one'), streamOf('two')];
  await one.claim();
  await add('page 1', 'sealed');
  const [page] = await one.read('0-0', 1, 0);
  const heldForMs = await two.claim();
  assert.ok(heldForMs > 100 && heldForMs <= 500, String(heldForMs));
  await sleep(heldForMs + 20);
  assert.equal(await two.claim(), 0);
  await assert.rejects(one.confirm(page?.id ?? ''), { code: 'FENCED' });
  await assert.rejects(one.heartbeat(), { code: 'FENCED' });
  assert.equal(await redis.xlen(queue.keys.audit), 1);
  await two.release();
  assert.equal(await one.claim(), 0);
});

test('a heartbeat shows that the recorder lives, when there is nothing to confirm', async () => {
  const stream = streamOf('one');
  await stream.claim();
  await stream.heartbeat();
  const seen = Number(await redis.hget(queue.keys.auditMeta, 'seen'));
  assert.ok(Math.abs(seen - Date.now()) < 2000);
});

test('a doorbell tells the lanes that rang, and nothing after a quiet while; stations have one of their own', async () => {
  const bells = {
    courier: new Doorbell(queue.blocking(), queue.keys, 'courier'),
    gateway: new Doorbell(queue.blocking(), queue.keys, 'gateway'),
  };
  const ring = (bell: keyof typeof bells, lane: string) =>
    redis.xadd(queue.keys.bells[bell], '*', 'l', lane, 'c', 4);
  const first = bells.courier.wait(3000);
  await until('someone waits', async () => /blocked_clients:[1-9]/.test(await redis.info('clients')));
  await ring('gateway', 'station.zz01');
  await ring('courier', 'broadcast');
  assert.deepEqual(await first, new Map([['broadcast', new Set([4])]]));
  // Rings while nobody waits are kept, once the bell has a place to go on from.
  await ring('courier', 'broadcast');
  await ring('courier', 'point-to-point');
  assert.deepEqual(
    await bells.courier.wait(3000),
    new Map([
      ['broadcast', new Set([4])],
      ['point-to-point', new Set([4])],
    ]),
  );
  assert.deepEqual(await bells.courier.wait(20), new Map());
  assert.deepEqual(await bells.gateway.wait(20), new Map(), 'it began after the only ring');
  await ring('gateway', 'station.zz02');
  assert.deepEqual(await bells.gateway.wait(3000), new Map([['station.zz02', new Set([4])]]));
});

test('a blocked read on a server that fell silent ends by itself, and a later one works again', async () => {
  const bell = new Doorbell(queue.blocking(), queue.keys, 'courier');
  await bell.wait(10);
  process.kill(server.pid, 'SIGSTOP');
  try {
    const startedAt = performance.now();
    await assert.rejects(bell.wait(1000));
    assert.ok(performance.now() - startedAt < 6000);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  assert.deepEqual(await bell.wait(10), new Map());
});

test('the last life of an instance is named with where its chain stood', async () => {
  assert.equal(await queue.predecessor('gateway:one'), undefined);
  await redis.set(queue.keys.instance('gateway:one'), 'gone');
  assert.equal(await queue.predecessor('gateway:one'), undefined);
  await redis.hset(queue.keys.writer('gone'), 'n', 7, 'head', 'f'.repeat(64));
  assert.deepEqual(await queue.predecessor('gateway:one'), { writer: 'gone', n: 7, head: 'f'.repeat(64) });
});
