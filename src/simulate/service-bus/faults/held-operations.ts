import type { Scope } from './fault-plan.ts';

type Held = { readonly scope: Scope; readonly bytes: number; readonly resume: () => void };

/** Answers and deliveries that wait for their time. */
const lateMax = 10_000;
/** Operations that wait for a pause to end. */
const heldMax = 1_000;
const heldBytesMax = 64 * 1024 * 1024;

/** What faults keep back, bounded: what goes by the clock, and what waits for a pause to end. */
export class HeldOperations {
  readonly #timers = new Set<NodeJS.Timeout>();
  #held: Held[] = [];
  #heldBytes = 0;

  get late(): number {
    return this.#timers.size;
  }

  get held(): number {
    return this.#held.length;
  }

  /** Runs `then` in `ms`; false when too much is late already. */
  later(ms: number, then: () => unknown): boolean {
    if (this.#timers.size >= lateMax) return false;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
    return true;
  }

  /** Keeps an operation until the pause over it ends; false when there is no room for it. */
  hold(scope: Scope, bytes: number, resume: () => void): boolean {
    if (this.#held.length >= heldMax || this.#heldBytes + bytes > heldBytesMax) return false;
    this.#held.push({ scope, bytes, resume });
    this.#heldBytes += bytes;
    return true;
  }

  /** Runs what is not paused any more, in the order it came. */
  resume(isPaused: (scope: Scope) => boolean): void {
    const free = this.#held.filter(({ scope }) => !isPaused(scope));
    this.#held = this.#held.filter(({ scope }) => isPaused(scope));
    for (const { bytes, resume } of free) {
      this.#heldBytes -= bytes;
      resume();
    }
  }

  /** Forgets everything. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#held = [];
    this.#heldBytes = 0;
  }
}
