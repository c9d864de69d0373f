import { hash } from 'node:crypto';
import { Redis } from 'ioredis';
import type { AcceptLane, AcceptLimits, AppendPage } from './accept.ts';
import type { ScriptArgument } from './hot-connection.ts';
import type { SlotKeys } from './keys.ts';

/** What the queue's tests say to a slot, and how they see all of it. Not used by the road. */
export const limits: AcceptLimits = {
  batchMessagesMax: 256,
  batchBytesMax: 1024 * 1024,
  laneMessagesMax: 1000,
  laneBytesMax: 1024 * 1024,
  auditPagesMax: 1000,
  auditBytesMax: 8 * 1024 * 1024,
  recorderSilenceMsMax: 60_000,
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

/** Keys and arguments of an accept call, in the order the script names them. */
export const acceptCall = (
  keys: SlotKeys,
  writer: string,
  page: AppendPage,
  lanes: readonly AcceptLane[],
  bounds: AcceptLimits = limits,
): { keys: string[]; args: ScriptArgument[] } => ({
  keys: [
    keys.writer(writer),
    keys.audit,
    keys.auditMeta,
    keys.ready,
    keys.bell,
    keys.instance('gateway:one'),
    ...lanes.flatMap(({ lane }) => [keys.lane(lane), keys.laneMeta(lane)]),
  ],
  args: [
    page.n,
    page.prev,
    page.head,
    page.bytes,
    page.journal,
    bounds.auditPagesMax,
    bounds.auditBytesMax,
    bounds.recorderSilenceMsMax,
    page.n === 1 ? writer : '',
    ...lanes.flatMap(({ lane, entries }) => [
      lane,
      bounds.laneMessagesMax,
      bounds.laneBytesMax,
      entries.length,
      ...entries,
    ]),
  ],
});

/** Every key with its whole content and its time of death: two equal ones mean that nothing was written. */
export const contentOf = async (redis: Redis): Promise<Readonly<Record<string, string>>> => {
  const content: Record<string, string> = {};
  for (const key of (await redis.keys('*')).toSorted()) {
    const dump = await redis.dumpBuffer(key);
    content[key] = `${String(await redis.pexpiretime(key))} ${dump.toString('base64')}`;
  }
  return content;
};

/** Says that the recorder lives, as its heartbeat does. */
export const recorderSeen = async (redis: Redis, keys: SlotKeys): Promise<void> => {
  const [seconds] = await redis.time();
  await redis.hset(keys.auditMeta, 'seen', Number(seconds) * 1000);
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

/** One lane's part of a settle call. */
export type SettleLane = {
  readonly lane: string;
  readonly token: number;
  readonly upTo?: number;
  readonly delivered?: number;
  readonly bytes?: number;
  readonly after?: number;
  readonly take?: number;
  readonly dead?: readonly (readonly [seq: ScriptArgument, code: string])[];
};

/** Keys and arguments of a settle call; without a page it only takes. */
export const settleCall = (
  keys: SlotKeys,
  writer: string,
  page: AppendPage | undefined,
  lanes: readonly SettleLane[],
  deadMax = 1000,
): { keys: string[]; args: ScriptArgument[] } => ({
  keys: [
    keys.writer(writer),
    keys.audit,
    keys.auditMeta,
    keys.ready,
    keys.dead,
    keys.instance('courier:one'),
    ...lanes.flatMap(({ lane }) => [keys.lane(lane), keys.laneMeta(lane)]),
  ],
  args: [
    ...(page === undefined ? [0, '', '', '', ''] : [page.n, page.prev, page.head, page.bytes, page.journal]),
    deadMax,
    page?.n === 1 ? writer : '',
    6000,
    ...lanes.flatMap(
      ({ lane, token, upTo = 0, delivered = 0, bytes = 0, after = 0, take = 0, dead = [] }) => [
        lane,
        token,
        upTo,
        delivered,
        bytes,
        after,
        take,
        dead.length,
        ...dead.flat(),
      ],
    ),
  ],
});
