import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { Site } from '../simulate/site/site.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-role-'));
let site: Site;

before(async () => {
  site = await Site.start({
    folder: join(folder, 'site'),
    settings: { TENFOUR_DRAIN_MS_MAX: '500', TENFOUR_ATTEMPT_TIMEOUT_MS: '300', TENFOUR_HEAD_MS: '500' },
  });
});
after(async () => {
  await site.stop();
  rmSync(folder, { recursive: true });
});

const ended = async (isRunning: () => boolean): Promise<void> => {
  const deadline = performance.now() + 8000;
  while (isRunning() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(isRunning(), false);
};

test('a role that cannot start says why and ends, though it had opened connections by then', async () => {
  const { code, stderr } = await site.tenfour(['gateway']);
  assert.equal(code, 3);
  assert.match(stderr, /tenfour: CONFIG_INVALID: line [\w-]+ cannot listen on 127\.0\.0\.1 port \d+\n/);
});

test('a role whose chain cannot go on says so and ends, so that whoever supervises it starts a new life', async () => {
  const redis = new Redis(site.redis.url);
  const [writer = ''] = (await redis.keys('*:w:c*')).toSorted();
  await redis.hset(writer, 'n', 999);
  redis.disconnect();
  await ended(() => site.courier.isRunning);
  const log = readFileSync(site.courier.logPath, 'utf8');
  assert.match(log, /"event":"process.fault","role":"courier","code":"GAP"/);
});

test('a role told to stop while Redis does not answer ends within its limit, and not as if all were done', async () => {
  process.kill(site.redis.pid, 'SIGSTOP');
  try {
    const startedAt = performance.now();
    assert.equal(await site.gateway.stop(), 1);
    assert.ok(performance.now() - startedAt < 4000);
  } finally {
    process.kill(site.redis.pid, 'SIGCONT');
  }
});
