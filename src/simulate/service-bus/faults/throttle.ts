import { performance } from 'node:perf_hooks';

/**
 * Credits of a namespace, `perSecond` of them each second, as the service's Standard tier spends them: an operation
 * passes while any are left and may pass them, and the debt is paid before the next one passes.
 */
export class Throttle {
  readonly #perSecond: number;
  #credits: number;
  #countedAtMs = performance.now();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#credits = perSecond;
  }

  /** Spends credits; false, and nothing is spent, when none are left. */
  take(cost: number, nowMs = performance.now()): boolean {
    const earned = ((nowMs - this.#countedAtMs) / 1_000) * this.#perSecond;
    this.#credits = Math.min(this.#perSecond, this.#credits + earned);
    this.#countedAtMs = nowMs;
    if (this.#credits < 1) return false;
    this.#credits -= cost;
    return true;
  }
}
