import type { Contents, NotTaken } from './contents.ts';
import { encodeDelivered } from './delivered-bytes.ts';
import type { Keeping } from './keeping.ts';
import type { Lane } from './lane.ts';
import type { Lock } from './locks.ts';
import type { Held } from './stored-message.ts';

/** A message handed out; without a lock it is gone. */
export type Taken = { readonly bytes: Buffer; readonly lock: Lock | undefined };

/** Makes messages of one queue into what leaves for a receiver: for good, or under a lock. */
export class Deliveries {
  /** Since the start. */
  count = 0;
  readonly #contents: Contents;
  readonly #keeping: Keeping;

  constructor(contents: Contents, keeping: Keeping) {
    this.#contents = contents;
    this.#keeping = keeping;
  }

  forGood(held: Held): Buffer {
    this.count++;
    const bytes = this.#encode(held, 0);
    this.#keeping.remove(held);
    return bytes;
  }

  underLock(held: Held, lane: Lane, nowMs: number, isDeferred: boolean): Taken {
    this.count++;
    // Counted before it leaves: after a kill a locked message comes back as tried once more.
    this.#keeping.counted(held, held.deliveryCount + 1);
    const lock = lane.locks.take(held, lane.lockUntil(nowMs), isDeferred);
    return { bytes: this.#encode(held, lock.untilMs), lock };
  }

  /** Hands out deferred messages by number, all or none. */
  ofDeferred(sequences: readonly number[], isPresettled: boolean, lane: Lane): readonly Taken[] | NotTaken {
    const nowMs = Date.now();
    const taken = this.#contents.takeDeferred(sequences, lane, nowMs);
    if (typeof taken === 'string') return taken;
    return taken.map((held) =>
      isPresettled ? { bytes: this.forGood(held), lock: undefined } : this.underLock(held, lane, nowMs, true),
    );
  }

  #encode(held: Held, lockedUntilMs: number): Buffer {
    return encodeDelivered(held.message, held.deliveryCount, lockedUntilMs, this.#contents.expiryOf(held));
  }
}
