import type { Redis } from 'ioredis';
import { priorityClasses } from '../message/delivery.ts';
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

/** One MULTI a lane, so that counters and stream lengths are of the same instant. */
export const readLane = async (redis: Redis, keys: SlotKeys, lane: string): Promise<LaneCounts> => {
  const multi = redis.multi().hgetall(keys.laneMeta(lane));
  for (const priorityClass of priorityClasses) multi.xlen(keys.lane(lane, priorityClass));
  const [meta, ...lengths] = (await multi.exec()) ?? [];
  const fields = (meta?.[1] ?? {}) as Record<string, string>;
  const count = (field: string): number => Number(fields[field] ?? 0);
  return {
    in: count('in'),
    waiting: lengths.reduce((sum, [, length]) => sum + Number(length), 0),
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
