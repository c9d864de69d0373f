const firstBytes = 1024;
/** A buffer grown past this is let go when its frame is done: most lines need it once. */
const keptBytesMax = 4096;

/**
 * The start of a frame that has not ended yet, copied out of its chunks into one buffer that doubles up to
 * `bytesMax`. One buffer rather than a list: a line that sends byte by byte would otherwise cost an object a byte.
 */
export class Held {
  readonly #bytesMax: number;
  #bytes = Buffer.alloc(0);
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#length;
  }

  /** The caller has checked that the sum stays within `bytesMax`. */
  append(chunk: Buffer, from: number, to: number): void {
    const needed = this.#length + to - from;
    if (needed > this.#bytes.length) {
      const size = Math.min(this.#bytesMax, Math.max(firstBytes, this.#bytes.length * 2, needed));
      const grown = Buffer.allocUnsafeSlow(size);
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    chunk.copy(this.#bytes, this.#length, from, to);
    this.#length = needed;
  }

  /** What is held and the rest from `chunk`, as a buffer of its own; nothing is held afterwards. */
  take(chunk: Buffer, from: number, to: number): Buffer {
    const whole = Buffer.allocUnsafeSlow(this.#length + to - from);
    this.#bytes.copy(whole, 0, 0, this.#length);
    chunk.copy(whole, this.#length, from, to);
    this.clear();
    return whole;
  }

  /** A view of the last bytes held, at most `count`; valid until the next change. */
  last(count: number): Buffer {
    return this.#bytes.subarray(Math.max(0, this.#length - count), this.#length);
  }

  dropLast(count: number): void {
    this.#length -= count;
  }

  /** Forgets all but the last `count` bytes. */
  keepLast(count: number): void {
    const kept = Buffer.from(this.last(count));
    this.clear();
    this.append(kept, 0, kept.length);
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.alloc(0);
  }
}
