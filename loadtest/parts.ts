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
  readonly acks: LatencySummary;
  /** How late the generator itself was against its schedule, in an open loop; part of every latency. */
  readonly lateness: LatencySummary;
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
      readonly expectedFile: string;
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
