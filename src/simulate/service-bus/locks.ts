import type { Held } from './stored-message.ts';

/** A message handed out under a lock. `key` is unique over restarts: a stale token never meets a new lock. */
export type Lock = {
  readonly key: number;
  readonly held: Held;
  untilMs: number;
  /** It was deferred, and is again when it is given back. */
  readonly isDeferred: boolean;
};

// 2,048 keys a millisecond keep it under 2^53 for centuries; no process reaches that rate for a second.
let lastKey = Date.now() * 2048;

/**
 * The locks of one lane, in order of expiry: the lock time is one a queue, and renewing moves a lock to the end. When
 * the lock time was shortened they are out of order until the longer ones are gone.
 */
export class Locks {
  readonly #all = new Map<number, Lock>();
  #lastUntilMs = 0;
  #isMixed = false;

  get size(): number {
    return this.#all.size;
  }

  take(held: Held, untilMs: number, isDeferred = false): Lock {
    const lock = { key: ++lastKey, held, untilMs, isDeferred };
    this.#all.set(lock.key, lock);
    this.#noteOrder(untilMs);
    return lock;
  }

  /** The lock while it is held; undefined afterwards. */
  find(key: number): Lock | undefined {
    return this.#all.get(key);
  }

  /** Ends a lock that `find` gave. */
  end(lock: Lock): void {
    this.#all.delete(lock.key);
  }

  /** Gives a lock a new end; undefined when it is not held any more. */
  renew(key: number, untilMs: number): number | undefined {
    const lock = this.#all.get(key);
    if (lock === undefined) return undefined;
    lock.untilMs = untilMs;
    this.#all.delete(key);
    this.#all.set(key, lock);
    this.#noteOrder(untilMs);
    return untilMs;
  }

  /** Ends the locks whose time is over, one by one as they are asked for; Infinity ends all. */
  *endExpired(nowMs: number): Generator<Lock> {
    for (const [key, lock] of this.#all) {
      if (lock.untilMs > nowMs) {
        if (this.#isMixed) continue;
        return;
      }
      this.#all.delete(key);
      yield lock;
    }
  }

  #noteOrder(untilMs: number): void {
    if (this.#all.size === 1) this.#isMixed = false;
    else if (untilMs < this.#lastUntilMs) this.#isMixed = true;
    this.#lastUntilMs = untilMs;
  }

  clear(): void {
    this.#all.clear();
  }

  all(): Iterable<Lock> {
    return this.#all.values();
  }
}
