/**
 * Bytes of a stream from where a reader stands, copied out of their chunks. They are added behind and dropped in front; what is dropped is
 * moved out of the way only once as much has been dropped as may be held, so each byte is moved a bounded number of times.
 */
export class Window {
  readonly #bytesMax: number;
  #bytes = Buffer.alloc(0);
  #from = 0;
  #to = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#to - this.#from;
  }

  /** What is held; valid until the next change. */
  get view(): Buffer {
    return this.#bytes.subarray(this.#from, this.#to);
  }

  /** The caller has checked that the sum stays within `bytesMax`. */
  append(chunk: Buffer, from: number, to: number): void {
    const more = to - from;
    if (this.#to + more > this.#bytes.length) this.#makeRoom(this.length + more);
    chunk.copy(this.#bytes, this.#to, from, to);
    this.#to += more;
  }

  drop(count: number): void {
    this.#from += count;
    if (this.#from < this.#to) return;
    this.#from = 0;
    this.#to = 0;
    // A line needs a large one only now and then.
    if (this.#bytes.length > 8192) this.#bytes = Buffer.alloc(0);
  }

  clear(): void {
    this.drop(this.length);
  }

  #makeRoom(needed: number): void {
    const size = Math.min(2 * this.#bytesMax, Math.max(1024, 2 * needed));
    const room = size > this.#bytes.length ? Buffer.allocUnsafeSlow(size) : this.#bytes;
    this.#bytes.copy(room, 0, this.#from, this.#to);
    this.#to -= this.#from;
    this.#from = 0;
    this.#bytes = room;
  }
}
