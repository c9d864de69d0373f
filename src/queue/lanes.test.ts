import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { acceptScript } from './accept-script.ts';
import { HotConnection } from './hot-connection.ts';
import { slotKeys } from './keys.ts';
import { type LeaseTimes, type OwnedLane, OwnedLanes, type Settlement } from './lanes.ts';
import { acceptCall, contentOf, onlooker, Pages, recorderSeen } from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-lanes-'));
const keys = slotKeys('s0');
const lease: LeaseTimes = { leaseMs: 600, marginMs: 200 };
const opened: HotConnection[] = [];
let server: RedisServer;
let redis: Redis;
let gateway: Pages;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
});
after(async () => {
  for (const connection of opened) connection.close();
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await redis.flushall();
  await recorderSeen(redis, keys);
  gateway = new Pages();
});

const accept = async (lane: string, ...texts: readonly string[]): Promise<void> => {
  const page = gateway.build('accepted');
  const call = acceptCall(keys, 'gate', page, [{ lane, entries: texts.map((text) => Buffer.from(text)) }]);
  const reply = (await redis.eval(acceptScript, call.keys.length, ...call.keys, ...call.args)) as unknown[];
  assert.equal(reply[0], 'OK');
  gateway.commit(page);
};

/** One courier process as far as the queue sees it. `pages` counts what it made durable. */
class Courier {
  readonly pages = new Pages();
  readonly lanes: OwnedLanes<string>;

  constructor(writer: string, connection: HotConnection, deadMax: number, times: LeaseTimes) {
    this.lanes = new OwnedLanes<string>({
      connection,
      keys,
      writer: { writer, instance: 'courier:one' },
      lease: times,
      deadMax,
      build: (records) => this.pages.build(records.join(' ')),
      commit: (page) => {
        this.pages.commit(page);
      },
    });
  }

  static async open(writer: string, { deadMax = 100, times = lease } = {}): Promise<Courier> {
    const nothing = () => undefined;
    const connection = new HotConnection({
      url: server.url,
      attemptTimeoutMs: 150,
      onDown: nothing,
      onUp: nothing,
    });
    opened.push(connection);
    await connection.connect();
    return new Courier(writer, connection, deadMax, times);
  }

  async claim(lane: string): Promise<OwnedLane> {
    const claimed = await this.lanes.claim(lane);
    if ('heldForMs' in claimed) throw new Error(`held for ${String(claimed.heldForMs)} ms`);
    return claimed;
  }

  async take(owned: OwnedLane, after: number, count: number): Promise<readonly string[]> {
    const { taken } = await this.lanes.turn(owned, undefined, { after, count });
    return taken.map(({ seq, entry }) => `${String(seq)} ${entry.toString()}`);
  }
}

const settled = (upTo: number, delivered: number, dead: readonly number[] = []): Settlement<string> => ({
  upTo,
  delivered,
  bytes: (delivered + dead.length) * 2,
  dead: dead.map((seq) => ({ seq, code: 'DELIVER_MESSAGE' })),
  records: [`up to ${String(upTo)}`],
});
const none = { after: 0, count: 0 };

test('a second owner waits for lease and margin; then the first one is FENCED and writes nothing', async () => {
  await accept('broadcast', 'm1', 'm2', 'm3', 'm4');
  const [first, second] = [await Courier.open('first'), await Courier.open('second')];
  const owned = await first.claim('broadcast');
  assert.deepEqual(owned, { lane: 'broadcast', token: 1, handedBefore: 0, settledAtClaim: 0 });
  assert.deepEqual(await first.take(owned, 0, 3), ['1 m1', '2 m2', '3 m3']);
  await first.lanes.turn(owned, settled(1, 1), none);

  const held = await second.lanes.claim('broadcast');
  assert.ok('heldForMs' in held && held.heldForMs > 400 && held.heldForMs <= 800);
  const heldUntil = performance.now() + held.heldForMs;
  await sleep(held.heldForMs - 150);
  assert.ok(
    'heldForMs' in (await second.lanes.claim('broadcast')),
    'neither lease nor margin may be cut short',
  );
  await sleep(Math.max(0, heldUntil - performance.now()) + 20);
  const taken = await second.claim('broadcast');

  const before = await contentOf(redis);
  await assert.rejects(first.lanes.turn(owned, settled(3, 2), { after: 3, count: 9 }), { code: 'FENCED' });
  await assert.rejects(first.lanes.renew(owned), { code: 'FENCED' });
  await assert.rejects(first.lanes.release(owned), { code: 'FENCED' });
  assert.deepEqual(await contentOf(redis), before);

  // The successor reads again from the first unsettled entry; only what was handed out may be a repeat.
  assert.deepEqual(taken, { lane: 'broadcast', token: 2, handedBefore: 3, settledAtClaim: 1 });
  assert.deepEqual(await second.take(taken, taken.settledAtClaim, 9), ['2 m2', '3 m3', '4 m4']);
  await second.lanes.turn(taken, settled(4, 3), none);
  assert.equal(await redis.hget(keys.laneMeta('broadcast'), 'delivered'), '4');
});

test('an owner may act only while more than a third of its lease is left', async () => {
  const courier = await Courier.open('cour', { times: { leaseMs: 900, marginMs: 0 } });
  const owned = await courier.claim('broadcast');
  assert.equal(courier.lanes.mayAct(owned), true);
  await sleep(250);
  assert.equal(courier.lanes.mayAct(owned), true);
  await sleep(400);
  assert.equal(courier.lanes.mayAct(owned), false);
  await courier.lanes.renew(owned);
  assert.equal(courier.lanes.mayAct(owned), true);
  await sleep(610);
  await courier.lanes.turn(owned, undefined, none);
  assert.equal(courier.lanes.mayAct(owned), true, 'a turn lengthens the lease as well');
  await courier.lanes.release(owned);
  assert.equal(courier.lanes.mayAct(owned), false);
});

test('the lease counts from when the call was sent, not from when the reply came', async () => {
  const courier = await Courier.open('cour', { times: { leaseMs: 300, marginMs: 0 } });
  const owned = await courier.claim('broadcast');
  process.kill(server.pid, 'SIGSTOP');
  const renewed = courier.lanes.renew(owned);
  await sleep(250);
  process.kill(server.pid, 'SIGCONT');
  await renewed;
  assert.equal(courier.lanes.mayAct(owned), false);
});

test('a lane that is given back can be claimed at once', async () => {
  const [first, second] = [await Courier.open('first'), await Courier.open('second')];
  await first.lanes.release(await first.claim('broadcast'));
  assert.equal((await second.claim('broadcast')).token, 2);
});

test('turns of several lanes travel in one call and one page; one that is lost does not hold the others', async () => {
  await accept('broadcast', 'b1', 'b2');
  await accept('point-to-point', 'p1', 'p2');
  const [courier, thief] = [await Courier.open('cour'), await Courier.open('thief')];
  const [b, p] = [await courier.claim('broadcast'), await courier.claim('point-to-point')];
  await Promise.all([courier.take(b, 0, 2), courier.take(p, 0, 2)]);
  await Promise.all([courier.lanes.turn(b, settled(1, 1), none), courier.lanes.turn(p, settled(1, 1), none)]);
  assert.equal(courier.pages.n, 1);

  await redis.hset(keys.laneMeta('broadcast'), 'until', 0);
  await thief.claim('broadcast');
  const [lost, kept] = await Promise.allSettled([
    courier.lanes.turn(b, settled(2, 1), none),
    courier.lanes.turn(p, settled(2, 1), none),
  ]);
  assert.equal(lost.status === 'rejected' && (lost.reason as { code: string }).code, 'FENCED');
  assert.deepEqual(kept, { status: 'fulfilled', value: { waiting: 0, taken: [] } });
  assert.equal(await redis.hget(keys.laneMeta('broadcast'), 'delivered'), '1');
  const [, [, page]] = (await redis.xrevrange(keys.audit, '+', '-', 'COUNT', 1))[0] ?? ['', []];
  assert.match(page ?? '', /^2 [0-9a-f]{64} up to 2$/, 'the page holds the record of the kept lane only');
});

test('full dead letters hold only the lanes that have one; when there is room again they go on by themselves', async () => {
  await accept('broadcast', 'b1');
  await accept('point-to-point', 'p1', 'p2');
  await redis.xadd(keys.dead, '*', 'f', '1');
  const courier = await Courier.open('cour', { deadMax: 1, times: { leaseMs: 6000, marginMs: 0 } });
  const [b, p] = [await courier.claim('broadcast'), await courier.claim('point-to-point')];
  await Promise.all([courier.take(b, 0, 2), courier.take(p, 0, 2)]);
  const held = courier.lanes.turn(b, settled(1, 0, [1]), none);
  assert.deepEqual(await courier.lanes.turn(p, settled(1, 1), none), { waiting: 1, taken: [] });
  assert.deepEqual(await courier.lanes.turn(p, settled(2, 1), none), { waiting: 0, taken: [] });
  assert.equal(await redis.xlen(keys.lane('broadcast')), 1, 'the letter is still on its lane');
  await redis.del(keys.dead);
  assert.deepEqual(await held, { waiting: 0, taken: [] });
  assert.equal((await redis.xrange(keys.dead, '-', '+'))[0]?.[1].at(-1), 'b1');
});

test('a turn whose reply was lost is settled once, also when its lane was lost meanwhile', async () => {
  await accept('broadcast', 'b1', 'b2');
  const courier = await Courier.open('cour');
  const owned = await courier.claim('broadcast');
  await courier.take(owned, 0, 2);
  const { pid } = server;
  process.kill(pid, 'SIGSTOP');
  const turn = courier.lanes.turn(owned, settled(2, 2), none);
  await sleep(500);
  // Both attempts lie in the stopped server's sockets; the first settles, the others find it stored.
  process.kill(pid, 'SIGCONT');
  assert.deepEqual(await turn, { waiting: 0, taken: [] });
  assert.equal(await redis.hget(keys.laneMeta('broadcast'), 'delivered'), '2');
  assert.equal(await redis.xlen(keys.audit), 2);

  // The same with a take-over between: played by hand, as if the stored page's reply had never come.
  await accept('broadcast', 'b3');
  await courier.take(owned, 2, 1);
  await courier.lanes.turn(owned, settled(3, 1), none);
  const stored = { n: courier.pages.n, head: courier.pages.head };
  courier.pages.n -= 1;
  courier.pages.head = (await redis.xrange(keys.audit, '-', '+')).at(-1)?.[1][1]?.slice(2, 66) ?? '';
  await redis.hset(keys.laneMeta('broadcast'), 'token', 99);
  await assert.rejects(courier.lanes.turn(owned, settled(3, 1), none), { code: 'FENCED' });
  assert.deepEqual({ n: courier.pages.n, head: courier.pages.head }, stored, 'its page counts');
  await courier.lanes.append(['still one chain']);
  assert.equal(courier.pages.n, stored.n + 1);
});

test('records of no lane are appended to the same chain', async () => {
  const courier = await Courier.open('cour');
  await courier.lanes.append(['opening', 'head']);
  await courier.lanes.append(['closing']);
  assert.equal(courier.pages.n, 2);
  assert.equal(await redis.get(keys.instance('courier:one')), 'cour');
  assert.equal(await redis.hget(keys.writer('cour'), 'head'), courier.pages.head);
});

test('a chain that another process has continued is a GAP for every lane of the call', async () => {
  await accept('broadcast', 'b1');
  const courier = await Courier.open('cour');
  const owned = await courier.claim('broadcast');
  await courier.take(owned, 0, 1);
  await redis.hset(keys.writer('cour'), 'n', 7, 'head', 'f'.repeat(64));
  await assert.rejects(courier.lanes.turn(owned, settled(1, 1), none), { code: 'GAP' });
  assert.equal(await redis.xlen(keys.lane('broadcast')), 1);
});

test('a wrong count from the caller is a fault of ours, and the entries stay', async () => {
  await accept('broadcast', 'b1', 'b2');
  const courier = await Courier.open('cour');
  const owned = await courier.claim('broadcast');
  await courier.take(owned, 0, 2);
  await assert.rejects(courier.lanes.turn(owned, settled(2, 1), none), { code: 'SCRIPT_REFUSED' });
  assert.equal(await redis.xlen(keys.lane('broadcast')), 2);
});
