/**
 * How many messages the next batch may hold. A batch refused for one of its messages is halved until that one stands alone: at most
 * log2 of it fail more. After throttling batches are half as large, and double with each that passes.
 */
export class BatchCut<M> {
  readonly #full: number;
  #max: number;
  /** One of these is why the last batch failed. */
  #suspects: readonly M[] = [];

  constructor(full: number) {
    this.#full = full;
    this.#max = full;
  }

  /** `isHere`: it was not taken off the lane in the meantime. */
  next(isHere: (message: M) => boolean): number {
    this.#suspects = this.#suspects.filter(isHere);
    const half = Math.ceil(this.#suspects.length / 2);
    return half === 0 ? this.#max : Math.min(half, this.#max);
  }

  /** One of these is at fault. Alone it is known. */
  split(batch: readonly M[]): void {
    this.#suspects = batch.length > 1 ? batch : [];
  }

  /** The lane was given back: whoever takes it again has other objects for the same messages. */
  forget(): void {
    this.#suspects = [];
  }

  throttled(count: number): void {
    this.#max = Math.max(1, Math.floor(count / 2));
  }

  passed(batch: readonly M[]): void {
    if (this.#max < this.#full) this.#max = Math.min(this.#full, this.#max * 2);
    if (this.#suspects.length === 0) return;
    const passed = new Set(batch);
    this.#suspects = this.#suspects.filter((message) => !passed.has(message));
  }
}
