import { Consumers } from './consumer.ts';
import { Locks } from './locks.ts';
import { SequenceQueue } from './sequence-queue.ts';
import type { Held } from './stored-message.ts';

/** Messages looked at in one sweep where an expired one may stand behind others. */
const walkMax = 5_000;

/** Messages that wait in one line, the locks among them and who receives them: a whole queue, or one session of it. */
export class Lane {
  readonly waiting = new SequenceQueue();
  readonly locks = new Locks();
  readonly consumers = new Consumers();
  isPumpDue = false;
  /** May change at run time; locks taken before keep their end. */
  lockMs: number;
  #lastExpiryMs = 0;
  #isExpiryMixed = false;
  #doesAnyExpire = false;

  constructor(lockMs: number) {
    this.lockMs = lockMs;
  }

  /** When a lock taken now ends. */
  lockUntil(nowMs: number): number {
    return nowMs + this.lockMs;
  }

  /** Lives were changed for what waits here: any of it may end before what stands in front of it. */
  expectAnyExpiry(): void {
    this.#isExpiryMixed = true;
    this.#doesAnyExpire = true;
  }

  /** Adds a message; `expiresAtMs` may be Infinity. */
  add(held: Held, expiresAtMs: number): void {
    if (expiresAtMs < this.#lastExpiryMs) this.#isExpiryMixed = true;
    if (expiresAtMs !== Infinity) this.#doesAnyExpire = true;
    this.#lastExpiryMs = expiresAtMs;
    this.waiting.add(held);
  }

  /** Adds a message that was handed out before. It may outlive those behind it. */
  putBack(held: Held, expiresAtMs: number): void {
    this.#isExpiryMixed = true;
    if (expiresAtMs !== Infinity) this.#doesAnyExpire = true;
    this.waiting.add(held);
  }

  /**
   * Takes out what has expired. Where lives end in the order of arrival that is the front; where they are mixed, some
   * thousand more are looked at each time, so that a deep queue costs a sweep no more than a shallow one.
   */
  takeExpired(isExpired: (held: Held) => boolean): readonly Held[] {
    const expired: Held[] = [];
    if (!this.#doesAnyExpire) return expired;
    for (
      let held = this.waiting.first();
      held !== undefined && expired.length < walkMax && isExpired(held);
      held = this.waiting.first()
    ) {
      this.waiting.shift();
      expired.push(held);
    }
    if (this.#isExpiryMixed) expired.push(...this.waiting.takeNext(walkMax, isExpired));
    if (this.waiting.length === 0) {
      this.#lastExpiryMs = 0;
      this.#isExpiryMixed = false;
      this.#doesAnyExpire = false;
    }
    return expired;
  }
}
