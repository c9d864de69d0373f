import type { Held } from './stored-message.ts';

/** Deferred messages looked at for their end in one sweep. */
const walkMax = 1_000;

/** Messages a receiver put aside; they are received by their sequence number only. */
export class Deferred {
  readonly #all = new Map<number, Held>();
  #walk: Iterator<Held> | undefined;

  get size(): number {
    return this.#all.size;
  }

  all(): Iterable<Held> {
    return this.#all.values();
  }

  get(sequence: number): Held | undefined {
    return this.#all.get(sequence);
  }

  add(held: Held): void {
    this.#all.set(held.message.sequence, held);
  }

  clear(): void {
    this.#all.clear();
  }

  delete(sequence: number): void {
    this.#all.delete(sequence);
  }

  /** Takes the expired out of the next some; each call goes on where the last one stopped. */
  takeExpired(isExpired: (held: Held) => boolean): readonly Held[] {
    const expired: Held[] = [];
    if (this.#all.size === 0) return expired;
    this.#walk ??= this.#all.values();
    for (let count = 0; count < walkMax; count++) {
      const next = this.#walk.next();
      if (next.done === true) {
        this.#walk = undefined;
        break;
      }
      if (isExpired(next.value)) expired.push(next.value);
    }
    for (const { message } of expired) this.#all.delete(message.sequence);
    return expired;
  }
}
