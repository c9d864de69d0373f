import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { acceptScript } from './accept-script.ts';
import type { AcceptBatch, AcceptLimits, AppendPage } from './batch.ts';
import { slotKeys } from './keys.ts';
import type { LaneEntries } from './lane-entries.ts';
import type { ScriptArgument } from './script-call.ts';
import {
  contentOf,
  entriesOf,
  evaluate,
  heldBy,
  limits,
  onlooker,
  type OpenCall,
  openAcceptCall,
  Pages,
  recorderSeen,
  redisNow,
  ringsOf,
} from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-accept-script-'));
const keys = slotKeys('s0');
let server: RedisServer;
let redis: Redis;
let pages: Pages;

const two: readonly LaneEntries[] = [
  entriesOf('point-to-point', 2, 'one', 'two'),
  entriesOf('broadcast', 4, 'three'),
];
/** A batch with something of everything a call can hold. */
const whole: Omit<AcceptBatch, 'page'> = {
  lanes: [
    entriesOf('point-to-point', 2, 'one', ['two', 5000]),
    entriesOf('point-to-point', 4, 'four'),
    entriesOf('station.zz01', 4, 'five'),
  ],
  bodies: [
    { messageId: 'shared-1', references: 3, sealed: Buffer.from('sealed body') },
    { messageId: 'shared-2', references: 20, sealed: Buffer.from('other body') },
  ],
  resendables: [
    { station: 'zz01', field: 'f1', body: 'b1', messageId: 'm1', isKnown: false },
    { station: 'zz01', field: 'f2', body: 'b2', messageId: 'm2', isKnown: true },
    { station: 'zz02', field: 'f3', body: 'b3', messageId: 'm3', isKnown: false },
  ],
};

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** Each test begins after one accepted page, so that every key of a small call exists. */
beforeEach(async () => {
  await redis.config('SET', 'maxmemory', '0');
  await redis.flushall();
  await recorderSeen(redis, keys);
  pages = new Pages();
  const page = pages.build('opening');
  assert.equal((await run(openAcceptCall(keys, 'gone', { page, lanes: two })))[0], 'OK');
  pages.commit(page);
});

const run = async (call: OpenCall): Promise<readonly string[]> =>
  (await evaluate(redis, acceptScript, call)).map(String);

const next = (change: Partial<AppendPage> = {}, lanes = two, bounds: AcceptLimits = limits) =>
  openAcceptCall(keys, 'gone', { page: { ...pages.build('next'), ...change }, lanes }, bounds);

const nextWhole = (change: Partial<AcceptBatch> = {}) =>
  openAcceptCall(keys, 'gone', { page: pages.build('next'), ...whole, ...change });

/** Runs the call and asserts that it answered so and left every key as it was. */
const assertWritesNothing = async (
  call: OpenCall,
  expected: readonly string[] | RegExp,
  says = '',
): Promise<void> => {
  const before = await contentOf(redis);
  if (expected instanceof RegExp) await assert.rejects(run(call), expected, says);
  else assert.deepEqual((await run(call)).slice(0, expected.length), expected, says);
  assert.deepEqual(await contentOf(redis), before, says);
};

test('an accepted batch is numbered without gaps, counted, announced and chained, in one step', async () => {
  const [outcome, text = ''] = await run(next());
  assert.equal(outcome, 'OK');
  const [atMs = 0, used = 0, max, notRemembered] = text.split(' ').map(Number);
  assert.ok(Math.abs(atMs - (await redisNow(redis))) < 5000 && used > 100_000);
  assert.deepEqual([max, notRemembered], [0, 0]);
  assert.deepEqual(await heldBy(redis, keys, 'point-to-point', 2), ['1 one', '2 two', '3 one', '4 two']);
  assert.deepEqual(await redis.hgetall(keys.laneMeta('point-to-point')), { n2: '5', in: '4', bytes: '12' });
  assert.deepEqual((await redis.smembers(keys.ready)).toSorted(), ['broadcast', 'point-to-point']);
  assert.deepEqual((await redis.smembers(keys.lanes)).toSorted(), ['broadcast', 'point-to-point']);
  assert.equal(await redis.xlen(keys.audit), 2);
  assert.equal(await redis.hget(keys.writer('gone'), 'n'), '2');
  const pageBytes = pages.build('next').bytes.length;
  assert.equal(Number(await redis.hget(keys.auditMeta, 'bytes')), pageBytes * 2 + 2 * 'sealed'.length + 3);
  assert.equal(await redis.get(keys.instance('gateway:one')), 'gone');
});

test('every class of a lane has a stream and numbers of its own; the lane counts them together', async () => {
  const lanes = [
    entriesOf('point-to-point', 4, 'routine'),
    entriesOf('point-to-point', 0, 'link 1', 'link 2'),
    entriesOf('point-to-point', 2, 'three'),
  ];
  assert.equal((await run(next({}, lanes)))[0], 'OK');
  assert.deepEqual(await heldBy(redis, keys, 'point-to-point', 0), ['1 link 1', '2 link 2']);
  assert.deepEqual(await heldBy(redis, keys, 'point-to-point', 2), ['1 one', '2 two', '3 three']);
  assert.deepEqual(await heldBy(redis, keys, 'point-to-point', 4), ['1 routine']);
  assert.deepEqual(await redis.hgetall(keys.laneMeta('point-to-point')), {
    n0: '3',
    n2: '4',
    n4: '2',
    in: '6',
    bytes: '30',
  });
});

test('a deadline nearer than the hold goes into the due set; both are reckoned from Redis time', async () => {
  const from = await redisNow(redis);
  const lanes = [entriesOf('broadcast', 4, ['soon', 5000], 'hold', ['too long', limits.laneHoldMs])];
  assert.equal((await run(next({}, lanes)))[0], 'OK');
  const [, soon, hold, long] = await redis.xrange(keys.lane('broadcast', 4), '-', '+');
  const deadlineOf = (entry: [string, string[]] | undefined) => Number(entry?.[1][3]);
  assert.deepEqual(
    [soon, hold, long].map((entry) => entry?.[1][2]),
    ['d', 'x', 'x'],
  );
  assert.ok(deadlineOf(soon) >= from + 5000 && deadlineOf(soon) < from + 10_000);
  assert.equal(deadlineOf(hold), deadlineOf(soon) - 5000 + limits.laneHoldMs);
  assert.equal(deadlineOf(long), deadlineOf(hold));
  assert.deepEqual(await redis.zrange(keys.due, '0', '-1', 'WITHSCORES'), [
    'broadcast 4 2',
    String(deadlineOf(soon)),
  ]);
});

test('a shared body is stored once, with the number of deliveries that need it', async () => {
  assert.equal((await run(nextWhole()))[0], 'OK');
  assert.deepEqual(await redis.hgetall(keys.body('shared-1')), { n: '3', b: 'sealed body' });
  assert.deepEqual(await redis.hgetall(keys.body('shared-2')), { n: '20', b: 'other body' });
  // A body that is there belongs to deliveries of another call: the message id is not a new one.
  pages.commit(pages.build('next'));
  await assertWritesNothing(nextWhole({ resendables: [] }), ['SHAPE', 'body']);
});

test('the same bytes again get the reply of the first time and write nothing', async () => {
  const call = nextWhole();
  const [, first = ''] = await run(call);
  await assertWritesNothing(call, ['STORED', first]);
  await redis.hset(keys.auditMeta, 'seen', 0);
  await assertWritesNothing(call, ['STORED', first]);
});

test('a call that does not continue the writer record is GAP and writes nothing', async () => {
  const head = pages.head;
  await assertWritesNothing(next({ prev: 'f'.repeat(64) }), ['GAP', '1', head]);
  await assertWritesNothing(next({ n: 3 }), ['GAP', '1', head]);
  await assertWritesNothing(next({ n: 1, prev: '0'.repeat(64) }), ['GAP', '1', head]);
  const unknown = openAcceptCall(keys, 'unknown', { page: pages.build('x'), lanes: two });
  await assertWritesNothing(unknown, ['GAP', '0', '0'.repeat(64)]);
});

test('a full lane refuses the whole call, by messages and by bytes, and names the full ones', async () => {
  const byMessages = { ...limits, laneMessagesMax: 3 };
  await assertWritesNothing(next({}, two, byMessages), ['LANE_FULL', 'point-to-point']);
  const both = { ...limits, laneMessagesMax: 1 };
  await assertWritesNothing(next({}, two, both), ['LANE_FULL', 'point-to-point', 'broadcast']);
  await assertWritesNothing(next({}, two, { ...limits, laneBytesMax: 11 }), ['LANE_FULL', 'point-to-point']);
  // Classes of a lane share its room.
  const classes = [entriesOf('point-to-point', 0, 'a'), entriesOf('point-to-point', 6, 'b')];
  await assertWritesNothing(next({}, classes, byMessages), ['LANE_FULL', 'point-to-point']);
  assert.equal((await run(next({}, two, { ...limits, laneBytesMax: 12, laneMessagesMax: 4 })))[0], 'OK');
});

test('what has left a lane makes room in it, whatever became of it', async () => {
  const bounds = { ...limits, laneMessagesMax: 2 };
  for (const outcome of ['delivered', 'dead', 'expired', 'sentUnconfirmed', 'divertedOut']) {
    await redis.hset(keys.laneMeta('point-to-point'), outcome, 1);
    const page = pages.build(outcome);
    const lanes = [entriesOf('point-to-point', 2, 'x')];
    const more = openAcceptCall(keys, 'gone', { page, lanes }, bounds);
    assert.equal((await run(more))[0], 'OK', outcome);
    pages.commit(page);
    const over = openAcceptCall(keys, 'gone', { page: pages.build('over'), lanes }, bounds);
    await assertWritesNothing(over, ['LANE_FULL', 'point-to-point'], outcome);
  }
});

test('an audit trail that lags by pages, by bytes or by silence stops acceptance', async () => {
  const bytes = Number(await redis.hget(keys.auditMeta, 'bytes'));
  await assertWritesNothing(next({}, two, { ...limits, auditPagesMax: 1 }), [
    'AUDIT_LAG',
    '1',
    String(bytes),
  ]);
  await assertWritesNothing(next({}, two, { ...limits, auditBytesMax: bytes }), ['AUDIT_LAG', '1']);
  const room = { ...limits, auditBytesMax: bytes + 1, auditPagesMax: 2 };
  assert.equal((await run(next({}, two, room)))[0], 'OK');
  pages.commit(pages.build('next'));
  await redis.hset(keys.auditMeta, 'seen', (await redisNow(redis)) - 61_000);
  await assertWritesNothing(next(), ['AUDIT_LAG', '2']);
  await redis.hdel(keys.auditMeta, 'seen');
  await assertWritesNothing(next(), ['AUDIT_LAG', '2']);
});

test('a key of the wrong type, any of them, is found before anything is written', async () => {
  const call = nextWhole();
  assert.equal(new Set(call.keys).size, 20);
  for (const key of call.keys) {
    const isInstance = key === keys.instance('gateway:one');
    const kept: unknown = await redis.dumpBuffer(key);
    await redis.del(key);
    await redis.rpush(key, 'a list');
    // The instance is written only by the page that opens a chain.
    const opening = openAcceptCall(keys, 'fresh', { page: new Pages().build('opening'), lanes: two });
    await assertWritesNothing(isInstance ? opening : call, /WRONGTYPE/, key);
    await redis.del(key);
    if (Buffer.isBuffer(kept)) await redis.restore(key, 0, kept);
  }
  assert.equal((await run(call))[0], 'OK');
});

test('a counter that Redis could not add to is found before anything is written', async () => {
  const meta = keys.laneMeta('broadcast');
  for (const [key, field] of [
    [meta, 'in'],
    [meta, 'delivered'],
    [meta, 'dead'],
    [meta, 'expired'],
    [meta, 'sentUnconfirmed'],
    [meta, 'divertedOut'],
    [meta, 'bytes'],
    [meta, 'n4'],
    [meta, 'h4'],
    [meta, 'g4'],
    [keys.auditMeta, 'bytes'],
  ] as const) {
    const kept = await redis.hget(key, field);
    for (const wrong of ['1.5', 'many', '', '99999999999999999999']) {
      await redis.hset(key, field, wrong);
      await assertWritesNothing(next(), ['SHAPE'], `${field} ${wrong}`);
    }
    if (kept === null) await redis.hdel(key, field);
    else await redis.hset(key, field, kept);
  }
  assert.equal((await run(next()))[0], 'OK');
});

test('lane counters that are gone or behind their stream are found before anything is written', async () => {
  const meta = keys.laneMeta('broadcast');
  await redis.hset(meta, 'n4', 1);
  await assertWritesNothing(next(), ['SHAPE', 'lane numbering']);
  await redis.del(meta);
  await assertWritesNothing(next(), ['SHAPE', 'lane numbering']);
  // Emptied, the stream still refuses numbers it has given.
  await redis.xtrim(keys.lane('broadcast', 4), 'MAXLEN', 0);
  await assertWritesNothing(next(), ['SHAPE', 'lane numbering']);
  // Another class knows nothing of it.
  assert.equal((await run(next({}, [entriesOf('broadcast', 5, 'x')])))[0], 'OK');
});

test('arguments of another shape are refused before anything is written', async () => {
  const { keys: names, args } = nextWhole();
  const changed = (at: number, value: ScriptArgument): OpenCall => ({
    keys: names,
    args: args.with(at, value),
  });
  // Arguments as the script names them: lane at 14, its class 2 at 19, that one's entries, class 4 at 25; lane 2 at 29, bodies at 38.
  const numbers = [
    0, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 23, 25, 26, 27, 30, 33, 34, 38, 40,
  ];
  const wrong: OpenCall[] = [
    ...numbers.flatMap((at) => ['many', '', '-1', '1e9', '1.5'].map((value) => changed(at, value))),
    changed(1, 'short'),
    changed(2, 'short'),
    changed(3, ''),
    // One more or one less of everything that is counted.
    ...[10, 11, 12, 18, 20, 26, 33].flatMap((at) =>
      [0, 1, 2, 3, 4, 99].filter((value) => value !== Number(args[at])).map((value) => changed(at, value)),
    ),
    changed(19, 7),
    changed(22, ''),
    changed(24, ''),
    { keys: names, args: args.slice(0, 13) },
    { keys: names, args: args.slice(0, 14) },
    { keys: names, args: args.slice(0, -1) },
    { keys: names, args: [...args, 'more'] },
    { keys: [...names, 'more'], args },
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((less) => ({ keys: names.slice(0, -less), args })),
    next({}, [entriesOf('point-to-point', 2)]),
  ];
  for (const [at, call] of wrong.entries()) {
    const before = await contentOf(redis);
    assert.equal((await run(call))[0], 'SHAPE', `case ${String(at)}`);
    assert.deepEqual(await contentOf(redis), before, `case ${String(at)}`);
  }
  assert.equal((await run(nextWhole()))[0], 'OK', 'and unchanged it is accepted');
});

test('a lane or a class that comes twice in a call is refused before anything is written', async () => {
  const one = next({}, [entriesOf('point-to-point', 2, 'a'), entriesOf('broadcast', 4, 'b')]);
  const lane = one.keys.map((key) => key.replace('lane:broadcast:m', 'lane:point-to-point:m'));
  await assertWritesNothing({ ...one, keys: lane }, ['SHAPE', 'lane twice']);
  const classes = next({}, [entriesOf('broadcast', 4, 'a'), entriesOf('broadcast', 5, 'b')]);
  const stream = classes.keys.map((key) => key.replace('lane:broadcast:5', 'lane:broadcast:4'));
  await assertWritesNothing({ ...classes, keys: stream }, ['SHAPE', 'class twice']);
});

test('parts of one lane and class that come apart are joined by the call, in order', async () => {
  const parts = [
    entriesOf('broadcast', 4, 'a'),
    entriesOf('point-to-point', 2, 'p'),
    entriesOf('broadcast', 4, 'b'),
  ];
  assert.equal((await run(next({}, parts)))[0], 'OK');
  assert.deepEqual(await heldBy(redis, keys, 'broadcast', 4), ['1 three', '2 a', '3 b']);
});

test('a full server refuses the call before its first line', async () => {
  await redis.config('SET', 'maxmemory', '1000');
  await assertWritesNothing(next(), /^ReplyError: OOM/);
  await redis.config('SET', 'maxmemory', '0');
  assert.equal((await run(next()))[0], 'OK');
});

test('a bell rings only for a class whose owner had been given everything; topics and stations have one each', async () => {
  const accept = async (...lanes: readonly LaneEntries[]): Promise<readonly (readonly string[])[]> => {
    await redis.del(keys.bells.courier, keys.bells.gateway);
    const page = pages.build('more');
    assert.equal((await run(openAcceptCall(keys, 'gone', { page, lanes })))[0], 'OK');
    pages.commit(page);
    return [await ringsOf(redis, keys.bells.courier), await ringsOf(redis, keys.bells.gateway)];
  };
  const broadcast = keys.laneMeta('broadcast');
  assert.deepEqual(await accept(entriesOf('broadcast', 4, 'x')), [[], []], 'one waits that nobody was given');
  await redis.hset(broadcast, 'h4', 1);
  assert.deepEqual(await accept(entriesOf('broadcast', 4, 'x')), [[], []], 'one of two was given');
  await redis.hset(broadcast, 'h4', 3);
  assert.deepEqual(await accept(entriesOf('broadcast', 4, 'x')), [['broadcast'], []], 'all were given');
  assert.deepEqual(await accept(entriesOf('broadcast', 1, 'x')), [['broadcast'], []], 'a class of its own');
  assert.deepEqual(await accept(entriesOf('broadcast', 1, 'x')), [[], []]);
  const station = entriesOf('station.zz01', 1, 'x');
  assert.deepEqual(await accept(station, entriesOf('point-to-point', 0, 'x')), [
    ['point-to-point'],
    ['station.zz01'],
  ]);
  // A sweep took what had expired, and the class is empty.
  await redis.xtrim(keys.lane('broadcast', 1), 'MAXLEN', 0);
  await redis.hset(broadcast, 'g1', 2);
  assert.deepEqual(await accept(entriesOf('broadcast', 1, 'x')), [['broadcast'], []]);
});
