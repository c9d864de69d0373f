import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { acceptScript } from './accept-script.ts';
import type { AcceptLimits, Resendable } from './batch.ts';
import { slotKeys } from './keys.ts';
import {
  contentOf,
  entriesOf,
  evaluate,
  limits,
  onlooker,
  openAcceptCall,
  Pages,
  recorderSeen,
  redisNow,
  SPAN,
} from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-resends-'));
const keys = slotKeys('s0');
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
beforeEach(async () => {
  await redis.flushall();
  await recorderSeen(redis, keys);
  pages = new Pages();
});

/** What a message with this control field would be remembered as. */
const sent = (
  field: string,
  body: string,
  messageId: string,
  change: Partial<Resendable> = {},
): Resendable => ({ station: 'zz01', field, body, messageId, isKnown: false, ...change });

const accept = async (
  resendables: readonly Resendable[],
  { span = SPAN, ...change }: Partial<AcceptLimits> & { readonly span?: number } = {},
): Promise<readonly string[]> => {
  const page = pages.build('accepted');
  const lanes = [entriesOf('broadcast', 4, 'x')];
  const call = openAcceptCall(keys, 'gone', { page, lanes, resendables }, { ...limits, ...change }, span);
  const before = await contentOf(redis);
  const reply = (await evaluate(redis, acceptScript, call)).map(String);
  if (reply[0] === 'OK') pages.commit(page);
  else assert.deepEqual(await contentOf(redis), before, 'what is not accepted writes nothing');
  return reply;
};

const notRemembered = (reply: readonly string[]): number => Number(reply[1]?.split(' ')[3]);

test('a control field sent before is named with its first message, and whether the body is the same', async () => {
  assert.equal((await accept([sent('f1', 'b1', 'm1'), sent('f2', 'b2', 'm2')]))[0], 'OK');
  const again = [sent('f1', 'b1', 'm3'), sent('f2', 'other', 'm4'), sent('f3', 'b3', 'm5')];
  assert.deepEqual(await accept(again), ['KNOWN', 'f1', '1', 'm1', 'f2', '0', 'm2']);
  assert.equal(
    (await accept([sent('f3', 'b3', 'm5')]))[0],
    'OK',
    'f3 had not been remembered by the call before',
  );
});

test('what a station sent is its own: another with the same field is not known', async () => {
  await accept([sent('f1', 'b1', 'm1')]);
  assert.equal((await accept([sent('f1', 'b1', 'm2', { station: 'zz02' })]))[0], 'OK');
  const both = [sent('f1', 'b1', 'm3', { station: 'zz02' }), sent('f1', 'b1', 'm4')];
  assert.deepEqual(await accept(both), ['KNOWN', 'f1', '1', 'm2', 'f1', '1', 'm1']);
});

test('what is known already is not looked up: it is stored, and remembered in the place of the first', async () => {
  await accept([sent('f1', 'b1', 'm1')]);
  assert.equal((await accept([sent('f1', 'other', 'm2', { isKnown: true })]))[0], 'OK');
  assert.deepEqual(await accept([sent('f1', 'other', 'm3')]), ['KNOWN', 'f1', '1', 'm2']);
});

test('the span before is looked up as well, the one before that is not', async () => {
  await accept([sent('f1', 'b1', 'm1')]);
  assert.equal((await accept([sent('f1', 'b1', 'm2')], { span: SPAN + 1 }))[0], 'KNOWN');
  assert.equal((await accept([sent('f2', 'b2', 'm2')], { span: SPAN + 1 }))[0], 'OK');
  assert.equal((await accept([sent('f2', 'b2', 'm3')], { span: SPAN + 2 }))[0], 'KNOWN');
  assert.equal((await accept([sent('f1', 'b1', 'm3')], { span: SPAN + 2 }))[0], 'OK');
});

test('the window is judged by the time Redis noted, to the millisecond', async () => {
  await accept([sent('f1', 'b1', 'm1')], { resendWindowMs: 5000 });
  const key = keys.resends('zz01', SPAN);
  await redis.hset(key, 'f1', `${String((await redisNow(redis)) - 4000)} b1 m1`);
  assert.equal((await accept([sent('f1', 'b1', 'm2')], { resendWindowMs: 5000 }))[0], 'KNOWN');
  await redis.hset(key, 'f1', `${String((await redisNow(redis)) - 5001)} b1 m1`);
  assert.equal((await accept([sent('f1', 'b1', 'm2')], { resendWindowMs: 5000 }))[0], 'OK');
  assert.match((await redis.hget(key, 'f1')) ?? '', / b1 m2$/, 'the window begins anew');
});

test('what was remembered is gone two windows after the last of it', async () => {
  await accept([sent('f1', 'b1', 'm1')], { resendWindowMs: 100 });
  const left = await redis.pttl(keys.resends('zz01', SPAN));
  assert.ok(left > 100 && left <= 200, String(left));
  await sleep(210);
  assert.equal(await redis.exists(keys.resends('zz01', SPAN)), 0);
});

test('past its maximum a station is not remembered, which is counted; its messages are accepted', async () => {
  const most = { resendsPerStationMax: 2 };
  assert.equal(notRemembered(await accept([sent('f1', 'b1', 'm1')], most)), 0);
  const three = [sent('f2', 'b', 'm2'), sent('f3', 'b', 'm3'), sent('f1', 'b', 'm4', { station: 'zz02' })];
  const reply = await accept(three, most);
  assert.equal(reply[0], 'OK');
  assert.equal(notRemembered(reply), 2, 'of the station that has no room, and not of the other');
  assert.equal(await redis.hlen(keys.resends('zz01', SPAN)), 1);
  assert.equal(notRemembered(await accept([sent('f2', 'b', 'm5')], most)), 0);
  assert.equal(notRemembered(await accept([sent('f9', 'b', 'm6')], { ...most, span: SPAN + 1 })), 0);
});

test('a full lane is named before a known field, and a resent call of ours is no resend', async () => {
  const page = pages.build('first');
  const lanes = [entriesOf('broadcast', 4, 'x')];
  const call = openAcceptCall(keys, 'gone', { page, lanes, resendables: [sent('f1', 'b1', 'm1')] });
  assert.equal((await evaluate(redis, acceptScript, call))[0], 'OK');
  assert.equal((await evaluate(redis, acceptScript, call))[0], 'STORED');
  pages.commit(page);
  assert.equal((await accept([sent('f1', 'b1', 'm2')], { laneMessagesMax: 1 }))[0], 'LANE_FULL');
});
