const SLAB_BYTES = 64 * 1024 * 1024;
/** What a run may keep in memory, about 7 million deliveries. */
const keptBytesMax = 8 * 1024 * 1024 * 1024;
const HEAD_BYTES = 12;

/** Messages as they came, with their time: one copy each into large slabs, so that draining makes no garbage and opens nothing. */
export class KeptMessages {
  readonly #slabs: Buffer[] = [];
  readonly #ends: number[] = [];
  #slab = Buffer.alloc(0);
  #end = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  keep(raw: Buffer, arrivedUs: number): void {
    if (this.#end + HEAD_BYTES + raw.length > this.#slab.length) this.#newSlab(raw.length);
    this.#slab.writeDoubleLE(arrivedUs, this.#end);
    this.#slab.writeUInt32LE(raw.length, this.#end + 8);
    raw.copy(this.#slab, this.#end + HEAD_BYTES);
    this.#end += HEAD_BYTES + raw.length;
    this.#count += 1;
  }

  *all(): Generator<{ readonly arrivedUs: number; readonly raw: Buffer }> {
    for (const [index, slab] of [...this.#slabs, this.#slab].entries()) {
      const end = this.#ends[index] ?? this.#end;
      for (let at = 0; at < end; ) {
        const length = slab.readUInt32LE(at + 8);
        yield {
          arrivedUs: slab.readDoubleLE(at),
          raw: slab.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length),
        };
        at += HEAD_BYTES + length;
      }
    }
  }

  #newSlab(needed: number): void {
    if (this.#slabs.length * SLAB_BYTES >= keptBytesMax)
      throw new Error('too many deliveries kept: choose a shorter run');
    if (this.#slab.length > 0) {
      this.#slabs.push(this.#slab);
      this.#ends.push(this.#end);
    }
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, needed + HEAD_BYTES));
    this.#end = 0;
  }
}
