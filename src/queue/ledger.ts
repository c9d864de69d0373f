import type { Redis } from 'ioredis';
import type { SlotKeys } from './keys.ts';

/** Counts of one lane. P2: `in` equals the sum of the others, exactly, at any instant. */
export type LaneCounts = {
  readonly in: number;
  readonly waiting: number;
  readonly delivered: number;
  readonly sentUnconfirmed: number;
  readonly dead: number;
  readonly expired: number;
  readonly divertedOut: number;
};

/** One MULTI a lane, so that counters and stream length are of the same instant. */
export const readLane = async (redis: Redis, keys: SlotKeys, lane: string): Promise<LaneCounts> => {
  const results = await redis.multi().hgetall(keys.laneMeta(lane)).xlen(keys.lane(lane)).exec();
  const meta = (results?.[0]?.[1] ?? {}) as Record<string, string>;
  const count = (field: string): number => Number(meta[field] ?? 0);
  return {
    in: count('in'),
    waiting: Number(results?.[1]?.[1] ?? 0),
    delivered: count('delivered'),
    sentUnconfirmed: count('sentUnconfirmed'),
    dead: count('dead'),
    expired: count('expired'),
    divertedOut: count('divertedOut'),
  };
};

/** What `in` exceeds the rest by: 0, or the law of conservation is broken. */
export const imbalance = (c: LaneCounts): number =>
  c.in - c.waiting - c.delivered - c.sentUnconfirmed - c.dead - c.expired - c.divertedOut;
