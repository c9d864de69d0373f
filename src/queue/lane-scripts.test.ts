import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { acceptScript } from './accept-script.ts';
import { slotKeys } from './keys.ts';
import { settleScript } from './lane-scripts.ts';
import { claimScript } from './lease-scripts.ts';
import type { ScriptArgument } from './script-call.ts';
import type { ClassSettlement } from './settle-call.ts';
import {
  contentOf,
  entriesOf,
  evaluate,
  heldBy,
  limits,
  onlooker,
  type OpenCall,
  openAcceptCall,
  openSettleCall,
  Pages,
  prefix,
  recorderSeen,
  redisNow,
  ringsOf,
  type ShortTurn,
} from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-lane-scripts-'));
const keys = slotKeys('s0');
const names = ['point-to-point', 'broadcast'] as const;
const code = 'DELIVER_MESSAGE';
let server: RedisServer;
let redis: Redis;
let pages: Pages;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/**
 * Point to point: class 2 with `entry 1` to `entry 4`, of which the third is due in a minute, and class 0 with two more; broadcast: class 4
 * with four. Both are owned with token 1, three of each four and both of class 0 were handed out, and the first of class 2 is dead.
 */
beforeEach(async () => {
  await redis.flushall();
  await recorderSeen(redis, keys);
  pages = new Pages();
  const four = ['entry 1', 'entry 2', 'entry 3', 'entry 4'];
  const lanes = [
    entriesOf(names[0], 2, 'entry 1', 'entry 2', ['entry 3', 60_000], 'entry 4'),
    entriesOf(names[0], 0, 'link 1', 'link 2'),
    entriesOf(names[1], 4, ...four),
  ];
  const bodies = [{ messageId: 'shared', references: 3, sealed: Buffer.from('body') }];
  await run(
    openAcceptCall(keys, 'gate', { page: new Pages().build('opening'), lanes, bodies }),
    acceptScript,
  );
  for (const lane of names) {
    const claim = { keys: [keys.laneMeta(lane)], args: ['me', 6000, 1000] };
    assert.deepEqual((await run(claim, claimScript)).slice(0, 2), ['OK', '1']);
  }
  const takes = [
    { priorityClass: 2, after: 0, count: 3 },
    { priorityClass: 0, after: 0, count: 2 },
  ] as const;
  const others = [{ priorityClass: 4, after: 0, count: 3 }] as const;
  const taking = [
    { lane: names[0], token: 1, takes },
    { lane: names[1], token: 1, takes: others },
  ];
  await run(openSettleCall(keys, 'cour', undefined, taking));
  await settle(prefix(2, 1, { dead: [{ seq: 1, code }] }), 7);
  assert.equal(await redis.xlen(keys.dead), 1);
  await redis.del(keys.bells.courier, keys.bells.gateway);
});

const run = (call: OpenCall, script = settleScript) => evaluate(redis, script, call);

/** A settlement of one class of the first lane in a page of its own. */
const settle = async (done: ClassSettlement, bytes: number): Promise<readonly unknown[]> => {
  const page = pages.build('settled');
  const turn = { lane: names[0], token: 1, classes: [done], bytes };
  const reply = await run(openSettleCall(keys, 'cour', page, [turn]));
  if (reply[0] === 'OK') pages.commit(page);
  return reply;
};

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

const told = { bodies: ['shared', 'shared'], notices: [entriesOf('station.zz01', 4, 'notice')] };
const goodFirst = prefix(2, 3, { delivered: 1, dead: [{ seq: 3, code }], due: [3] });
const good: readonly ShortTurn[] = [
  {
    lane: names[0],
    token: 1,
    bytes: 20,
    classes: [goodFirst, prefix(0, 1, { sentUnconfirmed: 1 })],
  },
  {
    lane: names[1],
    token: 1,
    bytes: 14,
    classes: [prefix(4, 2, { delivered: 1, expired: 1 })],
    takes: [{ priorityClass: 4, after: 3, count: 9 }],
  },
];
/** The good turns with another settlement of the first class. */
const withFirst = (change: Partial<ClassSettlement>): readonly ShortTurn[] =>
  good.map((turn, at) =>
    at > 0 ? turn : { ...turn, classes: [{ ...goodFirst, ...change }, ...(turn.classes?.slice(1) ?? [])] },
  );
const call = (turns: readonly ShortTurn[] = good, deadMax = 1000) =>
  openSettleCall(keys, 'cour', pages.build('next'), turns, { ...told, deadMax });

/** What a reply says of entry 4 of the broadcast lane, which every good call takes. */
const fourth = async (): Promise<readonly string[]> => {
  const [entry] = await redis.xrange(keys.lane(names[1], 4), '4-0', '4-0');
  return ['4', '4', entry?.[1][3] ?? '', '0', 'entry 4'];
};

test('a turn settles prefixes of several classes and lanes, moves their dead letters and takes what comes next, in one step', async () => {
  const reply = await run(call());
  const now = Number(reply[2]);
  assert.ok(Math.abs(now - (await redisNow(redis))) < 2000);
  assert.deepEqual(reply, ['OK', 'OK', String(now), '2', [], '2', await fourth()]);
  assert.deepEqual(await redis.hgetall(keys.laneMeta(names[0])), {
    in: '6',
    bytes: '13',
    n2: '5',
    n0: '3',
    h2: '3',
    h0: '2',
    s2: '3',
    s0: '1',
    owner: 'me',
    token: '1',
    until: String(now + 6000),
    delivered: '1',
    sentUnconfirmed: '1',
    dead: '2',
  });
  const second = await redis.hmget(keys.laneMeta(names[1]), 'h4', 's4', 'delivered', 'expired', 'bytes');
  assert.deepEqual(second, ['4', '2', '1', '1', '14']);
  assert.deepEqual(await heldBy(redis, keys, names[0], 2), ['4 entry 4']);
  assert.deepEqual(await heldBy(redis, keys, names[0], 0), ['2 link 2']);
  assert.equal(await redis.get(keys.instance('courier:one')), 'cour');
  assert.deepEqual((await redis.smembers(keys.ready)).toSorted(), [
    'broadcast',
    'point-to-point',
    'station.zz01',
  ]);
});

test('a dead letter is kept whole, with its lane, class, number, code and time, and is due no more', async () => {
  assert.deepEqual(await redis.zrange(keys.due, '0', '-1'), ['point-to-point 2 3']);
  const [, , now] = await run(call());
  const [, letter] = (await redis.xrange(keys.dead, '-', '+'))[1] ?? [];
  const fields = ['f', '2', 'lane', 'point-to-point', 'class', '2', 'seq', '3', 'code', code, 't', now];
  assert.deepEqual(letter, [...fields, 'e', 'entry 3']);
  assert.deepEqual(await redis.zrange(keys.due, '0', '-1'), []);
});

test('a shared body is counted down by the call, and gone with its last reference', async () => {
  await run(call());
  assert.deepEqual(await redis.hgetall(keys.body('shared')), { n: '1', b: 'body' });
  pages.commit(pages.build('next'));
  const turn = { lane: names[0], token: 1, bytes: 6, classes: [prefix(0, 2, { delivered: 1 })] };
  const last = openSettleCall(keys, 'cour', pages.build('last'), [turn], { bodies: ['shared'] });
  assert.equal((await run(last))[0], 'OK');
  assert.equal(await redis.exists(keys.body('shared')), 0);
});

test('a notice to a sender is on its lane in the same step: numbered, counted, announced, with its own deadline', async () => {
  const twice = {
    notices: [
      entriesOf('station.zz01', 4, 'notice 1', ['notice 2', 5000]),
      entriesOf('station.zz02', 1, 'notice 3'),
      entriesOf('station.zz01', 0, 'notice 4'),
    ],
  };
  assert.equal((await run(openSettleCall(keys, 'cour', pages.build('next'), good, twice)))[0], 'OK');
  assert.deepEqual(await heldBy(redis, keys, 'station.zz01', 4), ['1 notice 1', '2 notice 2']);
  assert.deepEqual(await heldBy(redis, keys, 'station.zz01', 0), ['1 notice 4']);
  assert.deepEqual(await heldBy(redis, keys, 'station.zz02', 1), ['1 notice 3']);
  assert.deepEqual(await redis.hgetall(keys.laneMeta('station.zz01')), {
    n4: '3',
    n0: '2',
    in: '3',
    bytes: '24',
  });
  assert.deepEqual(await redis.zrange(keys.due, '0', '-1'), ['station.zz01 4 2']);
  assert.ok((await redis.smembers(keys.lanes)).includes('station.zz02'));
  assert.deepEqual(await ringsOf(redis, keys.bells.gateway), [
    'station.zz01',
    'station.zz01',
    'station.zz02',
  ]);
  assert.deepEqual(await ringsOf(redis, keys.bells.courier), []);
});

test('a notice may go to a lane that the same turn settles', async () => {
  const notices = [entriesOf(names[0], 2, 'notice')];
  const reply = await run(openSettleCall(keys, 'cour', pages.build('next'), good, { notices }));
  assert.equal(reply[3], '3');
  assert.deepEqual(await heldBy(redis, keys, names[0], 2), ['4 entry 4', '5 notice']);
});

test('entries are taken class by class in the order asked for, not more than asked for, with their deadlines', async () => {
  const takes = [
    { priorityClass: 2, after: 1, count: 2 },
    { priorityClass: 0, after: 1, count: 9 },
    { priorityClass: 6, after: 0, count: 9 },
  ] as const;
  const now = await redisNow(redis);
  const [, , , waiting, taken] = await run(
    openSettleCall(keys, 'cour', undefined, [{ lane: names[0], token: 1, takes }]),
  );
  assert.equal(waiting, '5');
  assert.ok(Array.isArray(taken));
  assert.deepEqual(
    [0, 5, 10].map((at) => [taken[at], taken[at + 1], taken[at + 3], taken[at + 4]].join(' ')),
    ['2 2 0 entry 2', '2 3 1 entry 3', '0 2 0 link 2'],
  );
  assert.equal(taken.length, 15);
  const [hold, due] = [Number(taken[2]) - now, Number(taken[7]) - now];
  assert.ok(
    Math.abs(hold - limits.laneHoldMs) < 2000 && Math.abs(due - 60_000) < 2000,
    `${String(hold)} ${String(due)}`,
  );
  // What was taken before does not lower the numbers handed out; what was not is what they rise to.
  assert.deepEqual(await redis.hmget(keys.laneMeta(names[0]), 'h2', 'h0', 'h6'), ['3', '2', null]);
  const fourth = [{ priorityClass: 2, after: 3, count: 1 }] as const;
  await run(openSettleCall(keys, 'cour', undefined, [{ lane: names[0], token: 1, takes: fourth }]));
  assert.equal(await redis.hget(keys.laneMeta(names[0]), 'h2'), '4');
});

test('a lane that is empty in all its classes after its settlement leaves the ready set', async () => {
  const takes = [{ priorityClass: 2, after: 3, count: 1 }] as const;
  await run(openSettleCall(keys, 'cour', undefined, [{ lane: names[0], token: 1, takes }]));
  assert.equal((await settle(prefix(2, 4, { delivered: 3 }), 21))[3], '2');
  assert.deepEqual((await redis.smembers(keys.ready)).toSorted(), ['broadcast', 'point-to-point']);
  assert.equal((await settle(prefix(0, 2, { delivered: 2 }), 12))[3], '0');
  assert.deepEqual(await redis.smembers(keys.ready), ['broadcast']);
  assert.equal(await redis.hget(keys.laneMeta(names[0]), 'bytes'), '0');
});

test('entries that a sweep expired count as gone in the prefix that passes them, once', async () => {
  const meta = keys.laneMeta(names[0]);
  await redis.xdel(keys.lane(names[0], 2), '2-0');
  await redis.hset(meta, 'g2', 1, 'expired', 1);
  await assertWritesNothing(call(), ['SHAPE', 'counts'], 'an entry that is gone cannot be settled');
  await assertWritesNothing(call(withFirst({ delivered: 0, gone: 2, dead: [] })), ['SHAPE', 'counts']);
  await redis.hset(meta, 'g2', 2);
  await assertWritesNothing(
    call(withFirst({ upTo: 2, delivered: 0, gone: 1, dead: [{ seq: 2, code }], due: [] })),
    ['SHAPE', 'counts'],
  );
  await assertWritesNothing(call(withFirst({ gone: 2, delivered: 0, dead: [], due: [] })), [
    'SHAPE',
    'counts',
  ]);
  await redis.hset(meta, 'g2', 1);
  assert.equal((await run(call(withFirst({ delivered: 0, gone: 1 }))))[0], 'OK');
  assert.deepEqual(await redis.hmget(meta, 's2', 'g2', 'dead', 'delivered'), ['3', '0', '2', null]);
});

test('a resent turn gets its entries again and settles nothing twice', async () => {
  const again = call();
  await run(again);
  const before = await contentOf(redis);
  const reply = await run(again);
  assert.deepEqual(reply.with(2, ''), ['OK', 'STORED', '', '2', [], '2', await fourth()]);
  const after = await contentOf(redis);
  // Only the leases moved: no body was counted down, no notice put on its lane again.
  const leases: string[] = names.map((lane) => keys.laneMeta(lane));
  for (const key of leases) assert.notEqual(after[key], before[key]);
  const others = ([key]: [string, string]) => !leases.includes(key);
  assert.deepEqual(Object.entries(after).filter(others), Object.entries(before).filter(others));
});

test('a turn with a stale token is FENCED, names the lanes lost and writes nothing, not for the others either', async () => {
  const withToken = (token: number, lanes: number) =>
    call(good.map((turn, at) => (at < lanes ? { ...turn, token } : turn)));
  await assertWritesNothing(withToken(0, 1), ['FENCED', '0']);
  await assertWritesNothing(withToken(2, 2), ['FENCED', '0', '1']);
  const takes = [{ priorityClass: 2, after: 0, count: 3 }] as const;
  const taking = openSettleCall(keys, 'cour', undefined, [{ lane: names[0], token: 9, takes }]);
  await assertWritesNothing(taking, ['FENCED', '0']);
});

test('a stored turn stays stored when a lane of it was lost before it was resent, and the loser gets nothing more', async () => {
  const stored = call();
  await run(stored);
  await redis.hset(keys.laneMeta(names[0]), 'owner', 'another', 'token', '2');
  const before = await redis.dumpBuffer(keys.laneMeta(names[0]));
  assert.deepEqual((await run(stored)).with(2, ''), ['OK', 'STORED', '', '-1', [], '2', await fourth()]);
  assert.deepEqual(await redis.dumpBuffer(keys.laneMeta(names[0])), before);
});

test('counts that do not add up are refused before anything is written', async () => {
  const wrong: Partial<ClassSettlement>[] = [
    { delivered: 2 },
    { delivered: 0 },
    { sentUnconfirmed: 1 },
    { expired: 1 },
    { gone: 1 },
    { delivered: 0, gone: 1 },
    { upTo: 2 },
    { upTo: 1 },
    { upTo: 0 },
    { upTo: 0, dead: [] },
    { upTo: 0, delivered: 0, dead: [], gone: 1 },
    { upTo: 0, delivered: 0, dead: [], expired: 1 },
    { dead: [] },
  ];
  for (const change of wrong) {
    await assertWritesNothing(call(withFirst(change)), ['SHAPE'], JSON.stringify(change));
  }
  const withoutPage = openSettleCall(keys, 'cour', undefined, good);
  await assertWritesNothing(withoutPage, ['SHAPE', 'counts']);
});

test('what was never handed out cannot be settled, class by class', async () => {
  await assertWritesNothing(call(withFirst({ upTo: 4, delivered: 2 })), ['SHAPE', 'not handed out']);
  await redis.hset(keys.laneMeta(names[0]), 'h0', 0);
  await assertWritesNothing(call(), ['SHAPE', 'not handed out']);
});

test('a dead letter that is not on the lane, or is named twice or out of order, is refused before anything is written', async () => {
  for (const seqs of [
    [2, 2],
    [3, 2],
  ]) {
    const dead = seqs.map((seq) => ({ seq, code }));
    await assertWritesNothing(call(withFirst({ delivered: 0, dead })), ['SHAPE', 'dead entry']);
  }
  const { keys: names_, args } = call();
  for (const seq of [1, 4, 99, 'x', '', '2.0', '-1']) {
    const other = { keys: names_, args: args.with(26, seq) };
    await assertWritesNothing(other, ['SHAPE', 'dead entry'], String(seq));
  }
  await redis.xdel(keys.lane(names[0], 2), '3-0');
  await assertWritesNothing(call(), ['SHAPE', 'dead entry']);
});

test('a full dead stream holds the turn, and nothing of it is written', async () => {
  await assertWritesNothing(call(good, 1), ['DEAD_FULL']);
  assert.equal((await run(call(good, 2)))[0], 'OK');
  pages.commit(pages.build('next'));
  // It holds nobody who has no dead letter.
  const turn = { lane: names[0], token: 1, bytes: 6, classes: [prefix(0, 2, { delivered: 1 })] };
  const other = openSettleCall(keys, 'cour', pages.build('other'), [turn], { deadMax: 1 });
  assert.equal((await run(other))[0], 'OK');
});

test('a turn that does not continue the writer record is GAP and writes nothing', async () => {
  const { head } = pages;
  const other = openSettleCall(keys, 'cour', { ...pages.build('next'), prev: 'f'.repeat(64) }, good, told);
  await assertWritesNothing(other, ['GAP', '1', head]);
  const ahead = openSettleCall(keys, 'cour', { ...pages.build('next'), n: 3 }, good, told);
  await assertWritesNothing(ahead, ['GAP', '1', head]);
});

test('a key of the wrong type, any of them, is found before anything is written', async () => {
  const { keys: all } = call();
  assert.equal(new Set(all).size, 10 + 3 + 2 + 1 + 2);
  for (const key of all) {
    const kept: unknown = await redis.dumpBuffer(key);
    await redis.del(key);
    await redis.rpush(key, 'a list');
    const isInstance = key === keys.instance('courier:one');
    const opening = openSettleCall(keys, 'fresh', new Pages().build('opening'), good);
    await assertWritesNothing(isInstance ? opening : call(), /WRONGTYPE/, key);
    await redis.del(key);
    if (Buffer.isBuffer(kept)) await redis.restore(key, 0, kept);
  }
  assert.equal((await run(call()))[0], 'OK');
});

test('a counter that Redis could not add to is found before anything is written', async () => {
  const [meta, other] = [keys.laneMeta(names[0]), keys.laneMeta('station.zz01')];
  const counted = ['in', 'delivered', 'dead', 'expired', 'sentUnconfirmed', 'divertedOut', 'bytes'];
  for (const [key, field] of [
    ...[...counted, 's2', 'h2', 'g2', 's0', 'h0', 'g0'].map((field) => [meta, field] as const),
    ...[...counted, 'n4', 'h4', 'g4'].map((field) => [other, field] as const),
    [keys.body('shared'), 'n'] as const,
    [keys.auditMeta, 'bytes'] as const,
  ]) {
    const kept = await redis.hget(key, field);
    await redis.hset(key, field, '1.5');
    await assertWritesNothing(call(), ['SHAPE'], `${key} ${field}`);
    if (kept === null) await redis.hdel(key, field);
    else await redis.hset(key, field, kept);
  }
  assert.equal((await run(call()))[0], 'OK');
});

test('numbers of a notice lane that are behind its stream are found before anything is written', async () => {
  await redis.xadd(keys.lane('station.zz01', 4), '5-0', 'e', 'from another life');
  await assertWritesNothing(call(), ['SHAPE', 'lane numbering']);
  await redis.hset(keys.laneMeta('station.zz01'), 'n4', 6);
  assert.equal((await run(call()))[0], 'OK');
});

test('arguments of another shape are refused before anything is written', async () => {
  const { keys: names_, args } = call();
  const changed = (at: number, value: ScriptArgument): OpenCall => ({
    keys: names_,
    args: args.with(at, value),
  });
  // Lane 1 begins at 12, its classes at 16 and 29 with a dead letter at 26 and a due one at 28; lane 2 at 39, its class at 43;
  // then a body at 53 and the notice's lane.
  const from = (at: number, many: number) => Array.from({ length: many }, (_, i) => at + i);
  const numbers = [0, 5, 7, ...from(8, 4), ...from(13, 14), ...from(28, 11), ...from(40, 14), ...from(55, 5)];
  const counts = [9, 10, 11, 15, 24, 25, 42, 51, 52, 56, 58];
  const wrong: OpenCall[] = [
    ...numbers.flatMap((at) => ['many', '', '-1', '1e9', '1.5'].map((value) => changed(at, value))),
    ...counts.flatMap((at) =>
      [0, 1, 2, 3, 99].filter((value) => value !== Number(args[at])).map((value) => changed(at, value)),
    ),
    changed(1, 'short'),
    changed(2, 'short'),
    changed(60, ''),
    { keys: names_, args: args.slice(0, 11) },
    { keys: names_, args: args.slice(0, 12) },
    { keys: names_, args: args.slice(0, -1) },
    { keys: names_, args: [...args, 'more'] },
    { keys: [...names_, 'more'], args },
    ...from(1, 8).map((less) => ({ keys: names_.slice(0, -less), args })),
    call([...good, { lane: names[0], token: 1 }]),
  ];
  assert.equal(args.length, 61);
  const isRefused = async (one: OpenCall) =>
    (await run(one).catch((error: unknown) => [String(error).includes('WRONGTYPE') ? 'SHAPE' : '']))[0];
  for (const [at, one] of wrong.entries()) {
    const before = await contentOf(redis);
    // Where keys and counts disagree, a key may be met as another kind: found as early.
    assert.equal(await isRefused(one), 'SHAPE', `case ${String(at)}`);
    assert.deepEqual(await contentOf(redis), before, `case ${String(at)}`);
  }
  const stream = names_.map((key) => (key === keys.lane(names[0], 0) ? keys.lane(names[0], 2) : key));
  await assertWritesNothing({ keys: stream, args }, ['SHAPE', 'class twice']);
  assert.equal((await run(call()))[0], 'OK', 'and unchanged it is settled');
});

test('a full server still lets lanes drain, and senders be told', async () => {
  await redis.config('SET', 'maxmemory', '1000');
  try {
    assert.equal((await run(call()))[0], 'OK');
    assert.deepEqual(await heldBy(redis, keys, 'station.zz01', 4), ['1 notice']);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});
