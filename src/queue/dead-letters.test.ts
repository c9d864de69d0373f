import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { CourierUnderTest, GatewayUnderTest, settling } from './courier-under-test.ts';
import { DeadLetters } from './dead-letters.ts';
import { slotKeys } from './keys.ts';
import { pushLanes } from './lane-entries.ts';
import { redriveScript } from './redrive-script.ts';
import { imbalance, readLane } from './ledger.ts';
import type { ScriptArgument } from './script-call.ts';
import { pageArguments, pageKeys } from './settle-call.ts';
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
  redisNow,
  ringsOf,
} from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-dead-'));
const keys = slotKeys('s0');
const writer = { writer: 'cour', instance: 'courier:one' };
const code = 'DELIVER_MESSAGE';
let server: RedisServer;
let redis: Redis;
let courier: CourierUnderTest;
let letters: DeadLetters;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** Three dead letters: `b1` and `b3` of broadcast, class 4, and `p1` of class 1; `b2` was delivered. All shared one body. */
beforeEach(async () => {
  await redis.flushall();
  await recorderSeen(redis, keys);
  const gateway = new GatewayUnderTest(redis, keys);
  courier = await CourierUnderTest.open(server.url, keys, 'cour', {
    times: { leaseMs: 60_000, marginMs: 0 },
  });
  letters = new DeadLetters(redis, keys);
  await gateway.accept({
    lanes: [entriesOf('broadcast', 4, 'b1', 'b2', 'b3'), entriesOf('broadcast', 1, 'p1')],
    bodies: [{ messageId: 'm1', references: 4, sealed: Buffer.from('body') }],
  });
  const owned = await courier.claim('broadcast');
  await courier.take(owned, 4, 0, 9);
  await courier.take(owned, 1, 0, 9);
  const dead = [
    { seq: 1, code },
    { seq: 3, code },
  ];
  const done = [
    prefix(4, 3, { delivered: 1, dead }),
    prefix(1, 1, { dead: [{ seq: 1, code: 'DELIVER_TOPIC' }] }),
  ];
  await courier.lanes.turn(owned, settling(8, done, { bodies: ['m1'] }), []);
  await redis.del(keys.bells.courier, keys.bells.gateway);
});
afterEach(() => {
  courier.close();
});

const back = [entriesOf('broadcast', 4, 'b1 again'), entriesOf('broadcast', 1, 'p1 again')];

test('dead letters are read whole, page by page, oldest first', async () => {
  assert.equal(await letters.count(), 3);
  const first = await letters.read('0-0', 2);
  const rest = await letters.read(first.at(-1)?.id ?? '', 2);
  assert.deepEqual(
    [...first, ...rest].map(({ lane, priorityClass, seq, code: why, entry }) => [
      lane,
      priorityClass,
      seq,
      why,
      entry.toString(),
    ]),
    [
      ['broadcast', 4, 1, code, 'b1'],
      ['broadcast', 4, 3, code, 'b3'],
      ['broadcast', 1, 1, 'DELIVER_TOPIC', 'p1'],
    ],
  );
  assert.deepEqual(await letters.read(rest.at(-1)?.id ?? '', 2), []);
  assert.ok(Math.abs((first[0]?.diedAtMs ?? 0) - (await redisNow(redis))) < 2000);
});

test('a dead letter keeps its body, whoever else is done with it', async () => {
  assert.deepEqual(await redis.hgetall(keys.body('m1')), { n: '3', b: 'body' });
});

test('letters go back as new deliveries in one step: numbered anew, counted in, announced, and dead no more', async () => {
  const [b1, , p1] = await letters.read('0-0', 9);
  assert.ok(b1 && p1);
  assert.equal(await letters.redrive(courier.lanes, [b1, p1], back, ['redriven']), true);
  assert.deepEqual(
    (await letters.read('0-0', 9)).map(({ entry }) => entry.toString()),
    ['b3'],
  );
  assert.deepEqual(await heldBy(redis, keys, 'broadcast', 4), ['4 b1 again']);
  assert.deepEqual(await heldBy(redis, keys, 'broadcast', 1), ['2 p1 again']);
  const counts = await readLane(redis, keys, 'broadcast');
  assert.deepEqual([counts.in, counts.dead, counts.waiting, imbalance(counts)], [6, 3, 2, 0]);
  assert.equal(await redis.hget(keys.laneMeta('broadcast'), 'bytes'), '16');
  assert.deepEqual(await redis.smembers(keys.ready), ['broadcast']);
  assert.deepEqual(await ringsOf(redis, keys.bells.courier), ['broadcast', 'broadcast']);
  assert.equal(await redis.hget(keys.body('m1'), 'n'), '3', 'the new delivery needs the body that was kept');
  assert.equal(courier.pages.n, 2);
});

test('when one of the letters is gone meanwhile, none goes back and nothing is written', async () => {
  const [b1, b3] = await letters.read('0-0', 2);
  assert.ok(b1 && b3);
  const again = [entriesOf('broadcast', 4, 'b1 again', 'b3 again')];
  await redis.xdel(keys.dead, b3.id);
  const before = await contentOf(redis);
  assert.equal(await letters.redrive(courier.lanes, [b1, b3], again, ['redriven']), false);
  assert.deepEqual(await contentOf(redis), before);
  assert.equal(courier.pages.n, 1);
});

test('as many entries as letters, and each letter once, or it is a fault of ours', async () => {
  const [b1] = await letters.read('0-0', 1);
  assert.ok(b1);
  const before = await contentOf(redis);
  for (const [some, entries] of [
    [[b1], back],
    [[b1, b1], back],
    [[], back],
    [[{ ...b1, id: 'first' }], back.slice(0, 1)],
  ] as const) {
    await assert.rejects(letters.redrive(courier.lanes, some, entries, ['redriven']), {
      code: 'SCRIPT_REFUSED',
    });
  }
  assert.deepEqual(await contentOf(redis), before);
});

/** The script's own call, as `DeadLetters.redrive` makes it, open to be changed. */
const openRedriveCall = async (n = courier.pages.n + 1): Promise<OpenCall> => {
  const [b1, , p1] = await letters.read('0-0', 9);
  const call: { keys: string[]; args: ScriptArgument[] } = { keys: [], args: [] };
  const count = pushLanes(back, keys, [], call);
  const page = { ...courier.pages.build('redriven'), n };
  const page_ = pageArguments(page, writer, { deadMax: 1, leaseMs: 1, laneHoldMs: limits.laneHoldMs });
  return {
    keys: [...pageKeys(keys, writer), keys.dead, ...call.keys],
    args: [...page_, 2, count, 0, b1?.id ?? '', p1?.id ?? '', ...call.args],
  };
};
const run = async (call: OpenCall) => (await evaluate(redis, redriveScript, call)).map(String);

test('a resent call puts nothing back twice, and one that does not continue the chain is GAP', async () => {
  const call = await openRedriveCall();
  assert.deepEqual(await run(call), ['OK']);
  const before = await contentOf(redis);
  assert.deepEqual(await run(call), ['OK']);
  assert.equal((await run(await openRedriveCall(9)))[0], 'GAP');
  assert.deepEqual(await contentOf(redis), before);
});

test('a key of the wrong type, a counter that is none or arguments of another shape write nothing', async () => {
  const { keys: names, args } = await openRedriveCall();
  const assertRefused = async (call: OpenCall, says: string): Promise<void> => {
    const before = await contentOf(redis);
    const reply = await run(call).catch((error: unknown) => [
      String(error).includes('WRONGTYPE') ? 'SHAPE' : '',
    ]);
    assert.ok(['SHAPE', 'STALE'].includes(reply[0] ?? ''), `${says}: ${String(reply[0])}`);
    assert.deepEqual(await contentOf(redis), before, says);
  };
  // The instance is written only by the page that opens a chain.
  for (const key of names.filter((one) => one !== keys.instance(writer.instance))) {
    const kept: unknown = await redis.dumpBuffer(key);
    await redis.del(key);
    await redis.rpush(key, 'a list');
    await assertRefused({ keys: names, args }, key);
    await redis.del(key);
    if (Buffer.isBuffer(kept)) await redis.restore(key, 0, kept);
  }
  for (const field of ['in', 'dead', 'bytes', 'n4', 'h4', 'g4', 'n1']) {
    const kept = await redis.hget(keys.laneMeta('broadcast'), field);
    await redis.hset(keys.laneMeta('broadcast'), field, '1.5');
    await assertRefused({ keys: names, args }, field);
    await redis.hset(keys.laneMeta('broadcast'), field, kept ?? 0);
  }
  // Header to 11, letters at 12 and 13, then the lane: name, bell, groups, and class, count, time to live, entry twice.
  for (const at of [0, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 21, 22, 23]) {
    for (const value of ['many', '', '-1', '1e9', '1.5']) {
      await assertRefused({ keys: names, args: args.with(at, value) }, `${String(at)} ${value}`);
    }
  }
  for (const at of [9, 10, 16, 18, 22]) {
    for (const value of [0, 1, 2, 3, 99].filter((one) => one !== Number(args[at]))) {
      await assertRefused({ keys: names, args: args.with(at, value) }, `${String(at)} ${String(value)}`);
    }
  }
  await assertRefused({ keys: names, args: args.with(1, 'short') }, 'previous head');
  await assertRefused({ keys: names, args: args.with(3, '') }, 'page');
  await assertRefused({ keys: names, args: args.with(20, '') }, 'empty entry');
  await assertRefused({ keys: names, args: args.slice(0, -1) }, 'one less');
  await assertRefused({ keys: names, args: [...args, 'x'] }, 'one more');
  await assertRefused({ keys: [...names, 'x'], args }, 'a key more');
  for (const less of [1, 2, 3]) await assertRefused({ keys: names.slice(0, -less), args }, 'keys less');
  assert.deepEqual(await run({ keys: names, args }), ['OK'], 'and unchanged it is done');
});
