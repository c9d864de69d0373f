const BYTES = 8;

/** Numbers on a socket between the processes of a run: doubles, little-endian. */
export const doublesOf = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * BYTES);
  for (const [at, value] of values.entries()) bytes.writeDoubleLE(value, at * BYTES);
  return bytes;
};

/** Reads groups of so many doubles from a stream; only the newest group counts. */
export class DoubleReader {
  readonly #groupBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(perGroup: number) {
    this.#groupBytes = perGroup * BYTES;
  }

  last(chunk: Buffer): readonly number[] | undefined {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const whole = bytes.length - (bytes.length % this.#groupBytes);
    this.#rest = bytes.subarray(whole);
    if (whole === 0) return undefined;
    const from = whole - this.#groupBytes;
    return Array.from({ length: this.#groupBytes / BYTES }, (_, at) => bytes.readDoubleLE(from + at * BYTES));
  }
}
