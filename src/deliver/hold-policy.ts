import type { BusFaultClass } from '../bus/bus-faults.ts';

/**
 * What a lane does after a failed send. `dead`: take the first message off as dead. `split`: send fewer, to learn which of them it is.
 * `wait`: hold, then the same again. `probe`: wait, then try the second message to tell a poisonous first one from a bus that is ill.
 */
export type HoldAdvice = { readonly do: 'dead' | 'split' | 'wait' | 'probe'; readonly waitMs: number };

export type HoldLimits = {
  readonly backoffMsMax: number;
  readonly unknownTriesMax: number;
  readonly unknownTriesMs: number;
  /** What a bus that throttles and does not say for how long is given at least. */
  readonly throttleMs: number;
  /** From 0 to 1. */
  readonly random?: () => number;
};

const BACKOFF_FIRST_MS = 50;
/** Lanes that were throttled together come back apart, by up to this share of the wait. */
const THROTTLE_SPREAD = 0.25;

/**
 * The back-off and poison rules of one lane (design 5.7). Takes the time as an argument, so that it can be tested without waiting:
 * monotonic milliseconds. Waits are spread at random over their upper half, so that couriers do not come back all at once.
 */
export class HoldPolicy {
  readonly #limits: HoldLimits;
  readonly #random: () => number;
  #failures = 0;
  #unknownTries = 0;
  #unknownSinceMs = 0;

  constructor(limits: HoldLimits) {
    this.#limits = limits;
    this.#random = limits.random ?? Math.random;
  }

  /** Failed tries since something last passed. */
  get failures(): number {
    return this.#failures;
  }

  passed(): void {
    this.#failures = 0;
    this.#unknownTries = 0;
  }

  /** The bus asked for time: at least what it asks for, and the back-off when that is longer. */
  throttled(askedMs = this.#limits.throttleMs): HoldAdvice {
    const backoffMs = this.#backoff();
    const spreadMs = askedMs * (1 + THROTTLE_SPREAD * this.#random());
    return { do: 'wait', waitMs: Math.max(backoffMs, spreadMs) };
  }

  failed(faultClass: BusFaultClass, batchCount: number, nowMs: number): HoldAdvice {
    if (faultClass === 'message')
      return batchCount > 1 ? { do: 'split', waitMs: 0 } : { do: 'dead', waitMs: 0 };
    const waitMs = this.#backoff();
    if (faultClass !== 'unknown') return { do: 'wait', waitMs };
    if (this.#unknownTries === 0) this.#unknownSinceMs = nowMs;
    this.#unknownTries += 1;
    // Counted tries are of one message: a batch that fails without a reason is first cut down to its first message.
    if (batchCount > 1) return { do: 'split', waitMs };
    const isSpent =
      this.#unknownTries >= this.#limits.unknownTriesMax &&
      nowMs - this.#unknownSinceMs >= this.#limits.unknownTriesMs;
    const spread = this.#limits.unknownTriesMs / this.#limits.unknownTriesMax;
    return isSpent ? { do: 'probe', waitMs } : { do: 'wait', waitMs: Math.max(waitMs, spread) };
  }

  #backoff(): number {
    this.#failures += 1;
    const longest = Math.min(
      BACKOFF_FIRST_MS * 2 ** Math.min(this.#failures - 1, 20),
      this.#limits.backoffMsMax,
    );
    return (longest / 2) * (1 + this.#random());
  }
}
