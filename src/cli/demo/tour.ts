import { setTimeout as sleep } from 'node:timers/promises';
import type { Picture } from '../../board/picture.ts';
import type { FarSide } from './far-side.ts';
import { type Faults, holding } from './faults.ts';
import type { Part } from './view.ts';

export type TourParts = {
  readonly farSide: FarSide;
  readonly faults: Faults;
  readonly picture: () => Picture;
  /** Settles the books; true when they balance. */
  readonly settle: () => Promise<boolean>;
  readonly say: (text: string) => void;
  /** How long each thing is left to be looked at. */
  readonly pauseMs: number;
};

const before: readonly (readonly [part: Part, text: string])[] = [
  ['courier', 'next the courier, which serves the topics, is killed in the middle of its work'],
  ['bus', 'next the bus itself is killed; what it took is on its disk'],
  ['gateway', 'next the gateway is killed, with every line and station on it'],
  ['recorder', 'next the recorder is killed; audit pages wait in Redis for it'],
];

/**
 * The tour by itself: each fault is made, looked at and mended, and the books are settled at the end. Everything said is what was counted
 * at that moment. Ended early by `signal` it puts everything back. Resolves true when the books balanced.
 */
export const guide = async (tour: TourParts, signal: AbortSignal): Promise<boolean> => {
  const { say, faults, settle } = tour;
  const look = async (): Promise<void> => {
    await sleep(tour.pauseMs, undefined, { signal });
  };
  try {
    await faults.restore();
    say('the tour: faults are made and mended in the traffic, and the books settled at the end');
    await look();
    await urgentFirst(tour, look);
    for (const [part, text] of before) {
      say(text);
      await look();
      await faults.kill(part);
      await look();
      if (part !== 'recorder') say(holding(tour.picture()));
      await faults.putBack(part);
      await faults.flowsAgain();
      await look();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    await faults.restore();
    say('the tour was ended; everything is put back');
    return false;
  }
  say('the end of the tour: the traffic waits while the books are settled');
  return settle();
};

/** A station is away, a flood waits for it, then something urgent: at its return that comes first. */
const urgentFirst = async ({ faults, say, picture }: TourParts, look: () => Promise<void>): Promise<void> => {
  await faults.unplug();
  await look();
  await faults.flood();
  await look();
  await faults.officerSafety();
  await look();
  say(holding(picture()));
  await look();
  await faults.plug();
  await faults.flowsAgain();
  await look();
};
