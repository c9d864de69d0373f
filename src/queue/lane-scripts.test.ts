import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { acceptScript } from './accept-script.ts';
import type { ScriptArgument } from './hot-connection.ts';
import { slotKeys } from './keys.ts';
import { claimScript, confirmScript, renewScript, settleScript } from './lane-scripts.ts';
import {
  acceptCall,
  contentOf,
  onlooker,
  Pages,
  recorderSeen,
  settleCall,
  type SettleLane,
} from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-lane-scripts-'));
const keys = slotKeys('s0');
const names = ['point-to-point', 'broadcast'] as const;
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

/** Two lanes of four entries, `entry 1` to `entry 4`; both are owned with token 1, three of each handed out, one dead letter is kept. */
beforeEach(async () => {
  await redis.flushall();
  await recorderSeen(redis, keys);
  pages = new Pages();
  const entries = [1, 2, 3, 4].map((n) => Buffer.from(`entry ${String(n)}`));
  const lanes = names.map((lane) => ({ lane, entries }));
  await run(acceptScript, acceptCall(keys, 'gate', new Pages().build('opening'), lanes));
  for (const lane of names) {
    const claimed = await run(claimScript, { keys: [keys.laneMeta(lane)], args: ['me', 6000, 1000] });
    assert.deepEqual(claimed, ['OK', '1', '0', '0']);
  }
  const take = names.map((lane) => ({ lane, token: 1, take: 3 }));
  await run(settleScript, settleCall(keys, 'cour', undefined, take));
  await settle({ upTo: 1, bytes: 7, dead: [[1, 'DELIVER_MESSAGE']] });
  assert.equal(await redis.xlen(keys.dead), 1);
});

const run = async (
  script: string,
  call: { keys: string[]; args: ScriptArgument[] },
): Promise<readonly unknown[]> => {
  const reply: unknown = await redis.eval(script, call.keys.length, ...call.keys, ...call.args);
  return (reply as unknown[]).map((part) => (Array.isArray(part) ? part.map(String) : String(part)));
};

/** A settlement of the first lane in a page of its own. */
const settle = async (lane: Omit<SettleLane, 'lane' | 'token'>): Promise<readonly unknown[]> => {
  const page = pages.build('settled');
  const reply = await run(
    settleScript,
    settleCall(keys, 'cour', page, [{ lane: names[0], token: 1, ...lane }]),
  );
  if (reply[0] === 'OK') pages.commit(page);
  return reply;
};

const assertWritesNothing = async (
  call: { keys: string[]; args: ScriptArgument[] },
  expected: readonly string[] | RegExp,
  says = '',
): Promise<void> => {
  const before = await contentOf(redis);
  if (expected instanceof RegExp) await assert.rejects(run(settleScript, call), expected);
  else assert.deepEqual((await run(settleScript, call)).slice(0, expected.length), expected, says);
  assert.deepEqual(await contentOf(redis), before, says);
};

const good: readonly SettleLane[] = [
  { lane: names[0], token: 1, upTo: 3, delivered: 1, bytes: 14, dead: [[3, 'DELIVER_MESSAGE']] },
  { lane: names[1], token: 1, upTo: 2, delivered: 2, bytes: 14, after: 3, take: 9 },
];
const withFirst = (change: Partial<SettleLane>): readonly SettleLane[] =>
  good.map((lane, at) => (at === 0 ? { ...lane, ...change } : lane));
const call = (lanes: readonly SettleLane[], deadMax?: number) =>
  settleCall(keys, 'cour', pages.build('next'), lanes, deadMax);

test('a turn settles prefixes of several lanes, moves their dead letters and takes what comes next, in one step', async () => {
  assert.deepEqual(await run(settleScript, call(good)), ['OK', 'OK', '1', [], '2', ['4', 'entry 4']]);
  const { until, ...meta } = await redis.hgetall(keys.laneMeta(names[0]));
  assert.ok(Number(until) > Date.now() + 4000);
  assert.deepEqual(meta, {
    next: '5',
    in: '4',
    bytes: '7',
    owner: 'me',
    token: '1',
    handed: '3',
    settled: '3',
    delivered: '1',
    dead: '2',
  });
  assert.equal(await redis.hget(keys.laneMeta(names[1]), 'handed'), '4');
  const [, letter] = (await redis.xrange(keys.dead, '-', '+'))[1] ?? [];
  assert.deepEqual(letter?.with(9, ''), [
    'f',
    '1',
    'lane',
    'point-to-point',
    'seq',
    '3',
    'code',
    'DELIVER_MESSAGE',
    't',
    '',
    'e',
    'entry 3',
  ]);
  assert.equal(await redis.get(keys.instance('courier:one')), 'cour');
  assert.deepEqual((await redis.smembers(keys.ready)).toSorted(), ['broadcast', 'point-to-point']);
});

test('a lane that is empty after its settlement leaves the ready set', async () => {
  await run(
    settleScript,
    settleCall(keys, 'cour', undefined, [{ lane: names[0], token: 1, after: 3, take: 1 }]),
  );
  assert.deepEqual(await settle({ upTo: 4, delivered: 3, bytes: 21 }), ['OK', 'OK', '0', []]);
  assert.deepEqual(await redis.smembers(keys.ready), ['broadcast']);
});

test('a resent turn gets its entries again and settles nothing twice', async () => {
  const again = call(good);
  await run(settleScript, again);
  const before = await contentOf(redis);
  assert.deepEqual(await run(settleScript, again), ['OK', 'STORED', '1', [], '2', ['4', 'entry 4']]);
  const after = await contentOf(redis);
  // Only the leases moved.
  for (const lane of names) assert.notEqual(after[keys.laneMeta(lane)], before[keys.laneMeta(lane)]);
  const others = ([key]: [string, string]) => !key.endsWith(':m') || key === keys.auditMeta;
  assert.deepEqual(Object.entries(after).filter(others), Object.entries(before).filter(others));
});

test('a turn with a stale token is FENCED, names the lanes lost and writes nothing, not for the others either', async () => {
  await assertWritesNothing(call(withFirst({ token: 0 })), ['FENCED', '0']);
  await assertWritesNothing(call(good.map((lane) => ({ ...lane, token: 2 }))), ['FENCED', '0', '1']);
  const taking = settleCall(keys, 'cour', undefined, [{ lane: names[0], token: 9, take: 3 }]);
  await assertWritesNothing(taking, ['FENCED', '0']);
});

test('a stored turn stays stored when a lane of it was lost before it was resent, and the loser gets nothing more', async () => {
  const stored = call(good);
  await run(settleScript, stored);
  await redis.hset(keys.laneMeta(names[0]), 'owner', 'another', 'token', '2');
  const before = await redis.dumpBuffer(keys.laneMeta(names[0]));
  assert.deepEqual(await run(settleScript, stored), ['OK', 'STORED', '-1', [], '2', ['4', 'entry 4']]);
  assert.deepEqual(await redis.dumpBuffer(keys.laneMeta(names[0])), before);
});

test('counts that do not add up are refused before anything is written', async () => {
  const wrong: Partial<SettleLane>[] = [
    { delivered: 2 },
    { delivered: 0 },
    { upTo: 2 },
    { upTo: 1 },
    { upTo: 0 },
    { upTo: 0, delivered: 1, dead: [] },
    { dead: [] },
    { dead: [], delivered: 0, upTo: 0, bytes: 1, take: -1 },
  ];
  for (const change of wrong) {
    await assertWritesNothing(call(withFirst(change)), ['SHAPE'], JSON.stringify(change));
  }
  const withoutPage = settleCall(keys, 'cour', undefined, withFirst({}));
  await assertWritesNothing(withoutPage, ['SHAPE', 'counts']);
});

test('what was never handed out cannot be settled', async () => {
  await assertWritesNothing(call(withFirst({ upTo: 4, delivered: 2 })), ['SHAPE', 'not handed out']);
});

test('a dead letter that is not on the lane, or is named twice or out of order, is refused before anything is written', async () => {
  const twice: SettleLane['dead'] = [
    [2, 'DELIVER_MESSAGE'],
    [2, 'DELIVER_MESSAGE'],
  ];
  const backwards: SettleLane['dead'] = [
    [3, 'DELIVER_MESSAGE'],
    [2, 'DELIVER_MESSAGE'],
  ];
  for (const dead of [twice, backwards]) {
    await assertWritesNothing(call(withFirst({ delivered: 0, dead })), ['SHAPE', 'dead entry']);
  }
  for (const seq of [1, 4, 99, 'x', '', '2.0', '-1']) {
    await assertWritesNothing(call(withFirst({ dead: [[seq, 'DELIVER_MESSAGE']] })), ['SHAPE', 'dead entry']);
  }
  await redis.xdel(keys.lane(names[0]), '3-0');
  await assertWritesNothing(call(good), ['SHAPE', 'dead entry']);
});

test('a full dead stream holds the turn, and nothing of it is written', async () => {
  await assertWritesNothing(call(good, 1), ['DEAD_FULL']);
  assert.equal((await run(settleScript, call(good, 2)))[0], 'OK');
});

test('a turn that does not continue the writer record is GAP and writes nothing', async () => {
  const { head } = pages;
  const other = settleCall(keys, 'cour', { ...pages.build('next'), prev: 'f'.repeat(64) }, good);
  await assertWritesNothing(other, ['GAP', '1', head]);
  await assertWritesNothing(settleCall(keys, 'cour', { ...pages.build('next'), n: 3 }, good), [
    'GAP',
    '1',
    head,
  ]);
});

test('a key of the wrong type, any of them, is found before anything is written', async () => {
  for (const key of call(good).keys) {
    const kept: unknown = await redis.dumpBuffer(key);
    await redis.del(key);
    await redis.rpush(key, 'a list');
    const isInstance = key === keys.instance('courier:one');
    const opening = settleCall(keys, 'fresh', new Pages().build('opening'), good);
    await assertWritesNothing(isInstance ? opening : call(good), /WRONGTYPE/);
    await redis.del(key);
    if (Buffer.isBuffer(kept)) await redis.restore(key, 0, kept);
  }
  assert.equal((await run(settleScript, call(good)))[0], 'OK');
});

test('a counter that Redis could not add to is found before anything is written', async () => {
  const meta = keys.laneMeta(names[1]);
  await redis.hset(meta, 'delivered', 0, 'dead', 0);
  for (const [key, field] of [
    [meta, 'delivered'],
    [meta, 'dead'],
    [meta, 'bytes'],
    [meta, 'settled'],
    [meta, 'handed'],
    [keys.auditMeta, 'bytes'],
  ] as const) {
    const kept = await redis.hget(key, field);
    await redis.hset(key, field, '1.5');
    await assertWritesNothing(call(good), ['SHAPE'], field);
    if (kept === null) await redis.hdel(key, field);
    else await redis.hset(key, field, kept);
  }
  assert.equal((await run(settleScript, call(good)))[0], 'OK');
});

test('arguments of another shape are refused before anything is written', async () => {
  const { keys: names_, args } = call(good);
  const changed = (at: number, value: ScriptArgument) => ({ keys: names_, args: args.with(at, value) });
  const wrong = [
    ...[0, 5, 7, 10, 11, 12, 13, 14, 15].flatMap((at) => [
      changed(at, 'many'),
      changed(at, ''),
      changed(at, '-1'),
    ]),
    changed(1, 'short'),
    changed(2, 'short'),
    changed(15, 0),
    changed(15, 99),
    { keys: names_, args: args.slice(0, 7) },
    { keys: names_, args: args.slice(0, -1) },
    { keys: names_, args: [...args, 'more'] },
    { keys: names_.slice(0, -1), args },
    call([...good, { lane: names[0], token: 1 }]),
  ];
  await assertWritesNothing({ keys: names_.slice(0, -1), args }, ['SHAPE', 'keys']);
  for (const [at, one] of wrong.entries()) await assertWritesNothing(one, ['SHAPE'], `case ${String(at)}`);
});

test('a full server still lets lanes drain, be claimed and be given back', async () => {
  await redis.config('SET', 'maxmemory', '1000');
  try {
    assert.equal((await run(settleScript, call(good)))[0], 'OK');
    assert.equal((await run(renewScript, { keys: [keys.laneMeta(names[0])], args: [1, 0] }))[0], 'OK');
    assert.equal(
      (await run(claimScript, { keys: [keys.laneMeta(names[0])], args: ['b', 6000, 1000] }))[1],
      '2',
    );
    await run(claimScript, { keys: [keys.auditMeta], args: ['recorder', 6000, 1000] });
    const last = (await redis.xrevrange(keys.audit, '+', '-', 'COUNT', 1))[0]?.[0] ?? '';
    const confirm = { keys: [keys.audit, keys.auditMeta], args: [1, 6000, last, 1] };
    assert.equal((await run(confirmScript, confirm))[0], 'OK');
    assert.equal(await redis.xlen(keys.audit), 0);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});

test('a lease is lengthened and given back by its owner only', async () => {
  const renew = (token: number, leaseMs: number) =>
    run(renewScript, { keys: [keys.laneMeta(names[0])], args: [token, leaseMs] });
  const before = await contentOf(redis);
  for (const leaseMs of [60_000, 0]) assert.deepEqual(await renew(0, leaseMs), ['FENCED']);
  assert.deepEqual(await contentOf(redis), before);
  assert.deepEqual(await renew(1, 60_000), ['OK']);
  assert.ok(Number(await redis.hget(keys.laneMeta(names[0]), 'until')) > Date.now() + 50_000);
  assert.deepEqual(await renew(1, 0), ['OK']);
  assert.deepEqual(await redis.hmget(keys.laneMeta(names[0]), 'owner', 'until'), ['', '0']);
});

test('a lane is free only after lease and margin, and its token rises with every owner', async () => {
  const claim = (owner: string, leaseMs: number) =>
    run(claimScript, { keys: [keys.laneMeta(names[0])], args: [owner, leaseMs, 1000] });
  const [held, ms] = await claim('you', 6000);
  assert.equal(held, 'HELD');
  assert.ok(Number(ms) > 6000 && Number(ms) <= 7000, String(ms));
  assert.equal((await claim('me', 6000))[0], 'HELD', 'the same name may be another life');
  await redis.hset(keys.laneMeta(names[0]), 'until', Date.now() - 900);
  assert.equal((await claim('you', 6000))[0], 'HELD', 'the margin has not passed');
  await redis.hset(keys.laneMeta(names[0]), 'until', Date.now() - 1100);
  assert.deepEqual(await claim('you', 6000), ['OK', '2', '1', '3']);
});

test('a confirmation that is resent lowers the byte count once', async () => {
  const meta = keys.auditMeta;
  await run(claimScript, { keys: [meta], args: ['recorder', 6000, 1000] });
  const [first] = await redis.xrange(keys.audit, '-', '+');
  const before = Number(await redis.hget(meta, 'bytes'));
  const confirm = { keys: [keys.audit, meta], args: [1, 6000, first?.[0] ?? '', 10] };
  for (let times = 0; times < 3; times += 1) assert.deepEqual(await run(confirmScript, confirm), ['OK']);
  assert.equal(Number(await redis.hget(meta, 'bytes')), before - 10);
  assert.equal(await redis.xlen(keys.audit), 1);
  assert.deepEqual(await run(confirmScript, { ...confirm, args: [0, 6000, '', 0] }), ['FENCED']);
  assert.deepEqual(await run(confirmScript, { ...confirm, args: [1, 6000, 'last', 0] }), ['SHAPE', 'id']);
});
