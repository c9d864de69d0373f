/** Ids remembered a topic, about 150 bytes each; past it the oldest are forgotten early, and counted. */
const idsMax = 1_000_000;

/** Message ids of a topic's duplicate window, oldest first. */
export class DuplicateHistory {
  readonly #seen = new Map<string, number>();
  /** May change at run time, for ids seen before too. */
  windowMs: number;
  /** Ids dropped before their window ended: the promise was weaker than configured. */
  forgottenEarly = 0;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  has(messageId: string, nowMs: number): boolean {
    const seenAtMs = this.#seen.get(messageId);
    return seenAtMs !== undefined && seenAtMs + this.windowMs > nowMs;
  }

  add(messageId: string, seenAtMs: number): void {
    this.#seen.delete(messageId);
    this.#seen.set(messageId, seenAtMs);
    if (this.#seen.size <= idsMax) return;
    for (const oldest of this.#seen.keys()) {
      this.#seen.delete(oldest);
      this.forgottenEarly++;
      return;
    }
  }

  /** Adds one read back from the log, which may tell of it more than once: the latest time holds. */
  restore(messageId: string, seenAtMs: number): void {
    if ((this.#seen.get(messageId) ?? -Infinity) < seenAtMs) this.add(messageId, seenAtMs);
  }

  forgetExpired(nowMs: number): void {
    for (const [id, seenAtMs] of this.#seen) {
      if (seenAtMs + this.windowMs > nowMs) return;
      this.#seen.delete(id);
    }
  }

  /** Ids with the time they were seen. */
  [Symbol.iterator](): Iterator<readonly [id: string, seenAtMs: number]> {
    return this.#seen.entries();
  }
}
