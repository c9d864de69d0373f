import type { Framing } from '../dialect/dialect.ts';
import type { Refusal } from '../message/refusal.ts';

const windowMs = 60_000;

/** Counts a line's framing faults by the minute; the clock is the caller's. Two numbers a line, whatever it sends. */
export class FaultRate {
  readonly #faultsMax: number;
  #windowStartMs = 0;
  #faults = 0;

  constructor(framing: Framing) {
    this.#faultsMax = framing.frameFaultsMax;
  }

  /** Call at each framing fault. A refusal means: say so and close the line. */
  count(nowMs: number): Refusal | undefined {
    // A clock set back starts a new window rather than one that lasts until the old time comes again.
    const age = nowMs - this.#windowStartMs;
    if (age < 0 || age >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#faults = 0;
    }
    this.#faults++;
    return this.#faults > this.#faultsMax
      ? { code: 'FRAME_FAULTS_TOO_MANY', limit: this.#faultsMax }
      : undefined;
  }
}
