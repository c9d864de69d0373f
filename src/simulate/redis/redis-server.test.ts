import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Redis } from 'ioredis';
import { findRedis, findRedisBinary } from './find-redis.ts';
import { answersPing } from './ping.ts';
import { startRedis } from './redis-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-redis-'));
after(() => {
  rmSync(dir, { recursive: true });
});

const client = (port: number) => new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 1 });

test('starts on a free port, set up as production must be', async () => {
  const redis = await startRedis({ dir: join(dir, 'settings'), fsync: 'always', maxmemoryBytes: 64_000_000 });
  const asked = client(redis.port);
  try {
    const settings = ['appendonly', 'appendfsync', 'save', 'maxmemory-policy', 'maxmemory', 'bind'];
    const answers = await Promise.all(settings.map((name) => asked.config('GET', name)));
    assert.deepEqual(answers, [
      ['appendonly', 'yes'],
      ['appendfsync', 'always'],
      ['save', ''],
      ['maxmemory-policy', 'noeviction'],
      ['maxmemory', '64000000'],
      ['bind', '127.0.0.1'],
    ]);
    assert.match(await asked.info('server'), new RegExp(`process_id:${String(redis.pid)}\\r`));
  } finally {
    asked.disconnect();
    await redis.stop();
  }
  assert.equal(await answersPing(redis.port), false);
});

test('keeps what was written before a kill -9, on the same port and as another process', async () => {
  const redis = await startRedis({ dir: join(dir, 'killed'), fsync: 'always' });
  const { pid, port } = redis;
  const writer = client(port);
  writer.on('error', () => undefined);
  await writer.set('kept', 'yes');
  redis.kill9();
  await redis.restart();
  try {
    assert.notEqual(redis.pid, pid);
    assert.equal(await writer.get('kept'), 'yes');
  } finally {
    writer.disconnect();
    await redis.stop();
  }
});

test('refuses a port that another server holds', async () => {
  const first = await startRedis({ dir: join(dir, 'first'), fsync: 'everysec' });
  try {
    await assert.rejects(startRedis({ dir: join(dir, 'second'), fsync: 'everysec', port: first.port }), {
      code: 'CONFIG_INVALID',
    });
  } finally {
    await first.stop();
  }
});

test('dies with the process that started it, even when that one is killed', {
  skip: process.platform !== 'linux',
}, async () => {
  const door = join(import.meta.dirname, 'redis-server.ts');
  const program = `
    import { startRedis } from ${JSON.stringify(door)};
    const redis = await startRedis({ dir: ${JSON.stringify(join(dir, 'orphan'))}, fsync: 'everysec' });
    console.log(redis.port);
    setInterval(() => undefined, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve) => {
    parent.stdout.once('data', (text: Buffer) => {
      resolve(Number(text.toString()));
    });
  });
  assert.equal(await answersPing(port), true);
  parent.kill('SIGKILL');
  const deadline = performance.now() + 5_000;
  while ((await answersPing(port)) && performance.now() < deadline)
    await new Promise((wait) => setTimeout(wait, 20));
  assert.equal(await answersPing(port), false);
});

test('takes REDIS_URL before any program', () => {
  const url = 'redis://127.0.0.1:6399';
  assert.deepEqual(findRedis({ REDIS_URL: url, PATH: '' }), { kind: 'url', url });
});

test('refuses a Redis older than 7.0 and says which one is too old', () => {
  const old = join(dir, 'redis-server');
  writeFileSync(old, '#!/bin/sh\necho "Redis server v=6.2.14 sha=00000000:0 malloc=libc bits=64"\n');
  chmodSync(old, 0o755);
  assert.throws(() => findRedisBinary({ PATH: dir }), { code: 'CONFIG_INVALID', message: /6\.2\.14/ });
});

test('finds valkey-server where there is no redis-server', () => {
  const folder = mkdtempSync(join(dir, 'valkey-'));
  const path = join(folder, 'valkey-server');
  writeFileSync(path, '#!/bin/sh\necho "Valkey server v=8.0.1 sha=00000000:0"\n');
  chmodSync(path, 0o755);
  assert.deepEqual(findRedis({ PATH: folder }), { kind: 'binary', path });
});
