import type { KeySpace } from './identity.ts';
import type { LatencySummary } from './latency.ts';
import type { Reconciled } from './reconcile.ts';

/** What the processes of a load run say to each other. */
export type GeneratorOrder =
  | {
      readonly do: 'run';
      readonly baseNs: string;
      readonly ports: readonly number[];
      /** Where the drainer tells how many deliveries it has. */
      readonly drainedPort: number;
      /** Messages a second in an open loop; 0: a closed loop by `window`. */
      readonly rate: number;
      readonly window: number;
      /** Deliveries accepted and not yet drained, at most, in a closed loop. */
      readonly lag: number;
      readonly startUs: number;
      readonly endUs: number;
      readonly expectedFile: string;
    }
  | { readonly do: 'end' };

export type GeneratorReport = {
  readonly accepted: number;
  readonly refused: number;
  readonly acceptedInTime: number;
  readonly refusedInTime: number;
  readonly surprises: number;
  readonly unanswered: number;
  readonly expectedDeliveries: number;
  /** A histogram as `Latency.encoded` writes it, as the next one. */
  readonly acks: string;
  /** How late the generator itself was against its schedule, in an open loop; part of every latency. */
  readonly lateness: string;
};

/** To the generator number `generator` of `generators`, each of which holds the stations whose place leaves it as the rest. */
export type StationsOrder =
  | {
      readonly do: 'connect';
      readonly baseNs: string;
      readonly stations: number;
      readonly byStationPercent: number;
      readonly generator: number;
      readonly generators: number;
      /** Of all stations, by their place. */
      readonly ports: readonly number[];
      readonly drainedPort: number;
    }
  | {
      readonly do: 'run';
      readonly rate: number;
      /** Of this generator. */
      readonly window: number;
      readonly lag: number;
      /** When the first message is meant to leave, in an open loop. */
      readonly firstUs: number;
      readonly startUs: number;
      readonly endUs: number;
      readonly expectedFile: string;
    }
  | { readonly do: 'finish'; readonly plainFile: string; readonly markedFile: string };

export type StationsReceived = {
  readonly received: number;
  readonly deliveredInTime: number;
  readonly unreadable: number;
  readonly notices: number;
  /** Connections the gateway closed while all stations came. */
  readonly turnedAway: number;
  /** A histogram as `Latency.encoded` writes it. */
  readonly endToEnd: string;
};

export type DrainerOrder =
  | {
      readonly do: 'drain';
      readonly baseNs: string;
      readonly busPort: number;
      readonly topics: readonly string[];
    }
  | { readonly do: 'finish'; readonly expectedDeliveries: number }
  | {
      readonly do: 'reconcile';
      readonly busKeyFile: string;
      readonly space: KeySpace;
      /** The `destination` property of topic deliveries; its place here is the place in their keys. */
      readonly topicTexts: readonly string[];
      readonly expectedFiles: readonly string[];
      /** What stations got: copies without a mark, and with. */
      readonly plainFiles: readonly string[];
      readonly markedFiles: readonly string[];
      readonly startUs: number;
      readonly endUs: number;
    };

export type DrainerReport = Reconciled & {
  readonly deliveredInTime: number;
  readonly unreadable: number;
  readonly endToEnd: LatencySummary;
};

/** The process that started us is gone: nothing of a load run outlives it. */
export const endWithParent = (): void => {
  process.on('disconnect', () => process.exit(1));
};

export const tell = (report: object): void => {
  process.send?.(report);
};
