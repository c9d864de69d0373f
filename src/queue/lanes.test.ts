import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { stationLane } from '../message/delivery.ts';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { BodyStore } from './body-store.ts';
import { CourierUnderTest, GatewayUnderTest, settling } from './courier-under-test.ts';
import { slotKeys } from './keys.ts';
import type { ClassAtClaim } from './lane-turns.ts';
import type { Settlement } from './settle-call.ts';
import { contentOf, entriesOf, heldBy, onlooker, prefix, recorderSeen, redisNow } from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-lanes-'));
const keys = slotKeys('s0');
const opened: CourierUnderTest[] = [];
let server: RedisServer;
let redis: Redis;
let gateway: GatewayUnderTest;

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
  await recorderSeen(redis, keys);
  gateway = new GatewayUnderTest(redis, keys);
});
afterEach(() => {
  for (const courier of opened.splice(0)) courier.close();
});

const open = async (writer: string, options = {}): Promise<CourierUnderTest> => {
  const courier = await CourierUnderTest.open(server.url, keys, writer, options);
  opened.push(courier);
  return courier;
};
const accept = (...texts: readonly string[]) =>
  gateway.accept({ lanes: [entriesOf('broadcast', 4, ...texts)] });

/** A settlement of class 4, entries of two bytes each. */
const settled = (upTo: number, delivered: number, dead: readonly number[] = []): Settlement<string> => {
  const letters = dead.map((seq) => ({ seq, code: 'DELIVER_MESSAGE' }));
  return settling((delivered + dead.length) * 2, [prefix(4, upTo, { delivered, dead: letters })]);
};
const untouched: ClassAtClaim = { settled: 0, handedBefore: 0 };
const classesAt = (change: Readonly<Record<number, ClassAtClaim>> = {}) => ({
  ...Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((one) => [one, untouched])),
  ...change,
});
const broadcast = (field: string) => redis.hget(keys.laneMeta('broadcast'), field);

test('a second owner waits for lease and margin; then the first one is FENCED and writes nothing', async () => {
  await accept('m1', 'm2', 'm3', 'm4');
  const [first, second] = [await open('first'), await open('second')];
  const owned = await first.claim('broadcast');
  assert.deepEqual(owned, { lane: 'broadcast', token: 1, classes: classesAt() });
  assert.deepEqual(await first.take(owned, 4, 0, 3), ['1 m1', '2 m2', '3 m3']);
  await first.lanes.turn(owned, settled(1, 1), []);

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
  const take = { priorityClass: 4, after: 3, count: 9 } as const;
  await assert.rejects(first.lanes.turn(owned, settled(3, 2), [take]), { code: 'FENCED' });
  await assert.rejects(first.lanes.keep(owned), { code: 'FENCED' });
  assert.deepEqual(await first.lanes.renew([owned]), [owned]);
  await assert.rejects(first.lanes.release(owned, new Map([[4, 1]])), { code: 'FENCED' });
  assert.deepEqual(await contentOf(redis), before);

  // The successor reads again from the first unsettled entry; only what was handed out may be a repeat.
  const classes = classesAt({ 4: { settled: 1, handedBefore: 3 } });
  assert.deepEqual(taken, { lane: 'broadcast', token: 2, classes });
  assert.deepEqual(await second.take(taken, 4, 1, 9), ['2 m2', '3 m3', '4 m4']);
  await second.lanes.turn(taken, settled(4, 3), []);
  assert.equal(await broadcast('delivered'), '4');
});

test('every reply tells Redis time: claim, renewal and turn', async () => {
  const courier = await open('cour');
  const owned = await courier.claim('broadcast');
  await courier.lanes.renew([owned]);
  await courier.lanes.turn(owned, undefined, []);
  assert.equal(courier.clock.length, 3);
  const now = await redisNow(redis);
  for (const ms of courier.clock) assert.ok(now - ms >= 0 && now - ms < 2000, String(now - ms));
});

test('an owner may act only while more than a third of its lease is left', async () => {
  const courier = await open('cour', { times: { leaseMs: 900, marginMs: 0 } });
  const owned = await courier.claim('broadcast');
  assert.equal(courier.lanes.mayAct(owned), true);
  await sleep(250);
  assert.equal(courier.lanes.mayAct(owned), true);
  await sleep(400);
  assert.equal(courier.lanes.mayAct(owned), false);
  await courier.lanes.keep(owned);
  assert.equal(courier.lanes.mayAct(owned), true);
});

test('a lease counts from when its call was sent, not from when its reply came', async () => {
  const courier = await open('cour', { times: { leaseMs: 300, marginMs: 0 } });
  const owned = await courier.claim('broadcast');
  process.kill(server.pid, 'SIGSTOP');
  const renewed = courier.lanes.keep(owned);
  await sleep(250);
  process.kill(server.pid, 'SIGCONT');
  await renewed;
  assert.equal(courier.lanes.mayAct(owned), false);
});

test('the leases of many lanes are kept at once, and those that were lost are told', async () => {
  const courier = await open('cour', { times: { leaseMs: 60_000, marginMs: 0 } });
  const names = Array.from({ length: 300 }, (_, at) => stationLane(`zz${String(at)}`));
  const owned = await Promise.all(names.map((name) => courier.claim(name)));
  for (const { lane } of owned) await redis.hset(keys.laneMeta(lane), 'until', 5);
  for (const at of [7, 299]) await redis.hset(keys.laneMeta(names[at] ?? ''), 'token', 2);
  const lost = await courier.lanes.renew(owned);
  assert.deepEqual(
    lost.map(({ lane }) => lane),
    ['station.zz7', 'station.zz299'],
  );
  const untils = await Promise.all(names.map((name) => redis.hget(keys.laneMeta(name), 'until')));
  assert.deepEqual(
    untils.flatMap((until, at) => (until === '5' ? [at] : [])),
    [7, 299],
  );
});

test('a lane that is given back can be claimed at once, and only what may have reached somebody is a repeat', async () => {
  await accept('m1', 'm2', 'm3', 'm4');
  await gateway.accept({ lanes: [entriesOf('broadcast', 1, 'p1')] });
  const [first, second] = [await open('first'), await open('second')];
  const owned = await first.claim('broadcast');
  await first.take(owned, 4, 0, 4);
  await first.take(owned, 1, 0, 1);
  await first.lanes.turn(owned, settled(1, 1), []);
  await first.lanes.release(owned, new Map([[4, 2] as const, [1, 0] as const]));
  assert.equal(first.lanes.mayAct(owned), false);
  const { token, classes } = await second.claim('broadcast');
  assert.equal(token, 2);
  assert.deepEqual(classes, classesAt({ 4: { settled: 1, handedBefore: 2 } }));
});

test('turns of several lanes travel in one call and one page; one that is lost does not hold the others', async () => {
  await accept('b1', 'b2');
  await gateway.accept({ lanes: [entriesOf('point-to-point', 4, 'p1', 'p2')] });
  const [courier, thief] = [await open('cour'), await open('thief')];
  const [b, p] = [await courier.claim('broadcast'), await courier.claim('point-to-point')];
  await Promise.all([courier.take(b, 4, 0, 2), courier.take(p, 4, 0, 2)]);
  await Promise.all([courier.lanes.turn(b, settled(1, 1), []), courier.lanes.turn(p, settled(1, 1), [])]);
  assert.equal(courier.pages.n, 1);

  await redis.hset(keys.laneMeta('broadcast'), 'until', 0);
  await thief.claim('broadcast');
  const notices = [entriesOf('station.zz01', 4, 'of the lost lane')];
  const [lost, kept] = await Promise.allSettled([
    courier.lanes.turn(b, { ...settled(2, 1), notices, records: ['of the lost lane'] }, []),
    courier.lanes.turn(p, settled(2, 1), []),
  ]);
  assert.equal(lost.status === 'rejected' && (lost.reason as { code: string }).code, 'FENCED');
  assert.deepEqual(kept, { status: 'fulfilled', value: { waiting: 0, taken: [] } });
  assert.equal(await broadcast('delivered'), '1');
  const [, [, page]] = (await redis.xrevrange(keys.audit, '+', '-', 'COUNT', 1))[0] ?? ['', []];
  assert.match(page ?? '', /^2 [0-9a-f]{64} 4 to 2$/, 'the page holds the record of the kept lane only');
  assert.equal(await redis.exists(keys.lane('station.zz01', 4)), 0, 'and nobody is told of the other');
});

test('bodies and notices of all turns of a call are put together', async () => {
  const bodies = [{ messageId: 'm1', references: 3, sealed: Buffer.from('body') }];
  const lanes = [entriesOf('broadcast', 4, 'b1', 'b2'), entriesOf('point-to-point', 4, 'p1')];
  await gateway.accept({ lanes, bodies });
  const store = new BodyStore(redis, keys);
  const courier = await open('cour');
  const [b, p] = [await courier.claim('broadcast'), await courier.claim('point-to-point')];
  await Promise.all([courier.take(b, 4, 0, 2), courier.take(p, 4, 0, 2)]);
  const told = (text: string) => ({ bodies: ['m1'], notices: [entriesOf('station.zz01', 4, text)] });
  await Promise.all([
    courier.lanes.turn(b, { ...settled(1, 1), ...told('n1') }, []),
    courier.lanes.turn(p, { ...settled(1, 1), ...told('n2') }, []),
  ]);
  assert.equal(courier.pages.n, 1);
  assert.deepEqual(await heldBy(redis, keys, 'station.zz01', 4), ['1 n1', '2 n2']);
  assert.equal(await redis.hget(keys.body('m1'), 'n'), '1');
  assert.deepEqual(await store.read(['m1', 'unknown', 'm1']), new Map([['m1', Buffer.from('body')]]));
  await courier.lanes.turn(b, { ...settled(2, 1), bodies: ['m1'] }, []);
  assert.deepEqual(await store.read(['m1']), new Map());
});

test('full dead letters hold only the lanes that have one; when there is room again they go on by themselves', async () => {
  await accept('b1');
  await gateway.accept({ lanes: [entriesOf('point-to-point', 4, 'p1', 'p2')] });
  await redis.xadd(keys.dead, '*', 'f', '1');
  const courier = await open('cour', { limits: { deadMax: 1 }, times: { leaseMs: 6000, marginMs: 0 } });
  const [b, p] = [await courier.claim('broadcast'), await courier.claim('point-to-point')];
  await Promise.all([courier.take(b, 4, 0, 2), courier.take(p, 4, 0, 2)]);
  const held = courier.lanes.turn(b, settled(1, 0, [1]), []);
  assert.deepEqual(await courier.lanes.turn(p, settled(1, 1), []), { waiting: 1, taken: [] });
  assert.deepEqual(await courier.lanes.turn(p, settled(2, 1), []), { waiting: 0, taken: [] });
  assert.equal(await redis.xlen(keys.lane('broadcast', 4)), 1, 'the letter is still on its lane');
  await redis.del(keys.dead);
  assert.deepEqual(await held, { waiting: 0, taken: [] });
  assert.equal((await redis.xrange(keys.dead, '-', '+'))[0]?.[1].at(-1), 'b1');
});

test('a turn whose reply was lost is settled once, also when its lane was lost meanwhile', async () => {
  await accept('b1', 'b2');
  const courier = await open('cour');
  const owned = await courier.claim('broadcast');
  await courier.take(owned, 4, 0, 2);
  const { pid } = server;
  process.kill(pid, 'SIGSTOP');
  const notices = [entriesOf('station.zz01', 4, 'told once')];
  const turn = courier.lanes.turn(owned, { ...settled(2, 2), notices }, []);
  await sleep(500);
  // Both attempts lie in the stopped server's sockets; the first settles, the others find it stored.
  process.kill(pid, 'SIGCONT');
  assert.deepEqual(await turn, { waiting: 0, taken: [] });
  assert.equal(await broadcast('delivered'), '2');
  assert.deepEqual(await heldBy(redis, keys, 'station.zz01', 4), ['1 told once']);
  assert.equal(await redis.xlen(keys.audit), 2);

  // The same with a take-over between: played by hand, as if the stored page's reply had never come.
  await accept('b3');
  await courier.take(owned, 4, 2, 1);
  await courier.lanes.turn(owned, settled(3, 1), []);
  const stored = { n: courier.pages.n, head: courier.pages.head };
  courier.pages.n -= 1;
  courier.pages.head = (await redis.xrange(keys.audit, '-', '+')).at(-1)?.[1][1]?.slice(2, 66) ?? '';
  await redis.hset(keys.laneMeta('broadcast'), 'token', 99);
  await assert.rejects(courier.lanes.turn(owned, settled(3, 1), []), { code: 'FENCED' });
  assert.deepEqual({ n: courier.pages.n, head: courier.pages.head }, stored, 'its page counts');
  await courier.lanes.append(['still one chain']);
  assert.equal(courier.pages.n, stored.n + 1);
});

test('what is taken comes class by class with its deadline', async () => {
  const entries = [entriesOf('broadcast', 4, 'b1', ['b2', 5000]), entriesOf('broadcast', 1, 'p1')];
  await gateway.accept({ lanes: entries });
  const now = await redisNow(redis);
  const courier = await open('cour');
  const owned = await courier.claim('broadcast');
  const { waiting, taken } = await courier.lanes.turn(owned, undefined, [
    { priorityClass: 1, after: 0, count: 9 },
    { priorityClass: 4, after: 0, count: 2 },
  ]);
  assert.equal(waiting, 3);
  assert.deepEqual(
    taken.map(({ priorityClass, seq, isDue, entry }) => [priorityClass, seq, isDue, entry.toString()]),
    [
      [1, 1, false, 'p1'],
      [4, 1, false, 'b1'],
      [4, 2, true, 'b2'],
    ],
  );
  assert.ok(Math.abs((taken[2]?.deadlineMs ?? 0) - now - 5000) < 2000);
  assert.ok(Math.abs((taken[0]?.deadlineMs ?? 0) - now - 3_600_000) < 2000);
});

test('what is taken beside a settlement comes in the order asked for, not in that of the settled classes', async () => {
  await gateway.accept({ lanes: [entriesOf('broadcast', 4, 'b1', 'b2'), entriesOf('broadcast', 1, 'p1')] });
  const courier = await open('cour');
  const owned = await courier.claim('broadcast');
  await courier.take(owned, 4, 0, 1);
  const { taken } = await courier.lanes.turn(owned, settled(1, 1), [
    { priorityClass: 1, after: 0, count: 9 },
    { priorityClass: 4, after: 1, count: 9 },
  ]);
  assert.deepEqual(
    taken.map(({ entry }) => entry.toString()),
    ['p1', 'b2'],
  );
});

test('records of no lane are appended to the same chain', async () => {
  const courier = await open('cour');
  await courier.lanes.append(['opening', 'head']);
  await courier.lanes.append(['closing']);
  assert.equal(courier.pages.n, 2);
  assert.equal(await redis.get(keys.instance('courier:one')), 'cour');
  assert.equal(await redis.hget(keys.writer('cour'), 'head'), courier.pages.head);
});

test('a chain that another process has continued is a GAP for every lane of the call', async () => {
  await accept('b1');
  const courier = await open('cour');
  const owned = await courier.claim('broadcast');
  await courier.take(owned, 4, 0, 1);
  await redis.hset(keys.writer('cour'), 'n', 7, 'head', 'f'.repeat(64));
  await assert.rejects(courier.lanes.turn(owned, settled(1, 1), []), { code: 'GAP' });
  assert.equal(await redis.xlen(keys.lane('broadcast', 4)), 1);
});

test('a wrong count from the caller is a fault of ours, and the entries stay', async () => {
  await accept('b1', 'b2');
  const courier = await open('cour');
  const owned = await courier.claim('broadcast');
  await courier.take(owned, 4, 0, 2);
  await assert.rejects(courier.lanes.turn(owned, settled(2, 1), []), { code: 'SCRIPT_REFUSED' });
  assert.equal(await redis.xlen(keys.lane('broadcast', 4)), 2);
});
