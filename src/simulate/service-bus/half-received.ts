import type { Receiver } from 'rhea';
import type { Memory } from './memory.ts';

/** What a kept frame takes beside its bytes, so that a great many empty ones are no way around the limit. */
const frameBytes = 64;

/** Bytes of transfers that are not complete yet: of one connection, and within it of each link. */
export class HalfReceived {
  readonly #memory: Memory;
  readonly #bytesMax: number;
  readonly #byLink = new Map<Receiver, { payload: number; kept: number }>();
  #kept = 0;

  /** `bytesMax`: of all links of the connection together. */
  constructor(memory: Memory, bytesMax: number) {
    this.#memory = memory;
    this.#bytesMax = bytesMax;
  }

  /**
   * Counts one more frame of a link's transfer and answers how many payload bytes that transfer has now. Throws,
   * which ends the connection, when the connection holds too much or the process has no room.
   */
  add(link: Receiver, payloadBytes: number): number {
    const counted = this.#byLink.get(link) ?? { payload: 0, kept: 0 };
    this.#byLink.set(link, counted);
    counted.payload += payloadBytes;
    const kept = payloadBytes + frameBytes;
    counted.kept += kept;
    this.#kept += kept;
    const isRoom = this.#memory.addHalf(kept);
    if (!isRoom || this.#kept > this.#bytesMax)
      throw new RangeError('too many bytes in half-received transfers');
    return counted.payload;
  }

  /** The bytes of the link's transfer were let go; it goes on. */
  empty(link: Receiver): void {
    const counted = this.#byLink.get(link);
    if (counted === undefined) return;
    this.#kept -= counted.kept;
    this.#memory.addHalf(-counted.kept);
    counted.kept = 0;
  }

  /** The link's transfer is complete, was dropped, or the link is gone. */
  end(link: Receiver): void {
    const counted = this.#byLink.get(link);
    if (counted === undefined) return;
    this.#byLink.delete(link);
    this.#kept -= counted.kept;
    this.#memory.addHalf(-counted.kept);
  }

  endAll(): void {
    for (const link of [...this.#byLink.keys()]) this.end(link);
  }
}
