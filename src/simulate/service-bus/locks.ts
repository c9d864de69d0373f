import type { Held } from './stored-message.ts';

/** A message handed out under a lock. `key` is unique over restarts: a stale token never meets a new lock. */
export type Lock = { readonly key: number; readonly held: Held; untilMs: number };

// 2,048 keys a millisecond keep it under 2^53 for centuries; no process reaches that rate for a second.
let lastKey = Date.now() * 2048;

/** The locks of one queue, in order of expiry: the lock time is one a queue, and renewing moves a lock to the end. */
export class Locks {
  readonly #lockMs: number;
  readonly #all = new Map<number, Lock>();

  constructor(lockMs: number) {
    this.#lockMs = lockMs;
  }

  get size(): number {
    return this.#all.size;
  }

  take(held: Held, nowMs: number): Lock {
    const lock = { key: ++lastKey, held, untilMs: nowMs + this.#lockMs };
    this.#all.set(lock.key, lock);
    return lock;
  }

  /** Ends a lock and gives its message; undefined when it is not held any more. */
  end(key: number): Held | undefined {
    const lock = this.#all.get(key);
    this.#all.delete(key);
    return lock?.held;
  }

  /** New end of a lock in milliseconds; undefined when it is not held any more. */
  renew(key: number, nowMs: number): number | undefined {
    const lock = this.#all.get(key);
    if (lock === undefined) return undefined;
    lock.untilMs = nowMs + this.#lockMs;
    this.#all.delete(key);
    this.#all.set(key, lock);
    return lock.untilMs;
  }

  /** Ends the locks whose time is over, one by one as they are asked for. */
  *endExpired(nowMs: number): Generator<Held> {
    for (const [key, lock] of this.#all) {
      if (lock.untilMs > nowMs) return;
      this.#all.delete(key);
      yield lock.held;
    }
  }

  *held(): Generator<Held> {
    for (const { held } of this.#all.values()) yield held;
  }
}
