import type { Lock } from './locks.ts';

/** A receiving link as a queue sees it. */
export type Consumer = {
  /** Receive-and-delete: settled as it is sent. */
  readonly isPresettled: boolean;
  /** Messages it can take now. */
  capacity(): number;
  send(bytes: Buffer, lock: Lock | undefined): void;
};

/** Messages a consumer gets in turn when several compete. */
const shareMax = 16;

/** Consumers of one queue, served in turn. */
export class Consumers {
  readonly #all: Consumer[] = [];
  #turn = 0;

  add(consumer: Consumer): void {
    this.#all.push(consumer);
  }

  remove(consumer: Consumer): void {
    const at = this.#all.indexOf(consumer);
    if (at >= 0) this.#all.splice(at, 1);
  }

  /** The next consumer that can take something, and how much; undefined when none can. */
  next(): { readonly consumer: Consumer; readonly share: number } | undefined {
    for (let tried = 0; tried < this.#all.length; tried++) {
      const consumer = this.#all[this.#turn++ % this.#all.length];
      const capacity = consumer?.capacity() ?? 0;
      if (consumer === undefined || capacity <= 0) continue;
      return { consumer, share: this.#all.length === 1 ? capacity : Math.min(capacity, shareMax) };
    }
    return undefined;
  }
}
