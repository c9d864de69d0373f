import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import type { DurabilityLevel } from './durability.ts';
import { Queue } from './queue.ts';
import { onlooker } from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-durability-'));
let server: RedisServer;
let redis: Redis;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'always' });
  redis = onlooker(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const open = async (durability: DurabilityLevel): Promise<void> => {
  const nothing = () => undefined;
  const options = { url: server.url, slot: 's0', attemptTimeoutMs: 500, onDown: nothing, onUp: nothing };
  const queue = await Queue.open({ ...options, durability });
  queue.close();
};

const unconfirmed = (says: string) => ({
  code: 'DURABILITY_UNCONFIRMED',
  message: `DURABILITY_UNCONFIRMED: ${says}`,
});

/** Sets the server so, tries both levels, and puts it back. */
const withSetting = async (
  name: string,
  value: string,
  expected: Readonly<Record<DurabilityLevel, string>>,
) => {
  const [, before] = await redis.config('GET', name);
  await redis.config('SET', name, value);
  for (const level of ['fsync', 'everysec'] as const) {
    if (expected[level] === '') await open(level);
    else await assert.rejects(open(level), unconfirmed(expected[level]), `${name} ${value}, level ${level}`);
  }
  await redis.config('SET', name, before ?? '');
};

test('a server that syncs every write meets both levels', async () => {
  await open('fsync');
  await open('everysec');
});

test('a server without append-only file is refused at every level', () =>
  withSetting('appendonly', 'no', { fsync: 'append-only file is off', everysec: 'append-only file is off' }));

test('a server that syncs less often than asked is refused, and told what it does', async () => {
  await withSetting('appendfsync', 'everysec', { fsync: 'appendfsync is everysec', everysec: '' });
  await withSetting('appendfsync', 'no', { fsync: 'appendfsync is no', everysec: 'appendfsync is no' });
});

test('a server that stops syncing during a rewrite of its file is refused', () =>
  withSetting('no-appendfsync-on-rewrite', 'yes', {
    fsync: 'no-appendfsync-on-rewrite is yes',
    everysec: 'no-appendfsync-on-rewrite is yes',
  }));

test('a server that may evict what it keeps is refused', () =>
  withSetting('maxmemory-policy', 'allkeys-lru', {
    fsync: 'maxmemory-policy is allkeys-lru',
    everysec: 'maxmemory-policy is allkeys-lru',
  }));

test('a server that does not show its settings is refused: nobody can confirm them', async () => {
  await redis.call('ACL', 'SETUSER', 'default', '-config|get');
  try {
    await assert.rejects(open('fsync'), unconfirmed('server does not show appendfsync'));
  } finally {
    await redis.call('ACL', 'SETUSER', 'default', '+config|get');
  }
});

test('a server that is not there is refused at start', async () => {
  const nothing = () => undefined;
  const options = {
    slot: 's0',
    durability: 'fsync',
    attemptTimeoutMs: 500,
    onDown: nothing,
    onUp: nothing,
  } as const;
  await assert.rejects(Queue.open({ ...options, url: 'redis://:SECRETWORD@127.0.0.1:1' }), {
    message:
      'DURABILITY_UNCONFIRMED: no Redis answers at TENFOUR_REDIS_URL, it still loads, or it does not let us in',
  });
});
