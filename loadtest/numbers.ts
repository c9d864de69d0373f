/** 8 bytes each: half a gigabyte. */
const countMax = 64 * 1024 * 1024;

/** A list of numbers that grows without making garbage of each one. */
export class Numbers {
  #values = new Float64Array(64 * 1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      if (this.#length >= countMax)
        throw new Error('too many messages for one load run: choose a shorter one');
      const wider = new Float64Array(this.#values.length * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#length] = value;
    this.#length += 1;
  }

  drop(count: number): void {
    this.#length -= count;
  }

  /** A copy in rising order. */
  sorted(): Float64Array<ArrayBuffer> {
    return this.#values.slice(0, this.#length).sort();
  }
}
