/**
 * The message ids handled lately, to drop repeats. Bounded twice: by age and by count; past the count the oldest go, so
 * above `idsMax` messages in `windowMs` the window is shorter. 200,000 ids take about 20 MB.
 */
export class RecentIds {
  readonly #handledAt = new Map<string, number>();
  readonly #windowMs: number;
  readonly #idsMax: number;

  constructor(windowMs: number, idsMax: number) {
    this.#windowMs = windowMs;
    this.#idsMax = idsMax;
  }

  get size(): number {
    return this.#handledAt.size;
  }

  has(id: string, nowMs: number): boolean {
    const at = this.#handledAt.get(id);
    return at !== undefined && nowMs - at < this.#windowMs;
  }

  add(id: string, nowMs: number): void {
    // Deleted first, so that the Map's order stays the order of time.
    this.#handledAt.delete(id);
    this.#handledAt.set(id, nowMs);
    for (const [oldest, at] of this.#handledAt) {
      if (this.#handledAt.size <= this.#idsMax && nowMs - at < this.#windowMs) break;
      this.#handledAt.delete(oldest);
    }
  }
}
