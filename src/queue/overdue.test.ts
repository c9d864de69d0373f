import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import type { AppendPage } from './batch.ts';
import { CourierUnderTest, GatewayUnderTest, settling } from './courier-under-test.ts';
import { slotKeys } from './keys.ts';
import { expireScript } from './lane-scripts.ts';
import { imbalance, readLane } from './ledger.ts';
import { Overdue, type OverdueEntry } from './overdue.ts';
import type { ScriptArgument } from './script-call.ts';
import { pageArguments, pageKeys, pushRest } from './settle-call.ts';
import {
  contentOf,
  entriesOf,
  evaluate,
  heldBy,
  limits,
  onlooker,
  type OpenCall,
  prefix,
  recorderSeen,
  ringsOf,
} from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-overdue-'));
const keys = slotKeys('s0');
const lane = 'station.zz01';
const writer = { writer: 'cour', instance: 'courier:one' };
let server: RedisServer;
let redis: Redis;
let gateway: GatewayUnderTest;
let courier: CourierUnderTest;
let overdue: Overdue;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** A station that is away: in class 4 the second and fourth of five are past their deadline, in class 1 the only one; all share bodies. */
beforeEach(async () => {
  await redis.flushall();
  await recorderSeen(redis, keys);
  gateway = new GatewayUnderTest(redis, keys);
  courier = await CourierUnderTest.open(server.url, keys, 'cour', {
    times: { leaseMs: 60_000, marginMs: 0 },
  });
  overdue = new Overdue(redis, keys);
  await gateway.accept({
    lanes: [
      entriesOf(lane, 4, 'e1', ['e2', 1], ['e3', 60_000], ['e4', 1], 'e5'),
      entriesOf(lane, 1, ['p1', 1]),
    ],
    bodies: [
      { messageId: 'm1', references: 3, sealed: Buffer.from('body') },
      { messageId: 'm2', references: 1, sealed: Buffer.from('body') },
    ],
  });
  await redis.del(keys.bells.courier, keys.bells.gateway);
  await sleep(5);
});
afterEach(() => {
  courier.close();
});

const saying = (found: readonly OverdueEntry[]): readonly string[] =>
  found
    .map(
      ({ priorityClass, seq, entry, wasHanded }) =>
        `${String(priorityClass)} ${String(seq)} ${entry.toString()}${wasHanded ? ' handed' : ''}`,
    )
    .toSorted();
const told = {
  records: ['expired'],
  bodies: ['m1', 'm1', 'm2'],
  notices: [entriesOf('station.zz09', 4, 'notice')],
};
const quietly = { records: ['expired'], bodies: [], notices: [] };
const counters = (...fields: readonly string[]) => redis.hmget(keys.laneMeta(lane), ...fields);

test('what is past its own deadline is found, and taken off in one step: counted, told, its bodies counted down', async () => {
  const found = await overdue.byDeadline();
  assert.deepEqual(saying(found), ['1 1 p1', '4 2 e2', '4 4 e4']);
  assert.equal(await overdue.expire(courier.lanes, found, told), true);
  assert.deepEqual(await heldBy(redis, keys, lane, 4), ['1 e1', '3 e3', '5 e5']);
  assert.deepEqual(await heldBy(redis, keys, lane, 1), []);
  assert.deepEqual(await counters('in', 'expired', 'g4', 'g1', 'bytes', 's4'), [
    '6',
    '3',
    '2',
    '1',
    '6',
    null,
  ]);
  assert.equal(imbalance(await readLane(redis, keys, lane)), 0);
  assert.deepEqual(await redis.zrange(keys.due, '0', '-1'), [`${lane} 4 3`]);
  assert.equal(await redis.hget(keys.body('m1'), 'n'), '1');
  assert.equal(await redis.exists(keys.body('m2')), 0);
  assert.deepEqual(await heldBy(redis, keys, 'station.zz09', 4), ['1 notice']);
  assert.deepEqual(await ringsOf(redis, keys.bells.gateway), ['station.zz09']);
  assert.deepEqual((await redis.smembers(keys.ready)).toSorted(), [lane, 'station.zz09']);
  assert.equal(courier.pages.n, 1);
  assert.equal(await redis.hget(keys.writer('cour'), 'head'), courier.pages.head);
  assert.deepEqual(await overdue.byDeadline(), []);
});

test('what waited as long as lanes hold anything is found at the front of its class', async () => {
  await gateway.accept({ lanes: [entriesOf('broadcast', 2, 'b1', 'b2')] }, { laneHoldMs: 1 });
  await gateway.accept({ lanes: [entriesOf('broadcast', 2, 'b3')] });
  await sleep(5);
  const found = await overdue.byHold();
  assert.deepEqual(saying(found), ['1 1 p1', '2 1 b1', '2 2 b2']);
  assert.equal(await overdue.expire(courier.lanes, found, quietly), true);
  assert.deepEqual(await redis.hmget(keys.laneMeta('broadcast'), 'expired', 'g2'), ['2', '2']);
});

test('a lane with nothing left leaves the ready set, and the next entry rings although the owner was given nothing', async () => {
  await gateway.accept({ lanes: [entriesOf('broadcast', 2, ['b1', 1], ['b2', 1])] });
  await sleep(5);
  assert.equal(await overdue.expire(courier.lanes, await overdue.byDeadline(), quietly), true);
  assert.deepEqual(await redis.smembers(keys.ready), [lane]);
  await redis.del(keys.bells.courier);
  await gateway.accept({ lanes: [entriesOf('broadcast', 2, 'b3')] });
  assert.deepEqual(await ringsOf(redis, keys.bells.courier), ['broadcast']);
  assert.deepEqual(
    await heldBy(redis, keys, 'broadcast', 2),
    ['3 b3'],
    'numbers of what is gone do not come again',
  );
});

test('what a live owner was given is its own to judge', async () => {
  const found = await overdue.byDeadline();
  await courier.take(await courier.claim(lane), 4, 0, 2);
  assert.deepEqual(saying(await overdue.byDeadline()), ['1 1 p1', '4 4 e4']);
  const before = await contentOf(redis);
  assert.equal(await overdue.expire(courier.lanes, found, told), false, 'STALE: e2 was handed out since');
  assert.deepEqual(await contentOf(redis), before);
  assert.equal(courier.pages.n, 0);
  assert.equal(await overdue.expire(courier.lanes, await overdue.byDeadline(), quietly), true);
  assert.deepEqual(await heldBy(redis, keys, lane, 4), ['1 e1', '2 e2', '3 e3', '5 e5']);
});

/** The lease of the lane's owner runs out. */
const leaseEnds = () => redis.hset(keys.laneMeta(lane), 'until', 1);

test('what an owner that is gone was given is found as handed out and taken off, and the next owner settles past it', async () => {
  await courier.take(await courier.claim(lane), 4, 0, 3);
  await leaseEnds();
  const found = await overdue.byDeadline();
  assert.deepEqual(saying(found), ['1 1 p1', '4 2 e2 handed', '4 4 e4']);
  assert.equal(await overdue.expire(courier.lanes, found, told), true);
  assert.deepEqual(await heldBy(redis, keys, lane, 4), ['1 e1', '3 e3', '5 e5']);
  assert.deepEqual(await counters('s4', 'h4', 'g4', 'expired'), [null, '3', '2', '3']);

  const owned = await courier.claim(lane);
  assert.deepEqual(owned.classes[4], { settled: 0, handedBefore: 3 });
  assert.deepEqual(await courier.take(owned, 4, 0, 9), ['1 e1', '3 e3', '5 e5']);
  const wrong = settling(6, [prefix(4, 5, { delivered: 4, gone: 1, due: [3] })]);
  await assert.rejects(courier.lanes.turn(owned, wrong, []), { code: 'SCRIPT_REFUSED' });
  const first = settling(4, [prefix(4, 3, { delivered: 2, gone: 1, due: [3] })]);
  await courier.lanes.turn(owned, first, []);
  assert.deepEqual(await counters('s4', 'h4', 'g4'), ['3', '5', '1']);
  const rest = settling(2, [prefix(4, 5, { delivered: 1, gone: 1 })]);
  assert.equal((await courier.lanes.turn(owned, rest, [])).waiting, 0);
  assert.deepEqual(await counters('s4', 'h4', 'g4', 'delivered', 'bytes'), ['5', '5', '0', '3', '0']);
  assert.equal(imbalance(await readLane(redis, keys, lane)), 0);
  assert.deepEqual(await redis.zrange(keys.due, '0', '-1'), []);
});

test('all that an owner that is gone was given may expire by the hold, and the class goes on behind it', async () => {
  await gateway.accept({ lanes: [entriesOf(lane, 2, 'b1', 'b2', 'b3')] }, { laneHoldMs: 1 });
  await courier.take(await courier.claim(lane), 2, 0, 2);
  await leaseEnds();
  await sleep(5);
  const found = await overdue.byHold();
  assert.deepEqual(saying(found), ['1 1 p1', '2 1 b1 handed', '2 2 b2 handed', '2 3 b3']);
  assert.equal(await overdue.expire(courier.lanes, found, quietly), true);
  assert.deepEqual(await counters('s2', 'h2', 'g2'), [null, '2', '3']);
  await gateway.accept({ lanes: [entriesOf(lane, 2, 'b4')] });
  assert.deepEqual(await ringsOf(redis, keys.bells.gateway), [lane, lane], 'nobody has b4');
  const owned = await courier.claim(lane);
  assert.deepEqual(await courier.take(owned, 2, 0, 9), ['4 b4']);
  await courier.lanes.turn(owned, settling(2, [prefix(2, 4, { delivered: 1, gone: 3 })]), []);
  assert.deepEqual(await counters('s2', 'h2', 'g2'), ['4', '4', '0']);
  assert.equal(imbalance(await readLane(redis, keys, lane)), 0);
});

test('an owner that was only slow goes on, unless a sweep took what it was given: then it is fenced', async () => {
  const owned = await courier.claim(lane);
  await courier.take(owned, 4, 0, 2);
  await leaseEnds();
  const [p1, e2, e4] = (await overdue.byDeadline()).toSorted((a, b) => a.seq - b.seq);
  assert.ok(p1 && e2 && e4);
  assert.equal(await overdue.expire(courier.lanes, [p1, e4], quietly), true);
  await courier.lanes.turn(owned, settling(2, [prefix(4, 1, { delivered: 1 })]), []);
  await leaseEnds();
  assert.equal(await overdue.expire(courier.lanes, [e2], quietly), true);
  const before = await contentOf(redis);
  const late = settling(2, [prefix(4, 2, { delivered: 1, due: [2] })]);
  await assert.rejects(courier.lanes.turn(owned, late, []), { code: 'FENCED' });
  await assert.rejects(courier.lanes.keep(owned), { code: 'FENCED' });
  assert.deepEqual(await contentOf(redis), before);
  assert.equal((await courier.claim(lane)).token, 3);
});

test('an entry rings when a sweep took all that stood between it and what a live owner was given', async () => {
  await gateway.accept({ lanes: [entriesOf('broadcast', 2, 'b1', ['b2', 1])] });
  await courier.take(await courier.claim('broadcast'), 2, 0, 1);
  await sleep(5);
  assert.equal(await overdue.expire(courier.lanes, await overdue.byDeadline(), quietly), true);
  await redis.del(keys.bells.courier);
  await gateway.accept({ lanes: [entriesOf('broadcast', 2, 'b3')] });
  await gateway.accept({ lanes: [entriesOf('broadcast', 2, 'b4')] });
  assert.deepEqual(await ringsOf(redis, keys.bells.courier), ['broadcast'], 'b3 rings, b4 need not');
});

test('what a live owner holds does not hide what is overdue elsewhere, however much it is', async () => {
  const texts = Array.from({ length: 1500 }, (_, at) => [`x${String(at)}`, 1] as const);
  await redis.del(keys.due);
  await gateway.accept({ lanes: [entriesOf('broadcast', 2, ...texts)] }, { laneMessagesMax: 2000 });
  await courier.take(await courier.claim('broadcast'), 2, 0, 1500);
  await sleep(5);
  await gateway.accept({ lanes: [entriesOf('point-to-point', 2, ['late', 1])] });
  await sleep(5);
  const found = await overdue.byDeadline();
  assert.deepEqual(
    found.map(({ lane: of, entry }) => `${of} ${entry.toString()}`),
    ['point-to-point late'],
  );
  assert.equal(await redis.zcard(keys.due), 1501);
});

test('a member of the due set whose entry is gone or settled is taken out, and hides nothing behind it', async () => {
  const owned = await courier.claim(lane);
  await courier.take(owned, 4, 0, 1);
  await courier.lanes.turn(owned, settling(2, [prefix(4, 1, { delivered: 1 })]), []);
  await courier.lanes.release(owned, new Map());
  await redis.zadd(keys.due, 1, `${lane} 4 1`);
  const none = Array.from({ length: 1500 }, (_, at) => [1, `broadcast 4 ${String(at + 1)}`]);
  await redis.zadd(keys.due, ...none.flat());
  assert.deepEqual(saying(await overdue.byDeadline()), ['1 1 p1', '4 2 e2', '4 4 e4']);
  assert.deepEqual((await redis.zrange(keys.due, '0', '-1')).toSorted(), [
    `${lane} 1 1`,
    `${lane} 4 2`,
    `${lane} 4 3`,
    `${lane} 4 4`,
  ]);
});

test('what an owner gave back is a sweep’s: as handed out only what it may have sent', async () => {
  const owned = await courier.claim(lane);
  await courier.take(owned, 4, 0, 5);
  await courier.lanes.release(owned, new Map([[4, 2]]));
  assert.deepEqual(saying(await overdue.byDeadline()), ['1 1 p1', '4 2 e2 handed', '4 4 e4']);
});

test('an owner settles past numbers that are gone, and a sweep past numbers that are settled', async () => {
  assert.equal(await overdue.expire(courier.lanes, await overdue.byDeadline(), quietly), true);
  const owned = await courier.claim(lane);
  assert.deepEqual(await courier.take(owned, 4, 0, 2), ['1 e1', '3 e3']);
  const done = prefix(4, 3, { delivered: 2, gone: 1, due: [3] });
  await courier.lanes.turn(owned, settling(4, [done]), []);
  assert.deepEqual(await counters('s4', 'h4', 'g4', 'delivered', 'expired'), ['3', '3', '1', '2', '3']);
  assert.equal(imbalance(await readLane(redis, keys, lane)), 0);
  assert.deepEqual(await redis.zrange(keys.due, '0', '-1'), []);
});

test('STALE writes nothing: an entry that is gone, settled, not yet past, or another one among good ones', async () => {
  const found = await overdue.byDeadline();
  const other = (priorityClass: 4 | 1, seq: number): OverdueEntry => ({
    lane,
    priorityClass,
    seq,
    entry: Buffer.from('e1'),
    wasHanded: false,
  });
  for (const stale of [other(4, 1), other(4, 3), other(4, 9)]) {
    const before = await contentOf(redis);
    const others = found.filter(({ seq }) => seq !== stale.seq);
    assert.equal(await overdue.expire(courier.lanes, [...others, stale], told), false);
    assert.deepEqual(await contentOf(redis), before);
  }
  assert.equal(await overdue.expire(courier.lanes, found, quietly), true);
  assert.equal(await overdue.expire(courier.lanes, found, quietly), false, 'once is enough');
  assert.deepEqual(await counters('expired'), ['3']);
});

/** The script's own call, as `Overdue.expire` makes it, open to be changed: two entries of class 4, one of class 1. */
const openExpireCall = (page: AppendPage = courier.pages.build('expired')): OpenCall => {
  const call: { keys: string[]; args: ScriptArgument[] } = { keys: [], args: [] };
  for (const [priorityClass, seqs] of [
    [4, [2, 4]],
    [1, [1]],
  ] as const) {
    call.keys.push(keys.laneMeta(lane), keys.lane(lane, priorityClass));
    call.args.push(lane, priorityClass, 2 * seqs.length, seqs.length, ...seqs);
  }
  const rest = pushRest(told.bodies, told.notices, keys, call);
  const page_ = pageArguments(page, writer, { deadMax: 1, leaseMs: 1, laneHoldMs: limits.laneHoldMs });
  return {
    keys: [...pageKeys(keys, writer), ...call.keys],
    args: [...page_, 2, rest.bodies, rest.lanes, ...call.args],
  };
};
const run = async (call: OpenCall) => (await evaluate(redis, expireScript, call)).map(String);

test('a resent call takes nothing off twice', async () => {
  const call = openExpireCall();
  assert.deepEqual(await run(call), ['OK']);
  const before = await contentOf(redis);
  assert.deepEqual(await run(call), ['OK']);
  assert.deepEqual(await contentOf(redis), before);
  const ahead = openExpireCall({ ...courier.pages.build('x'), n: 3 });
  assert.equal((await run(ahead))[0], 'GAP');
  assert.deepEqual(await contentOf(redis), before);
});

test('a key of the wrong type, a counter that is none or arguments of another shape write nothing', async () => {
  const { keys: names, args } = openExpireCall();
  const assertRefused = async (call: OpenCall, says: string): Promise<void> => {
    const before = await contentOf(redis);
    const reply = await run(call).catch((error: unknown) => [
      String(error).includes('WRONGTYPE') ? 'SHAPE' : '',
    ]);
    assert.ok(['SHAPE', 'STALE'].includes(reply[0] ?? ''), `${says}: ${String(reply[0])}`);
    assert.deepEqual(await contentOf(redis), before, says);
  };
  for (const key of names) {
    const kept: unknown = await redis.dumpBuffer(key);
    await redis.del(key);
    await redis.rpush(key, 'a list');
    await assertRefused({ keys: names, args }, key);
    await redis.del(key);
    if (Buffer.isBuffer(kept)) await redis.restore(key, 0, kept);
  }
  for (const field of ['in', 'expired', 'bytes', 's4', 'h4', 'g4', 'token']) {
    const [kept] = await counters(field);
    await redis.hset(keys.laneMeta(lane), field, '1.5');
    await assertRefused({ keys: names, args }, field);
    if (typeof kept === 'string') await redis.hset(keys.laneMeta(lane), field, kept);
    else await redis.hdel(keys.laneMeta(lane), field);
  }
  // Header to 11; class 4 from 12, its numbers at 16 and 17; class 1 from 18; two bodies at 23; the notice's lane from 25.
  const numbers = [0, 8, 9, 10, 11, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 26, 27, 28, 29, 30];
  for (const at of numbers) {
    for (const value of ['many', '', '-1', '1e9', '1.5']) {
      await assertRefused({ keys: names, args: args.with(at, value) }, `${String(at)} ${value}`);
    }
  }
  for (const at of [9, 10, 11, 15, 21, 27, 29]) {
    for (const value of [0, 1, 2, 3, 99].filter((one) => one !== Number(args[at]))) {
      await assertRefused({ keys: names, args: args.with(at, value) }, `${String(at)} ${String(value)}`);
    }
  }
  await assertRefused({ keys: names, args: args.with(1, 'short') }, 'previous head');
  await assertRefused({ keys: names, args: args.with(3, '') }, 'page');
  await assertRefused({ keys: names, args: args.with(17, 2) }, 'a number twice');
  await assertRefused(
    { keys: names.map((key) => key.replace(`${lane}:1`, `${lane}:4`)), args },
    'a class twice',
  );
  await assertRefused({ keys: names, args: args.slice(0, -1) }, 'one less');
  await assertRefused({ keys: names, args: [...args, 'x'] }, 'one more');
  await assertRefused({ keys: [...names, 'x'], args }, 'a key more');
  for (const less of [1, 2, 3, 4, 5, 6])
    await assertRefused({ keys: names.slice(0, -less), args }, 'keys less');
  assert.deepEqual(await run({ keys: names, args }), ['OK'], 'and unchanged it is done');
});

test('a full server still lets a sweep make room', async () => {
  await redis.config('SET', 'maxmemory', '1000');
  try {
    assert.deepEqual(await run(openExpireCall()), ['OK']);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});
