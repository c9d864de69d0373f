import type { BroadcastSeen, Picture } from '../../board/picture.ts';
import type { Account } from './books.ts';

/** Processes the tour kills and puts back. */
export const parts = ['courier', 'gateway', 'bus', 'recorder'] as const;
export type Part = (typeof parts)[number];
/** `drained`: ended in order, at the end of the demo. */
export type PartWord = 'up' | 'DOWN' | 'starting' | 'drained';

export const isOff = (word: PartWord): boolean => word === 'DOWN' || word === 'starting';

export type DemoEvent = { readonly atMs: number; readonly text: string };

/** All the screen shows: the switch's own picture, and what the demo knows of its far side. Times are ms since 1970. */
export type View = {
  readonly atMs: number;
  readonly startedAtMs: number;
  /** None until the first is read. */
  readonly picture: Picture | undefined;
  /** Rates of the last pictures, oldest first: messages accepted and refused, copies delivered, a second. */
  readonly history: {
    readonly accepted: readonly number[];
    readonly delivered: readonly number[];
    readonly refused: readonly number[];
  };
  /** The officer-safety broadcast while the switch still shows it, else its latest. */
  readonly broadcast: BroadcastSeen | undefined;
  readonly account: Account;
  readonly parts: Readonly<Record<Part, PartWord>>;
  readonly station: { readonly name: string; readonly isPlugged: boolean };
  readonly isTouring: boolean;
  readonly isQuitting: boolean;
  /** Newest last. */
  readonly events: readonly DemoEvent[];
  /** Where the status page is, when one runs. */
  readonly boardUrl: string | undefined;
};
