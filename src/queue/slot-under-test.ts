import { hash } from 'node:crypto';
import { Redis } from 'ioredis';
import type { LaneName, PriorityClass } from '../message/delivery.ts';
import { acceptCall } from './accept-call.ts';
import type { AcceptBatch, AcceptLimits, AppendPage } from './batch.ts';
import type { SlotKeys } from './keys.ts';
import type { LaneEntries } from './lane-entries.ts';
import type { ScriptArgument, ScriptCall } from './script-call.ts';
import {
  type ClassSettlement,
  type LaneTurn,
  pageArguments,
  pageKeys,
  pushRest,
  pushTurns,
} from './settle-call.ts';

/** What the queue's tests say to a slot, and how they see all of it. Not used by the road. */
export const limits: AcceptLimits = {
  batchMessagesMax: 256,
  batchBytesMax: 1024 * 1024,
  laneMessagesMax: 1000,
  laneBytesMax: 1024 * 1024,
  laneHoldMs: 3_600_000,
  auditPagesMax: 1000,
  auditBytesMax: 8 * 1024 * 1024,
  recorderSilenceMsMax: 60_000,
  resendWindowMs: 600_000,
  resendsPerStationMax: 100,
};

/** A chain of pages as one writer makes them; `build` leaves it where it is, `commit` moves on. */
export class Pages {
  n = 0;
  head = '0'.repeat(64);

  build(text: string): AppendPage {
    const bytes = Buffer.from(`${String(this.n + 1)} ${this.head} ${text}`);
    return {
      n: this.n + 1,
      prev: this.head,
      head: hash('sha256', bytes),
      bytes,
      journal: Buffer.from('sealed'),
    };
  }

  commit(page: AppendPage): void {
    this.n = page.n;
    this.head = page.head;
  }
}

/** Keys and arguments of a script call, open to be changed. */
export type OpenCall = { readonly keys: readonly string[]; readonly args: readonly ScriptArgument[] };

/** Runs a script. Replies come as strings, lists within them as lists of strings. */
export const evaluate = async (
  redis: Redis,
  script: string,
  { keys, args }: OpenCall,
): Promise<readonly (string | readonly string[])[]> => {
  const reply: unknown = await redis.eval(script, keys.length, ...keys, ...args);
  return (reply as unknown[]).map((part) => (Array.isArray(part) ? part.map(String) : String(part)));
};

/** Entries of one class of a lane; a number behind a text is its time to live in ms. */
export const entriesOf = (
  lane: LaneName,
  priorityClass: PriorityClass,
  ...texts: readonly (string | readonly [text: string, ttlMs: number])[]
): LaneEntries => ({
  lane,
  priorityClass,
  entries: texts.map((one) => {
    const [text, ttlMs] = typeof one === 'string' ? ([one, 0] as const) : one;
    return { bytes: Buffer.from(text), ttlMs };
  }),
});

/** Number of the resend span the calls of these tests name. */
export const SPAN = 7;

/** The product's own accept call, opened. */
export const openAcceptCall = (
  keys: SlotKeys,
  writer: string,
  batch: Partial<AcceptBatch> & { readonly page: AppendPage },
  bounds: AcceptLimits = limits,
  span: number = SPAN,
): OpenCall => {
  const whole = { lanes: [], bodies: [], resendables: [], ...batch };
  return opened(acceptCall(whole, keys, { writer, instance: 'gateway:one' }, bounds, span));
};

/** Reads the Redis protocol back: EVALSHA, sha, number of keys, keys, arguments. */
const opened = ({ bytes }: ScriptCall): OpenCall => {
  const parts: Buffer[] = [];
  const endOf = (from: number): number => bytes.indexOf('\r\n', from);
  const count = Number(bytes.toString('latin1', 1, endOf(0)));
  let at = endOf(0) + 2;
  for (let part = 0; part < count; part += 1) {
    const from = endOf(at) + 2;
    const length = Number(bytes.toString('latin1', at + 1, from - 2));
    parts.push(bytes.subarray(from, from + length));
    at = from + length + 2;
  }
  const firstArgument = 3 + Number(parts[2]?.toString() ?? 0);
  return { keys: parts.slice(3, firstArgument).map(String), args: parts.slice(firstArgument) };
};

/** What is done of one class, in short. */
export const prefix = (
  priorityClass: PriorityClass,
  upTo: number,
  change: Partial<ClassSettlement> = {},
): ClassSettlement => ({
  priorityClass,
  upTo,
  delivered: 0,
  sentUnconfirmed: 0,
  expired: 0,
  gone: 0,
  dead: [],
  due: [],
  ...change,
});

export type ShortTurn = Partial<LaneTurn> & Pick<LaneTurn, 'lane' | 'token'>;
type Told = { readonly bodies?: readonly string[]; readonly notices?: readonly LaneEntries[] };
const courierLimits = { deadMax: 1000, leaseMs: 6000, laneHoldMs: limits.laneHoldMs };

/** Keys and arguments of a settle call; without a page it only takes. */
export const openSettleCall = (
  keys: SlotKeys,
  writer: string,
  page: AppendPage | undefined,
  turns: readonly ShortTurn[],
  { bodies = [], notices = [], ...change }: Told & Partial<typeof courierLimits> = {},
): OpenCall => {
  const call: { keys: string[]; args: ScriptArgument[] } = { keys: [], args: [] };
  const whole = turns.map((turn) => ({ classes: [], bytes: 0, takes: [], ...turn }));
  pushTurns(whole, keys, call);
  const rest = pushRest(bodies, notices, keys, call);
  const name = { writer, instance: 'courier:one' };
  return {
    keys: [...pageKeys(keys, name), keys.dead, ...call.keys],
    args: [
      ...pageArguments(page, name, { ...courierLimits, ...change }),
      turns.length,
      rest.bodies,
      rest.lanes,
      ...call.args,
    ],
  };
};

/** Every key with its whole content and its time of death: two equal ones mean that nothing was written. */
export const contentOf = async (redis: Redis): Promise<Readonly<Record<string, string>>> => {
  const content: Record<string, string> = {};
  for (const key of (await redis.keys('*')).toSorted()) {
    const dump = await redis.dumpBuffer(key);
    content[key] = `${String(await redis.pexpiretime(key))} ${dump.toString('base64')}`;
  }
  return content;
};

/** What one class of a lane holds, as `laneSeq text`. */
export const heldBy = async (
  redis: Redis,
  keys: SlotKeys,
  lane: string,
  priorityClass: PriorityClass,
): Promise<readonly string[]> =>
  (await redis.xrange(keys.lane(lane, priorityClass), '-', '+')).map(
    ([id, [, text]]) => `${id.slice(0, -2)} ${text ?? ''}`,
  );

/** Lanes that a doorbell was rung for, in order. */
export const ringsOf = async (redis: Redis, bell: string): Promise<readonly string[]> =>
  (await redis.xrange(bell, '-', '+')).map(([, fields]) => fields[1] ?? '');

/** Redis' own clock, in ms. */
export const redisNow = async (redis: Redis): Promise<number> => {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
};

/** Says that the recorder lives, as its heartbeat does. */
export const recorderSeen = async (redis: Redis, keys: SlotKeys): Promise<void> => {
  await redis.hset(keys.auditMeta, 'seen', await redisNow(redis));
};

/** A client for looking on; it says nothing when the server goes away on purpose. */
export const onlooker = (url: string): Redis => {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  return redis;
};

/** Waits for what other processes bring about. Fails by itself after `msMax`. */
export const until = async (
  what: string,
  isSo: () => boolean | Promise<boolean>,
  msMax = 8000,
): Promise<void> => {
  const deadline = performance.now() + msMax;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${String(msMax)} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
