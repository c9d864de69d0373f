import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceBusClient, ServiceBusReceivedMessage } from '@azure/service-bus';
import { classifyBusFault } from '../bus/bus-faults.ts';
import { type Visited, visit, type VisitLimits } from './visit.ts';

export { type Arrival, ArrivalBook, type Book } from './arrival-book.ts';
export { readArrived } from './arrived.ts';
export {
  type BusLetter,
  type ForeignMessage,
  readReturned,
  type Returned,
  type ReturnedDelivery,
} from './returned.ts';
export { returnCodes } from './return-reason.ts';
export { type Visited, visit } from './visit.ts';

/** What the visits of one round came to. `absent`: subscriptions that the bus does not have, or does not let us read. */
export type Round = {
  readonly ms: number;
  readonly taken: number;
  readonly absent: number;
  /** The code of the fault that ended the round early, or empty. */
  readonly fault: string;
};

export type SweepOptions = {
  readonly client: () => ServiceBusClient;
  /** Asked at the start of each round. */
  readonly queues: () => readonly Visited[];
  /** Visits at the same time, so links at the same time. */
  readonly visitorsMax: number;
  /** A round begins so long after the one before began, or at once when that took longer. */
  readonly roundMs: number;
  readonly limits: Omit<VisitLimits, 'signal'>;
  keep(from: Visited, messages: readonly ServiceBusReceivedMessage[]): Promise<'kept' | 'hold'>;
  onRound(round: Round): void;
};

/** The first round waits for the rest of the process to be up. */
const FIRST_PART = 6;
const FIRST_MS_MAX = 5000;

/**
 * The collect room's door: what comes back from the bus (docs/decisions/0014). Goes round many queues for ever with a few visitors: two
 * thousand subscriptions must not hold two thousand links. A queue that has more than a visit takes is taken up again in the next round;
 * one that cannot be read does not stop the others; a bus that is away ends the round.
 */
export class Sweep {
  readonly #options: SweepOptions;
  readonly #stopping = new AbortController();
  /** Where the next round begins: behind what ended this one. */
  #from = 0;
  #run: Promise<void> | undefined;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#run ??= this.#rounds();
  }

  /** Resolves when the visits under way are over; each of them ends by itself. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#run;
  }

  async #rounds(): Promise<void> {
    const { roundMs } = this.#options;
    await this.#pause(Math.min(roundMs / FIRST_PART, FIRST_MS_MAX));
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now();
      const round = await this.#round();
      const ms = performance.now() - startedAt;
      this.#options.onRound({ ...round, ms });
      await this.#pause(Math.max(roundMs - ms, round.fault === '' ? 0 : roundMs));
    }
  }

  async #round(): Promise<Omit<Round, 'ms'>> {
    const { queues, visitorsMax } = this.#options;
    const seen = { taken: 0, absent: 0, fault: '' };
    const all = [...queues().entries()];
    const from = Math.min(this.#from, all.length);
    this.#from = 0;
    // Visitors share one iterator: each goes on to the next queue when it is done.
    const next = [...all.slice(from), ...all.slice(0, from)].values();
    const visitor = async (): Promise<void> => {
      for (const [at, queue] of next) {
        if (this.#stopping.signal.aborted || seen.fault !== '') return;
        // One that fails each time must not keep those behind it from ever being visited.
        if (!(await this.#visit(queue, seen))) this.#from = at + 1;
      }
    };
    await Promise.all(Array.from({ length: visitorsMax }, visitor));
    return seen;
  }

  /** False when the round is to end. */
  async #visit(queue: Visited, seen: { taken: number; absent: number; fault: string }): Promise<boolean> {
    const options = this.#options;
    const limits = { ...options.limits, signal: this.#stopping.signal };
    try {
      const { taken } = await visit(options.client(), queue, limits, (messages) =>
        options.keep(queue, messages),
      );
      seen.taken += taken;
    } catch (error) {
      const fault = classifyBusFault(error);
      if (fault.class !== 'entity') {
        seen.fault = fault.code;
        return false;
      }
      seen.absent += 1;
    }
    return true;
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
