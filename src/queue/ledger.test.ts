import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { GatewayUnderTest } from './courier-under-test.ts';
import { slotKeys } from './keys.ts';
import { imbalance, readLane } from './ledger.ts';
import { SlotReader } from './slot-reader.ts';
import { entriesOf, onlooker, recorderSeen } from './slot-under-test.ts';

/** That the ledger balances after anything lanes go through is for test/model/lane-model.test.ts. */
const folder = mkdtempSync(join(tmpdir(), 'tenfour-ledger-'));
const keys = slotKeys('s0');
let server: RedisServer;
let redis: Redis;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
  await recorderSeen(redis, keys);
  const lanes = [
    entriesOf('broadcast', 4, 'a', 'b'),
    entriesOf('broadcast', 1, 'c'),
    entriesOf('station.zz01', 4, 'd'),
  ];
  await new GatewayUnderTest(redis, keys).accept({ lanes });
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

test('a lane is counted over all its classes, and one that nobody used is empty', async () => {
  const nothing = { delivered: 0, sentUnconfirmed: 0, dead: 0, expired: 0, divertedOut: 0 };
  assert.deepEqual(await readLane(redis, keys, 'broadcast'), { in: 3, waiting: 3, ...nothing });
  assert.deepEqual(await readLane(redis, keys, 'point-to-point'), { in: 0, waiting: 0, ...nothing });
});

test('what has left a lane by any way is the rest of what came in', () => {
  const counts = {
    in: 21,
    waiting: 6,
    delivered: 5,
    sentUnconfirmed: 4,
    dead: 3,
    expired: 2,
    divertedOut: 1,
  };
  assert.equal(imbalance(counts), 0);
  for (const [name, count] of Object.entries(counts)) {
    assert.equal(imbalance({ ...counts, [name]: count + 1 }), name === 'in' ? 1 : -1, name);
  }
});

test('who looks at a slot sees its lanes, topics always, and a lane that lost one entry behind our back', async () => {
  await redis.xdel(keys.lane('broadcast', 4), '1-0');
  const reader = await SlotReader.open(server.url, 's0');
  assert.deepEqual(await reader?.lanes(), ['point-to-point', 'broadcast', 'station.zz01']);
  assert.equal((await reader?.lane('broadcast'))?.imbalance, 1);
  assert.equal((await reader?.lane('station.zz01'))?.imbalance, 0);
  assert.equal((await reader?.pages('0-0', 10))?.length, 1);
  reader?.close();
});

test('who looks at a slot without a server learns that there is none', async () => {
  assert.equal(await SlotReader.open('redis://127.0.0.1:1', 's0'), undefined);
});
