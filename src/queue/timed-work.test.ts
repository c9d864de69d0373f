import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { onlooker, until } from './slot-under-test.ts';
import { type TimedFault, type TimedHandlers, TimedWork } from './timed-work.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-timed-'));
/** Long enough to stay out of a test that is not about the schedules. */
const NEVER_MS = 3_600_000;
const LANE = 'station.zz01';
const opened: TimedWork[] = [];
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
beforeEach(async () => {
  await redis.flushall();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((work) => work.close()));
});

/** One process of the courier role, and what its timers did. */
class Process {
  readonly wakes: string[] = [];
  readonly faults: TimedFault[] = [];
  expiries = 0;
  sweeps = 0;
  work!: TimedWork;

  async start(
    instance: string,
    { expiryMs = NEVER_MS, sweepMs = NEVER_MS, ...handlers }: Partial<TimedHandlers & Periods> = {},
  ): Promise<this> {
    this.work = await TimedWork.open({
      url: server.url,
      slot: 's0',
      role: 'courier',
      instance,
      expiryMs,
      sweepMs,
      onFault: (code) => this.faults.push(code),
      handlers: {
        retry: (lane) => {
          this.wakes.push(lane);
          return handlers.retry?.(lane);
        },
        expiry: () => {
          this.expiries += 1;
          return handlers.expiry?.() ?? Promise.resolve();
        },
        sweep: () => {
          this.sweeps += 1;
          return handlers.sweep?.() ?? Promise.resolve();
        },
      },
    });
    opened.push(this.work);
    return this;
  }

  /** Both schedules fire from now on. */
  async fires(msMax: number): Promise<void> {
    const { expiries, sweeps } = this;
    await until('expiry and sweep', () => this.expiries > expiries && this.sweeps > sweeps, msMax);
  }
}

type Periods = { readonly expiryMs: number; readonly sweepMs: number };

const timedKeys = async (): Promise<string[]> => {
  const found: string[] = [];
  for await (const keys of redis.scanStream({ match: '{s0}:timed*', count: 100 })) {
    found.push(...(keys as string[]));
  }
  return [...new Set(found)].toSorted();
};

/** Hashes that hold a job; the two templates of the schedules and the queues' own settings are none. */
const jobKeys = async (): Promise<string[]> =>
  (await timedKeys()).filter((key) => /^\{s0\}:timed:[a-z-]+:(\d+|repeat:[a-z]+:\d+)$/.test(key));

const forgetAll = async (): Promise<void> => {
  for (const key of await timedKeys()) await redis.del(key);
};

test('wakes a lane once, not before its time, however often it was asked within it', async () => {
  const process = await new Process().start('one');
  const startedAt = performance.now();
  for (let calls = 0; calls < 100; calls += 1) {
    process.work.retryLater(LANE, 300);
    if (calls % 2 === 0) await sleep(1);
  }
  await until('wake-up', () => process.wakes.length > 0);
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs >= 295, `${String(tookMs)} ms`);
  await sleep(1500);
  assert.deepEqual(process.wakes, [LANE]);
  assert.equal(process.work.counts.scheduled, 1);
  assert.equal(process.work.counts.overdue, 0);
});

test('a pending wake-up is deduplicated in Redis too, and its job holds names only', async () => {
  const process = await new Process().start('one');
  process.work.retryLater(LANE, 60_000);
  await until('job', async () => (await jobKeys()).some((key) => key.includes(':retry-courier-one:')));
  const [key] = (await jobKeys()).filter((name) => name.includes(':retry-courier-one:'));
  const job = await redis.hgetall(key ?? '');
  assert.equal(job['name'], 'retry');
  assert.deepEqual(JSON.parse(job['data'] ?? ''), { format: 1, kind: 'retry', lane: LANE });
  assert.equal(await redis.exists(`{s0}:timed:retry-courier-one:de:${LANE}`), 1);
  for (const [id, kind] of [
    ['repeat:expiry', 'expiry'],
    ['repeat:sweep', 'sweep'],
  ] as const) {
    const data = await redis.hget(`{s0}:timed:clock-courier:${id}`, 'data');
    assert.deepEqual(JSON.parse(data ?? ''), { format: 1, kind });
  }
  for (const name of await redis.keys('*')) assert.match(name, /^\{s0\}:timed:/);
});

test('a lane may ask for its next wake-up from within the last one, without waiting for it to be made up for', async () => {
  const process = new Process();
  await process.start('one', {
    retry: (lane) => {
      if (process.wakes.length < 5) process.work.retryLater(lane, 100);
    },
  });
  process.work.retryLater(LANE, 100);
  await until('five wake-ups', () => process.wakes.length === 5);
  assert.equal(process.work.counts.overdue, 0);
});

test('a wake-up reaches the process that asked for it, and no other of its role', async () => {
  const [one, two] = await Promise.all([new Process().start('one'), new Process().start('two')]);
  for (let lane = 0; lane < 20; lane += 1) one.work.retryLater(`station.zz${String(lane)}`, 50);
  await until('wake-ups', () => one.wakes.length === 20);
  assert.deepEqual(two.wakes, []);
  assert.equal(one.work.counts.overdue, 0);
});

test('two processes of a role run the expiry about once an interval between them', async () => {
  const periods = { expiryMs: 250, sweepMs: 500 };
  const [one, two] = await Promise.all([
    new Process().start('one', periods),
    new Process().start('two', periods),
  ]);
  const [before, startedAt] = [one.expiries + two.expiries, performance.now()];
  await sleep(4000);
  const perInterval = (one.expiries + two.expiries - before) / ((performance.now() - startedAt) / 250);
  assert.ok(perInterval > 0.7 && perInterval < 1.3, `${String(perInterval)} an interval`);
});

test('the other process goes on with the schedules when one ends', async () => {
  const periods = { expiryMs: 200, sweepMs: 400 };
  const [one, two] = await Promise.all([
    new Process().start('one', periods),
    new Process().start('two', periods),
  ]);
  await one.work.close();
  await two.fires(4000);
});

test('a handler that throws is counted and the next one still fires', async () => {
  const broken = () => Promise.reject(new Error('broken'));
  const process = await new Process().start('one', {
    expiryMs: 200,
    sweepMs: 400,
    expiry: broken,
    sweep: broken,
  });
  await process.fires(3000);
  await process.fires(3000);
  assert.ok(process.work.counts.failed >= 4);
  assert.deepEqual(process.faults, ['TIMED_HANDLER']);
});

test('a wake-up whose handler throws is tried three times, then left to the sweep', async () => {
  const process = await new Process().start('one', {
    retry: () => {
      throw new Error('broken');
    },
  });
  process.work.retryLater(LANE, 10);
  await until('three tries', () => process.wakes.length === 3);
  await sleep(1500);
  assert.equal(process.wakes.length, 3);
  assert.equal(process.work.counts.failed, 3);
});

test('the schedules and a pending wake-up survive the loss of every key', async () => {
  const process = await new Process().start('one', { expiryMs: 300, sweepMs: 600 });
  await process.fires(3000);
  process.work.retryLater(LANE, 500);
  await until('job', async () => (await jobKeys()).some((key) => key.includes(':retry-courier-one:')));
  const dueAt = performance.now() + 500;

  await forgetAll();
  await process.fires(3000);
  await process.fires(3000);
  await until('made up for', () => process.wakes.length === 1);
  const lateMs = performance.now() - dueAt;
  assert.ok(lateMs < 1600, `${String(lateMs)} ms late`);
  assert.equal(process.work.counts.overdue, 1);

  process.work.retryLater(LANE, 50);
  await until('the usual way again', () => process.wakes.length === 2);
  assert.equal(process.work.counts.overdue, 1);
});

test('the loss of any one key is survived as well', async () => {
  const process = await new Process().start('one', { expiryMs: 200, sweepMs: 400 });
  await process.fires(3000);
  process.work.retryLater('station.zz02', 60_000);
  for (const key of await timedKeys()) {
    // A job's key has a new number by the time it is its turn.
    const kind = key.replace(/:\d+$/, '');
    for (const name of await timedKeys()) if (name.replace(/:\d+$/, '') === kind) await redis.del(name);
    const woken = process.wakes.length;
    process.work.retryLater(LANE, 50);
    await process.fires(6000);
    await until(`wake-up after ${kind}`, () => process.wakes.length > woken);
  }
});

test('a schedule that a wrong clock put a day ahead is made anew', async () => {
  const process = await new Process().start('one', { expiryMs: 200, sweepMs: 400 });
  await process.fires(3000);
  const tomorrow = Date.now() + 86_400_000;
  await redis.zadd('{s0}:timed:clock-courier:repeat', tomorrow, 'expiry', tomorrow, 'sweep');
  for (let times = 0; times < 4; times += 1) await process.fires(3000);
});

test('Redis killed: a wake-up still comes; restarted, with its data or empty: all goes on by itself', async () => {
  const process = await new Process().start('one', { expiryMs: 300, sweepMs: 600 });
  for (const isEmpty of [false, true]) {
    await redis.set('{s0}:known', 'before');
    await process.fires(3000);
    process.work.retryLater('station.zz03', 300);
    server.kill9();
    process.work.retryLater(LANE, 300);
    const woken = process.wakes.length;
    await until('wake-ups without Redis', () => process.wakes.length >= woken + 2, 3000);
    if (isEmpty) rmSync(join(folder, 'appendonly'), { recursive: true });
    await server.restart();
    assert.equal(await redis.exists('{s0}:known'), isEmpty ? 0 : 1);
    await process.fires(4000);
    process.work.retryLater('station.zz04', 50);
    await until('wake-up with Redis', () => process.wakes.includes('station.zz04'), 3000);
    process.wakes.length = 0;
  }
  assert.equal(process.faults[0], 'TIMED_REDIS');
  assert.ok(process.faults.length <= 3, 'a fault is told once in 10 s');
});

test('a full Redis is neither asked in a tight loop nor an end to wake-ups', async () => {
  const process = await new Process().start('one', { expiryMs: 200, sweepMs: 400 });
  await process.fires(3000);
  await redis.config('SET', 'maxmemory', '1');
  const [faults, startedAt] = [process.work.counts.faults, performance.now()];
  process.work.retryLater(LANE, 100);
  await sleep(2000);
  await redis.config('SET', 'maxmemory', '0');
  const perSecond = (process.work.counts.faults - faults) / ((performance.now() - startedAt) / 1000);
  assert.ok(perSecond < 20, `${String(perSecond)} faults a second`);
  assert.deepEqual(process.wakes, [LANE]);
  await process.fires(4000);
});

test('nothing is left of wake-ups that were made, and the library keeps few keys', async () => {
  const process = await new Process().start('one');
  for (let lane = 0; lane < 300; lane += 1) process.work.retryLater(`station.zz${String(lane)}`, lane % 50);
  await until('wake-ups', () => process.wakes.length === 300);
  await until('empty', async () =>
    (await jobKeys()).every((key) => key.startsWith('{s0}:timed:clock-courier:repeat:')),
  );
  const keys = await timedKeys();
  // The two schedules' jobs, their templates, and what a queue has of its own.
  assert.ok(keys.length <= 20, keys.join(' '));
  assert.ok(
    !keys.some((key) => key.includes(':de:') || key.endsWith(':failed') || key.endsWith(':completed')),
  );
});

test('lanes waiting in the process have a limit', async () => {
  const process = await new Process().start('one');
  for (let lane = 0; lane < 5000; lane += 1) process.work.retryLater(`station.zz${String(lane)}`, 60_000);
  assert.equal(process.work.counts.scheduled, 4096);
  assert.deepEqual(process.faults, ['TIMED_LANES_FULL']);
});

test('close waits a second for a handler that hangs, and leaves it', async () => {
  const process = await new Process().start('one', { retry: () => new Promise(() => undefined) });
  process.work.retryLater(LANE, 10);
  await until('handler', () => process.wakes.length === 1);
  const startedAt = performance.now();
  await process.work.close();
  assert.ok(performance.now() - startedAt < 2000);
});

/** A process of its own, whose end shows that nothing is left open. Prints how long `open` and `close` took. */
const child = (redisPid: number, port: number): Promise<{ openMs: number; closeMs: number; endMs: number }> =>
  new Promise((resolve, reject) => {
    const text = `
      const { TimedWork } = await import(${JSON.stringify(new URL('timed-work.ts', import.meta.url).href)});
      const t0 = performance.now();
      const handlers = { retry() {}, async expiry() {}, async sweep() {} };
      const work = await TimedWork.open({ url: 'redis://127.0.0.1:${String(port)}', slot: 's0', role: 'courier',
        instance: 'one', handlers, expiryMs: 300, sweepMs: 600, onFault() {} });
      const openMs = performance.now() - t0;
      work.retryLater('station.zz01', 5000);
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (${String(redisPid)} > 0) process.kill(${String(redisPid)}, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 300));
      const t1 = performance.now();
      await work.close();
      const closeMs = performance.now() - t1;
      process.on('exit', () => console.log(JSON.stringify({ openMs, closeMs, endMs: performance.now() - t1 })));
    `;
    const started = spawn(process.execPath, ['--input-type=module', '-e', text], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 20_000,
    });
    let output = '';
    started.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    started.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as { openMs: number; closeMs: number; endMs: number });
      else reject(new Error(`ended with ${String(code)}`));
    });
  });

test('closing leaves nothing open: with Redis, with Redis killed just before, and with none from the start', async () => {
  const alive = await child(0, server.port);
  assert.ok(alive.closeMs < 1500 && alive.endMs < 2000, JSON.stringify(alive));
  const killed = await child(server.pid, server.port);
  assert.ok(killed.closeMs < 2000 && killed.endMs < 2500, JSON.stringify(killed));
  const none = await child(0, server.port);
  assert.ok(none.openMs < 2500 && none.closeMs < 2000 && none.endMs < 2500, JSON.stringify(none));
  await server.restart();
});
