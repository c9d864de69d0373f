/** A new count is not taken more often than this, however many sends find no room. */
const measureMs = 10;

/**
 * Bytes the stand-in holds together, against the limit of the whole process. Each room tells what it takes and gives
 * back; what schedules hold, and what went with a deleted entity, is counted anew now and then.
 */
export class Memory {
  readonly #bytesMax: number;
  readonly #held: () => number;
  #measured = 0;
  #measuredAtMs = -Infinity;
  #takenSince = 0;
  #halves = 0;

  /** `held` counts what all entities hold. */
  constructor(bytesMax: number, held: () => number = () => 0) {
    this.#bytesMax = bytesMax;
    this.#held = held;
  }

  get bytes(): number {
    return this.#measured + this.#takenSince + this.#halves;
  }

  measure(): void {
    this.#measured = this.#held();
    this.#takenSince = 0;
    this.#measuredAtMs = performance.now();
  }

  /** Whether so many bytes more may be taken. */
  hasRoom(bytes: number): boolean {
    const isFull = this.bytes + bytes > this.#bytesMax;
    if (isFull && performance.now() - this.#measuredAtMs >= measureMs) this.measure();
    return this.bytes + bytes <= this.#bytesMax;
  }

  /** Counts bytes that were taken or, with a negative number, given back. */
  add(bytes: number): void {
    this.#takenSince += bytes;
  }

  /** The same for half-received transfers; false when these alone pass the limit. */
  addHalf(bytes: number): boolean {
    this.#halves += bytes;
    return this.#halves <= this.#bytesMax;
  }
}
