import type { AwayStation } from './held-site.ts';

/** What the processes of a held run say to each other. */
export type HeldSenderOrder =
  | {
      readonly do: 'connect';
      readonly baseNs: string;
      readonly ports: readonly number[];
      readonly window: number;
    }
  /** So many messages to one station, in a closed loop, to the last answer. */
  | { readonly do: 'fill'; readonly to: AwayStation; readonly count: number }
  /** The keys of all that was accepted for a station. */
  | { readonly do: 'write'; readonly to: AwayStation; readonly file: string };

export type FillReport = { readonly accepted: number; readonly seconds: number };

/** Connect, confirm everything at once, and go when so many have come or nothing comes any more. */
export type HeldStationOrder = {
  readonly do: 'drain';
  readonly port: number;
  readonly count: number;
  /** Deliveries whose rate is told at the start and at the end, and for each such part of the whole. */
  readonly part: number;
  readonly plainFile: string;
  readonly markedFile: string;
};

export type DrainReport = {
  readonly received: number;
  readonly marked: number;
  /** Unmarked deliveries that came after a later one of the same sending line. */
  readonly outOfOrder: number;
  readonly unreadable: number;
  readonly seconds: number;
  /** Deliveries a second. */
  readonly firstPart: number;
  readonly lastPart: number;
  readonly parts: readonly number[];
  /** From the connection to the first delivery, ms. */
  readonly firstAfterMs: number;
};
