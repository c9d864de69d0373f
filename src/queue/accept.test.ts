import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import type { LaneName } from '../message/delivery.ts';
import { AcceptLoop } from './accept.ts';
import type { AcceptBatch, AcceptLimits, AcceptReceipt, Obstacles, Resendable } from './batch.ts';
import { HotConnection } from './hot-connection.ts';
import { slotKeys } from './keys.ts';
import { LaneEntryList } from './lane-entries.ts';
import { limits, onlooker, Pages, recorderSeen, until } from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-accept-'));
const keys = slotKeys('s0');
let server: RedisServer;
let redis: Redis;
const opened: HotConnection[] = [];

before(async () => {
  server = await startRedis({ dir: join(folder, 'redis'), fsync: 'always' });
  redis = onlooker(server.url);
});
after(async () => {
  for (const connection of opened) connection.close();
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await redis.config('SET', 'maxmemory', '0');
  await redis.flushall();
  await recorderSeen(redis, keys);
});

/** `control` is what stands for its control field, `=` and a body; empty: it has none. */
type Item = { readonly lane: LaneName; readonly text: string; readonly control: string };

/**
 * A loop with work that keeps what it was told. Items of a full lane are refused, resends with the same body are not forwarded: both leave
 * the batch and are named.
 */
class Bench {
  readonly pages = new Pages();
  readonly prepared: number[] = [];
  readonly settled: { items: readonly Item[]; receipt: AcceptReceipt }[] = [];
  readonly blocked: string[] = [];
  readonly refused: string[] = [];
  readonly resent: string[] = [];
  replayed = 0;
  onSettled: (() => Promise<void>) | undefined;
  downs = 0;
  ups = 0;
  readonly loop: AcceptLoop<Item>;

  private constructor(connect: (bench: Bench) => HotConnection, writer: string, bounds: AcceptLimits) {
    const name = { writer, instance: 'gateway:one' };
    this.loop = new AcceptLoop<Item>(connect(this), keys, name, bounds, {
      prepare: (items, obstacles) => this.#prepare(items, obstacles),
      settled: (items, batch, receipt) => {
        this.pages.commit(batch.page);
        this.settled.push({ items, receipt });
        void this.onSettled?.();
      },
      blocked: (why) => {
        this.blocked.push(why);
      },
      rolledBack: (count) => {
        this.replayed += count;
      },
    });
  }

  static async open(writer: string, change: Partial<AcceptLimits> = {}): Promise<Bench> {
    let connection: HotConnection | undefined;
    const bench = new Bench(
      (self) => {
        connection = new HotConnection({
          url: server.url,
          attemptTimeoutMs: 150,
          onDown: () => {
            self.downs += 1;
          },
          onUp: () => {
            self.ups += 1;
          },
        });
        opened.push(connection);
        return connection;
      },
      writer,
      { ...limits, ...change },
    );
    await connection?.connect();
    return bench;
  }

  #prepare(items: readonly Item[], { fullLanes, resends }: Obstacles): AcceptBatch {
    this.prepared.push(items.length);
    const lanes = new LaneEntryList();
    const resendables: Resendable[] = [];
    for (const { lane, text, control } of items) {
      const [field = '', body = ''] = control.split('=');
      const known = resends.get(field);
      if (known?.isSameBody === true) this.resent.push(`${text} after ${known.messageId}`);
      else if (fullLanes.has(lane)) this.refused.push(text);
      else {
        lanes.add(lane, 4, { bytes: Buffer.from(text), ttlMs: 0 });
        if (control === '') continue;
        const isKnown = known !== undefined;
        resendables.push({ station: 'zz01', field, body, messageId: text, isKnown });
      }
    }
    const page = this.pages.build(items.map(({ text }) => text).join(' '));
    return { page, lanes: lanes.all, bodies: [], resendables };
  }

  offer(text: string, lane: LaneName = 'point-to-point', control = ''): void {
    this.loop.offer({ lane, text, control }, text.length);
  }

  async accept(text: string): Promise<void> {
    this.offer(text);
    await this.loop.idle();
  }
}

/** What a lane holds, as `laneSeq text`. */
const laneOf = async (lane = 'point-to-point'): Promise<readonly string[]> =>
  (await redis.xrange(keys.lane(lane, 4), '-', '+')).map(([id, [, text]]) => `${id} ${text ?? ''}`);

const counted = async (lane = 'point-to-point') => Number(await redis.hget(keys.laneMeta(lane), 'in'));

test('while a call is out messages collect, and the next call takes them all', async () => {
  const bench = await Bench.open('gone');
  for (const text of ['a', 'b', 'c']) bench.offer(text);
  assert.equal(bench.loop.waiting, 3);
  assert.equal(bench.loop.waitingBytes, 3);
  await sleep(0);
  for (const text of ['d', 'e']) bench.offer(text);
  await bench.loop.idle();
  assert.deepEqual(bench.prepared, [3, 2]);
  assert.deepEqual(await laneOf(), ['1-0 a', '2-0 b', '3-0 c', '4-0 d', '5-0 e']);
  assert.equal(bench.loop.waiting, 0);
  assert.equal(bench.loop.waitingBytes, 0);
});

test('a call holds no more messages and bytes than its limits, but always one', async () => {
  const bench = await Bench.open('gone', { batchMessagesMax: 3, batchBytesMax: 10 });
  for (const text of ['a', 'b', 'c', 'd', 'eeeeee', 'ffff', 'g'.repeat(30), 'h']) bench.offer(text);
  await bench.loop.idle();
  assert.deepEqual(
    bench.settled.map(({ items }) => items.map(({ text }) => text[0]).join('')),
    ['abc', 'de', 'f', 'g', 'h'],
  );
});

test('a message offered at whatever moment the loop ends is not left behind', async () => {
  const bench = await Bench.open('gone');
  for (let turns = 0; turns < 12; turns += 1) {
    bench.onSettled = async () => {
      bench.onSettled = undefined;
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      bench.offer('at the end');
    };
    bench.offer('first');
    await until('both settled', async () => (await laneOf()).length === 2 * turns + 2, 1000);
  }
});

test('two processes that write under one name cannot both append', async () => {
  const [one, two] = [await Bench.open('same'), await Bench.open('same')];
  await one.accept('from one');
  two.offer('from two');
  await assert.rejects(two.loop.idle(), { code: 'GAP' });
  assert.equal(two.settled.length, 0);
  assert.equal(two.loop.failed?.name, 'Fault');
  await one.accept('one again');
  assert.deepEqual(await laneOf(), ['1-0 from one', '2-0 one again']);
  assert.equal(await counted(), 2);
});

test('messages for a full lane are refused, the rest of the batch is stored, in the page that says so', async () => {
  const bench = await Bench.open('gone', { laneMessagesMax: 2 });
  for (const text of ['p1', 'p2']) bench.offer(text);
  await bench.loop.idle();
  for (const text of ['p3', 'b1']) bench.offer(text, text.startsWith('p') ? 'point-to-point' : 'broadcast');
  await bench.loop.idle();
  assert.deepEqual(bench.refused, ['p3']);
  assert.deepEqual(await laneOf(), ['1-0 p1', '2-0 p2']);
  assert.deepEqual(await laneOf('broadcast'), ['1-0 b1']);
  assert.equal(await redis.xlen(keys.audit), 2);
});

test('what was sent before is prepared anew as a resend: the same body goes no second time, another one does', async () => {
  const bench = await Bench.open('gone');
  for (const at of [1, 2]) bench.offer(`m${String(at)}`, 'broadcast', `f${String(at)}=body`);
  await bench.loop.idle();
  bench.offer('again', 'broadcast', 'f1=body');
  bench.offer('changed', 'broadcast', 'f2=other');
  bench.offer('first', 'broadcast', 'f3=body');
  await bench.loop.idle();
  assert.deepEqual(bench.resent, ['again after m1']);
  assert.deepEqual(await laneOf('broadcast'), ['1-0 m1', '2-0 m2', '3-0 changed', '4-0 first']);
  assert.deepEqual(bench.prepared, [2, 3, 3]);
  assert.equal(bench.settled[1]?.items.length, 3, 'all three are answered');
  bench.offer('changed again', 'broadcast', 'f2=other');
  await bench.loop.idle();
  assert.equal(bench.resent.at(-1), 'changed again after changed');
  assert.equal(bench.settled.at(-1)?.receipt.notRemembered, 0);
});

test('a batch that meets a full lane and a resend is prepared for each, and stored with what is left', async () => {
  const bench = await Bench.open('gone', { laneMessagesMax: 1 });
  bench.offer('m1', 'broadcast', 'f1=body');
  await bench.loop.idle();
  bench.offer('m1 again', 'station.zz02', 'f1=body');
  bench.offer('b2', 'broadcast');
  bench.offer('p1');
  await bench.loop.idle();
  assert.deepEqual(bench.prepared, [1, 3, 3, 3]);
  assert.deepEqual(new Set(bench.refused), new Set(['b2']));
  assert.deepEqual(bench.resent, ['m1 again after m1']);
  assert.deepEqual(await laneOf(), ['1-0 p1']);
  assert.deepEqual(await laneOf('station.zz02'), []);
});

test('a receipt says how many control fields were not remembered', async () => {
  const bench = await Bench.open('gone', { resendsPerStationMax: 1 });
  for (const at of [1, 2]) bench.offer(`m${String(at)}`, 'broadcast', `f${String(at)}=body`);
  await bench.loop.idle();
  assert.equal(bench.settled[0]?.receipt.notRemembered, 2);
});

test('work that brings a batch back with what stood in its way stops the loop with a fault', async () => {
  const bench = await Bench.open('gone', { laneMessagesMax: 1 });
  const stubborn = new AcceptLoop<string>(
    opened.at(-1) ?? assert.fail(),
    keys,
    { writer: 'stubborn', instance: 'gateway:two' },
    { ...limits, laneMessagesMax: 1 },
    {
      prepare: (items) => {
        const lanes = new LaneEntryList();
        for (const text of items) lanes.add('broadcast', 4, { bytes: Buffer.from(text), ttlMs: 0 });
        return { page: new Pages().build('stubborn'), lanes: lanes.all, bodies: [], resendables: [] };
      },
      settled: () => assert.fail('it cannot be stored'),
      blocked: () => undefined,
      rolledBack: () => undefined,
    },
  );
  await bench.accept('fills another lane');
  for (const text of ['x', 'y']) stubborn.offer(text, 1);
  await assert.rejects(stubborn.idle(), { code: 'SCRIPT_REFUSED' });
  assert.deepEqual(await laneOf('broadcast'), []);
});

test('while the recorder is silent nothing is settled; it goes on by itself when the recorder is back', async () => {
  const bench = await Bench.open('gone');
  await redis.hset(keys.auditMeta, 'seen', 0);
  bench.offer('waits');
  await until('blocked', () => bench.blocked.length > 2);
  assert.equal(bench.settled.length, 0);
  assert.deepEqual(await laneOf(), []);
  await recorderSeen(redis, keys);
  await bench.loop.idle();
  assert.deepEqual(await laneOf(), ['1-0 waits']);
  assert.deepEqual(new Set(bench.blocked), new Set(['AUDIT_LAG']));
});

test('while memory is full nothing is settled; it goes on by itself when there is room', async () => {
  const bench = await Bench.open('gone');
  await redis.config('SET', 'maxmemory', '1000');
  bench.offer('waits');
  await until('blocked', () => bench.blocked.length > 1);
  assert.equal(bench.settled.length, 0);
  await redis.config('SET', 'maxmemory', '0');
  await bench.loop.idle();
  assert.deepEqual(await laneOf(), ['1-0 waits']);
  assert.deepEqual(new Set(bench.blocked), new Set(['OUT_OF_MEMORY']));
});

test('a Redis that does not answer gives no outcome; once it answers, the batch is settled exactly once', async () => {
  const bench = await Bench.open('gone');
  await bench.accept('before');
  process.kill(server.pid, 'SIGSTOP');
  try {
    bench.offer('during');
    // Several attempts reach the stopped server's sockets and are all carried out when it wakes.
    await sleep(700);
    assert.equal(bench.settled.length, 1);
    assert.equal(bench.downs, 1);
    assert.equal(bench.loop.failed, undefined);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await bench.loop.idle();
  await bench.accept('after');
  assert.deepEqual(await laneOf(), ['1-0 before', '2-0 during', '3-0 after']);
  assert.equal(await counted(), 3);
  assert.equal(bench.ups, 1);
  assert.deepEqual(
    bench.settled.map(({ items }) => items.map(({ text }) => text)),
    [['before'], ['during'], ['after']],
  );
});

test('a Redis killed with calls under way and started again has every batch exactly once', async () => {
  const bench = await Bench.open('gone');
  await bench.accept('before');
  for (let at = 0; at < 300; at += 1) bench.offer(`m${String(at)}`);
  await sleep(0);
  server.kill9();
  for (let at = 300; at < 400; at += 1) bench.offer(`m${String(at)}`);
  await sleep(50);
  await server.restart();
  await recorderSeen(redis, keys);
  await bench.loop.idle();
  const texts = ['before', ...Array.from({ length: 400 }, (_, at) => `m${String(at)}`)];
  assert.deepEqual(
    await laneOf(),
    texts.map((text, at) => `${String(at + 1)}-0 ${text}`),
  );
  assert.equal(await counted(), 401);
  assert.equal(bench.replayed, 0);
});

test('a server restored from an older file gets the last calls again, and that is reported', async () => {
  const bench = await Bench.open('gone');
  await bench.accept('kept 1');
  const data = join(folder, 'redis', 'appendonly');
  const copy = join(folder, 'older');
  cpSync(data, copy, { recursive: true });
  await bench.accept('lost 1');
  await bench.accept('lost 2');
  server.kill9();
  rmSync(data, { recursive: true });
  cpSync(copy, data, { recursive: true });
  await server.restart();
  await bench.accept('next');
  assert.deepEqual(await laneOf(), ['1-0 kept 1', '2-0 lost 1', '3-0 lost 2', '4-0 next']);
  assert.equal(await counted(), 4);
  assert.equal(bench.replayed, 2);
  assert.equal(await redis.hget(keys.writer('gone'), 'n'), '4');
});

test('calls for a restored server wait out what blocks them: they were acknowledged', async () => {
  const bench = await Bench.open('gone', { laneMessagesMax: 2 });
  await bench.accept('one');
  await bench.accept('two');
  // An empty server on which no recorder has been seen, and on which another writer fills the lane.
  await redis.flushall();
  bench.offer('three', 'broadcast');
  await until('blocked', () => bench.blocked.length > 1);
  const other = await Bench.open('other', { recorderSilenceMsMax: 1e14 });
  for (const text of ['x', 'y']) await other.accept(text);
  await recorderSeen(redis, keys);
  await sleep(100);
  assert.equal(bench.loop.failed, undefined);
  assert.deepEqual(bench.refused, []);
  await redis.xtrim(keys.lane('point-to-point', 4), 'MINID', '3-0');
  await redis.hset(keys.laneMeta('point-to-point'), 'delivered', 2);
  await bench.loop.idle();
  assert.equal(bench.replayed, 2);
  assert.deepEqual(await laneOf(), ['3-0 one', '4-0 two']);
  assert.deepEqual(await laneOf('broadcast'), ['1-0 three']);
});

test('a server that lost more than is kept is a GAP, and nothing is written over it', async () => {
  const bench = await Bench.open('gone');
  await bench.accept('too old');
  await sleep(2100);
  await bench.accept('recent');
  await redis.flushall();
  await recorderSeen(redis, keys);
  bench.offer('next');
  await assert.rejects(bench.loop.idle(), { code: 'GAP' });
  assert.deepEqual(await laneOf(), []);
});

test('a key of a foreign kind stops the loop with a fault of ours', async () => {
  const bench = await Bench.open('gone');
  await redis.set(keys.lane('point-to-point', 4), 'not a stream');
  bench.offer('x');
  await assert.rejects(bench.loop.idle(), {
    code: 'SCRIPT_REFUSED',
    message: 'SCRIPT_REFUSED: Redis answered WRONGTYPE',
  });
});

test('a closed connection ends the wait for an outcome: unknown, and the sender is told nothing', async () => {
  const bench = await Bench.open('gone');
  process.kill(server.pid, 'SIGSTOP');
  try {
    bench.offer('unknown');
    await sleep(20);
    opened.at(-1)?.close();
    await assert.rejects(bench.loop.idle(), { code: 'ACCEPT_UNKNOWN' });
    assert.equal(bench.settled.length, 0);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
});
