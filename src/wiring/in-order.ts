/** Taken above this many before what was taken is let go: moving the rest down costs as much as there is of it. */
const takenMax = 1024;

/**
 * What waits, first come first served. An array's own `shift` moves all that is left: of the tens of thousands of events that one chunk
 * may bring, the better part of a second.
 */
export class InOrder<T> {
  readonly #waiting: T[] = [];
  #taken = 0;

  get length(): number {
    return this.#waiting.length - this.#taken;
  }

  get first(): T | undefined {
    return this.#waiting[this.#taken];
  }

  push(one: T): void {
    this.#waiting.push(one);
  }

  /** The first, which waits no longer; undefined when none does. */
  take(): T | undefined {
    if (this.length === 0) return undefined;
    const first = this.first;
    this.#taken += 1;
    const isEmpty = this.length === 0;
    if (isEmpty || (this.#taken > takenMax && this.#taken * 2 > this.#waiting.length)) {
      this.#waiting.splice(0, this.#taken);
      this.#taken = 0;
    }
    return first;
  }
}
