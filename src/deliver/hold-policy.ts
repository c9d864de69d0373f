import type { BusFaultClass } from './bus-faults.ts';

/**
 * What a lane does after a failed send. `dead`: take the first message off as dead. `alone`: send the first message by itself, to
 * learn whether it is the one. `wait`: hold, then the same again. `probe`: wait, then try the second message to tell a poisonous
 * first one from a bus that is ill.
 */
export type HoldAdvice = { readonly do: 'dead' | 'alone' | 'wait' | 'probe'; readonly waitMs: number };

export type HoldLimits = {
  readonly backoffMsMax: number;
  readonly unknownTriesMax: number;
  readonly unknownTriesMs: number;
};

const BACKOFF_FIRST_MS = 50;

/**
 * The back-off and poison rules of one lane (design 5.7). Takes the time as an argument, so that it can be tested without waiting:
 * monotonic milliseconds.
 */
export class HoldPolicy {
  readonly #limits: HoldLimits;
  #failures = 0;
  #unknownTries = 0;
  #unknownSinceMs = 0;

  constructor(limits: HoldLimits) {
    this.#limits = limits;
  }

  /** Failed tries since something last passed. */
  get failures(): number {
    return this.#failures;
  }

  passed(): void {
    this.#failures = 0;
    this.#unknownTries = 0;
  }

  failed(faultClass: BusFaultClass, batchCount: number, nowMs: number): HoldAdvice {
    if (faultClass === 'message')
      return batchCount > 1 ? { do: 'alone', waitMs: 0 } : { do: 'dead', waitMs: 0 };
    this.#failures += 1;
    const waitMs = Math.min(
      BACKOFF_FIRST_MS * 2 ** Math.min(this.#failures - 1, 20),
      this.#limits.backoffMsMax,
    );
    if (faultClass !== 'unknown') return { do: 'wait', waitMs };
    if (this.#unknownTries === 0) this.#unknownSinceMs = nowMs;
    this.#unknownTries += 1;
    // Counted tries are of one message: a batch that fails without a reason is first cut down to its first message.
    if (batchCount > 1) return { do: 'alone', waitMs };
    const isSpent =
      this.#unknownTries >= this.#limits.unknownTriesMax &&
      nowMs - this.#unknownSinceMs >= this.#limits.unknownTriesMs;
    const spread = this.#limits.unknownTriesMs / this.#limits.unknownTriesMax;
    return isSpent ? { do: 'probe', waitMs } : { do: 'wait', waitMs: Math.max(waitMs, spread) };
  }
}
