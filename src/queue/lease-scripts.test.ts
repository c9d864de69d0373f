import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { slotKeys } from './keys.ts';
import { claimScript, confirmScript, releaseScript, renewScript } from './lease-scripts.ts';
import { contentOf, evaluate, onlooker, redisNow } from './slot-under-test.ts';
import type { ScriptArgument } from './script-call.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-lease-scripts-'));
const keys = slotKeys('s0');
const metas = ['point-to-point', 'broadcast', 'station.zz01'].map((lane) => keys.laneMeta(lane));
const [meta = ''] = metas;
let server: RedisServer;
let redis: Redis;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** Three lanes, owned with token 1. */
beforeEach(async () => {
  await redis.flushall();
  for (const key of metas) await claim('me', key);
});

const claim = (owner: string, key = meta) =>
  evaluate(redis, claimScript, { keys: [key], args: [owner, 6000, 1000] });
const renew = (leaseMs: number, ...tokens: readonly number[]) =>
  evaluate(redis, renewScript, { keys: metas.slice(0, tokens.length), args: [leaseMs, ...tokens] });
const release = (...args: readonly ScriptArgument[]) =>
  evaluate(redis, releaseScript, { keys: [meta], args: [...args] });
const untilOf = async (key: string) => Number(await redis.hget(key, 'until'));

test('a lane is free only after lease and margin, and its token rises with every owner', async () => {
  const [held, ms] = await claim('you');
  assert.equal(held, 'HELD');
  assert.ok(Number(ms) > 6000 && Number(ms) <= 7000, String(ms));
  assert.equal((await claim('me'))[0], 'HELD', 'the same name may be another life');
  await redis.hset(meta, 'until', (await redisNow(redis)) - 900);
  assert.equal((await claim('you'))[0], 'HELD', 'the margin has not passed');
  await redis.hset(meta, 'until', (await redisNow(redis)) - 1100);
  assert.deepEqual((await claim('you')).slice(0, 2), ['OK', '2']);
  assert.deepEqual(await redis.hmget(meta, 'owner', 'token'), ['you', '2']);
});

test('a claim tells the time, and of every class what was settled and what was handed out', async () => {
  await redis.hset(meta, 'until', 0, 's0', 1, 'h0', 2, 's3', 7, 'h3', 9, 's6', 5, 'h6', 5);
  const [, , now, ...classes] = await claim('you');
  assert.ok(Math.abs(Number(now) - (await redisNow(redis))) < 2000);
  assert.deepEqual(classes.map(Number), [1, 2, 0, 0, 0, 0, 7, 9, 0, 0, 0, 0, 5, 5]);
});

test('many leases are lengthened in one call; those that were lost are named and left as they are', async () => {
  const [first = '', second = '', third = ''] = metas;
  await redis.hset(second, 'token', 2, 'owner', 'another', 'until', 5);
  const before = await contentOf(redis);
  const [ok, now, ...lost] = await renew(60_000, 1, 1, 1);
  assert.equal(ok, 'OK');
  assert.ok(Math.abs(Number(now) - (await redisNow(redis))) < 2000);
  assert.deepEqual(lost, ['1']);
  for (const key of [first, third]) assert.equal(await untilOf(key), Number(now) + 60_000);
  const after = await contentOf(redis);
  assert.equal(after[second], before[second]);
  assert.deepEqual((await renew(60_000, 9, 9, 9)).slice(2), ['0', '1', '2']);
  assert.deepEqual(await contentOf(redis), after);
});

test('a lane is given back by its owner only, and may then be claimed at once', async () => {
  const before = await contentOf(redis);
  assert.deepEqual(await release(0), ['FENCED']);
  assert.deepEqual(await contentOf(redis), before);
  assert.deepEqual(await release(1), ['OK']);
  assert.deepEqual(await redis.hmget(meta, 'owner', 'until'), ['', '0']);
  assert.deepEqual((await claim('you')).slice(0, 2), ['OK', '2']);
});

test('a lane given back has as handed out only what may have reached somebody, class by class', async () => {
  await redis.hset(meta, 's2', 3, 'h2', 9, 's4', 3, 'h4', 9, 's5', 3, 'h5', 9, 'h6', 4);
  assert.deepEqual(await release(1, 2, 6, 4, 0, 5, 12, 6, 0), ['OK']);
  // Lowered; not below what was settled; never raised.
  assert.deepEqual(await redis.hmget(meta, 'h2', 'h4', 'h5', 'h6'), ['6', '3', '9', '0']);
  assert.deepEqual(await redis.hmget(meta, 's2', 's4', 's5', 's6'), ['3', '3', '3', null]);
});

test('a confirmation that is resent lowers the byte count once', async () => {
  await claim('recorder', keys.auditMeta);
  await redis.hset(keys.auditMeta, 'bytes', 100);
  const id = (await redis.xadd(keys.audit, '*', 'p', 'page', 'j', '')) ?? '';
  await redis.xadd(keys.audit, '*', 'p', 'page', 'j', '');
  const confirm = (...args: readonly ScriptArgument[]) =>
    evaluate(redis, confirmScript, { keys: [keys.audit, keys.auditMeta], args: [...args] });
  for (let times = 0; times < 3; times += 1) assert.deepEqual(await confirm(1, 6000, id, 10), ['OK']);
  assert.equal(Number(await redis.hget(keys.auditMeta, 'bytes')), 90);
  assert.equal(await redis.xlen(keys.audit), 1);
  const before = await contentOf(redis);
  assert.deepEqual(await confirm(0, 6000, '', 0), ['FENCED']);
  assert.deepEqual(await confirm(1, 6000, 'last', 0), ['SHAPE', 'id']);
  assert.deepEqual(await contentOf(redis), before);
});

test('a full server still lets lanes be claimed, kept and given back, and pages be confirmed', async () => {
  await redis.config('SET', 'maxmemory', '1000');
  try {
    assert.deepEqual((await renew(6000, 1)).slice(2), []);
    assert.deepEqual(await release(1), ['OK']);
    assert.deepEqual((await claim('you')).slice(0, 2), ['OK', '2']);
    assert.equal((await claim('recorder', keys.auditMeta))[0], 'OK');
    const confirm = { keys: [keys.audit, keys.auditMeta], args: [1, 6000, '', 0] };
    assert.deepEqual(await evaluate(redis, confirmScript, confirm), ['OK']);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});
