import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Redis } from 'ioredis';
import { startRedis } from '../simulate/redis/redis-server.ts';
import { loadConfig } from './config.ts';
import { redisUrl } from './redis-url.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-password-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const withPassword = (content: string, url = 'redis://127.0.0.1:6379') => {
  const path = join(folder, 'password');
  writeFileSync(path, content);
  return redisUrl(loadConfig({ TENFOUR_REDIS_URL: url, TENFOUR_REDIS_PASSWORD_FILE: path }));
};

test('a Redis that asks for a password gets the one in the file, whatever signs it holds', async () => {
  const redis = await startRedis({ dir: join(folder, 'redis'), fsync: 'everysec' });
  const password = 'p%40:/@? #ü';
  try {
    const first = new Redis(redis.url);
    await first.config('SET', 'requirepass', password);
    await first.quit();
    const without = new Redis(redis.url, { retryStrategy: () => null });
    without.on('error', () => {});
    await assert.rejects(without.set('a', '1'), /NOAUTH/);
    without.disconnect();
    const url = withPassword(`${password}\n`, redis.url);
    const client = new Redis(url);
    assert.equal(await client.ping(), 'PONG');
    await client.config('SET', 'requirepass', '');
    await client.quit();
  } finally {
    await redis.stop();
  }
});

test('without a password file the address is used as it is', () => {
  assert.equal(redisUrl(loadConfig({ TENFOUR_REDIS_URL: 'rediss://a:b@c:1' })), 'rediss://a:b@c:1');
});

test('a password file that is missing or empty, or an address that is none, refuses to start and says which', () => {
  assert.throws(() => withPassword(' \n'), { message: /TENFOUR_REDIS_PASSWORD_FILE is empty/ });
  for (const url of ['nowhere', 'valkey:6379'])
    assert.throws(() => withPassword('x', url), { message: /TENFOUR_REDIS_URL is no address/ });
  const missing = loadConfig({ TENFOUR_REDIS_PASSWORD_FILE: join(folder, 'missing') });
  assert.throws(() => redisUrl(missing), { message: /TENFOUR_REDIS_PASSWORD_FILE cannot be read/ });
});
