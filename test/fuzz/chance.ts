/** Numbers that look random and follow from a seed and the number of a case, so that any case can be made again by itself. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: number, number: number) {
    this.#a = seed | 0;
    this.#b = number | 0;
    this.#c = 0x9e3779b9 | 0;
    // The first numbers of neighbouring seeds are alike.
    for (let at = 0; at < 12; at++) this.#next();
  }

  /** A whole number from 0 up to and without `limit`. */
  below(limit: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * limit);
  }

  /** True so often: 0.25 is every fourth time. */
  is(share: number): boolean {
    return this.#next() < share * 0x1_0000_0000;
  }

  pick<T>(list: readonly [T, ...T[]]): T;
  pick<T>(list: readonly T[]): T | undefined;
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  /** sfc32, 32 bits. */
  #next(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}
