import type { Held } from './stored-message.ts';

/** Slots freed at the front before the array is cut; keeps `shift` constant in time. */
const slackMax = 4096;

/**
 * Messages of one queue in sequence order. New ones come in order and are appended; those that come back after a
 * lock stand in a second, small sorted list, so that a return costs nothing where millions wait. A message taken out
 * of the middle leaves an empty slot; the slot at the head is never empty.
 */
export class SequenceQueue {
  #waiting: (Held | undefined)[] = [];
  #head = 0;
  /** Empty slots behind the head. */
  #holes = 0;
  /** Where `takeNext` goes on. */
  #walk = 0;
  #lastSequence = 0;
  readonly #returned: Held[] = [];

  get length(): number {
    return this.#waiting.length - this.#head - this.#holes + this.#returned.length;
  }

  /** Adds in order: a message older than the last one appended is put among the returned. */
  add(held: Held): void {
    if (held.message.sequence < this.#lastSequence) {
      this.#returned.splice(this.#returnedPosition(held.message.sequence), 0, held);
      return;
    }
    this.#lastSequence = held.message.sequence;
    this.#waiting.push(held);
  }

  first(): Held | undefined {
    const waiting = this.#waiting[this.#head];
    const returned = this.#returned[0];
    if (returned === undefined) return waiting;
    return waiting === undefined || returned.message.sequence < waiting.message.sequence ? returned : waiting;
  }

  shift(): Held | undefined {
    const held = this.first();
    if (held === undefined) return undefined;
    if (held === this.#returned[0]) this.#returned.shift();
    else this.#shiftWaiting();
    return held;
  }

  clear(): void {
    this.#waiting = [];
    this.#returned.length = 0;
    [this.#head, this.#holes, this.#walk] = [0, 0, 0];
  }

  /** Takes out those of the next `count` messages that are wanted; each call goes on where the last one stopped. */
  takeNext(count: number, isWanted: (held: Held) => boolean): readonly Held[] {
    const taken: Held[] = [];
    for (let at = this.#returned.length - 1; at >= 0; at--) {
      const held = this.#returned[at];
      if (held !== undefined && isWanted(held)) taken.push(...this.#returned.splice(at, 1));
    }
    if (this.#walk <= this.#head || this.#walk >= this.#waiting.length) this.#walk = this.#head;
    const end = Math.min(this.#walk + count, this.#waiting.length);
    for (; this.#walk < end; this.#walk++) {
      const held = this.#waiting[this.#walk];
      if (held === undefined || !isWanted(held)) continue;
      this.#waiting[this.#walk] = undefined;
      this.#holes++;
      taken.push(held);
    }
    this.#skipHoles();
    this.#cut();
    return taken;
  }

  /** The first `count` from a sequence number on of either part; together they hold the first `count` of all. */
  from(sequence: number, count: number): Held[] {
    const found = this.#returned.filter((held) => held.message.sequence >= sequence).slice(0, count);
    const enough = found.length + count;
    for (let at = this.#head; at < this.#waiting.length && found.length < enough; at++) {
      const held = this.#waiting[at];
      if (held !== undefined && held.message.sequence >= sequence) found.push(held);
    }
    return found;
  }

  /** Every message, those that came back first; each part is in sequence order. */
  *[Symbol.iterator](): Generator<Held> {
    yield* this.#returned;
    for (let at = this.#head; at < this.#waiting.length; at++) {
      const held = this.#waiting[at];
      if (held !== undefined) yield held;
    }
  }

  #shiftWaiting(): void {
    this.#waiting[this.#head++] = undefined;
    if (this.#holes > 0) this.#skipHoles();
    this.#cut();
  }

  #cut(): void {
    if (this.#head < slackMax || this.#head * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#walk = Math.max(0, this.#walk - this.#head);
    this.#head = 0;
  }

  #skipHoles(): void {
    while (this.#holes > 0 && this.#waiting[this.#head] === undefined) {
      this.#head++;
      this.#holes--;
    }
  }

  #returnedPosition(sequence: number): number {
    let low = 0;
    let high = this.#returned.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const held = this.#returned[middle];
      if (held !== undefined && held.message.sequence < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
