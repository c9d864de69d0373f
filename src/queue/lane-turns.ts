import type { PriorityClass } from '../message/delivery.ts';

export type LeaseTimes = { readonly leaseMs: number; readonly marginMs: number };

/** Where a class of a lane stood when we got it. Entries up to `handedBefore` were given to an earlier owner and may repeat. */
export type ClassAtClaim = { readonly settled: number; readonly handedBefore: number };

/** A lane in our hands. */
export type OwnedLane = {
  readonly lane: string;
  readonly token: number;
  readonly classes: Readonly<Record<PriorityClass, ClassAtClaim>>;
};

export type TakenEntry = {
  readonly priorityClass: PriorityClass;
  readonly seq: number;
  /** Redis ms past which it must not be delivered. */
  readonly deadlineMs: number;
  /** The deadline is its own, nearer than the lane's. */
  readonly isDue: boolean;
  readonly entry: Buffer;
};
export type Turn = { readonly waiting: number; readonly taken: readonly TakenEntry[] };

export type LaneLimits = { readonly deadMax: number; readonly laneHoldMs: number };

/** Numbers of one taken entry in a reply: class, laneSeq, deadline, due, bytes. */
const TAKEN_PARTS = 5;

/** Entries as the settle script gives them. */
export const readTaken = (flat: readonly unknown[]): readonly TakenEntry[] => {
  const taken: TakenEntry[] = [];
  for (let i = 0; i + TAKEN_PARTS <= flat.length; i += TAKEN_PARTS) {
    taken.push({
      priorityClass: Number(flat[i]) as PriorityClass,
      seq: Number(flat[i + 1]),
      deadlineMs: Number(flat[i + 2]),
      isDue: Number(flat[i + 3]) === 1,
      entry: flat[i + 4] as Buffer,
    });
  }
  return taken;
};
