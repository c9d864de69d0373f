/** Ids remembered a topic, about 150 bytes each; past it the oldest are forgotten early, and counted. */
const idsMax = 1_000_000;

/** Message ids of a topic's duplicate window, oldest first. */
export class DuplicateHistory {
  readonly #expiry = new Map<string, number>();
  readonly #windowMs: number;
  /** Ids dropped before their window ended: the promise was weaker than configured. */
  forgottenEarly = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  has(messageId: string, nowMs: number): boolean {
    const expiresAtMs = this.#expiry.get(messageId);
    return expiresAtMs !== undefined && expiresAtMs > nowMs;
  }

  add(messageId: string, seenAtMs: number): void {
    this.#expiry.delete(messageId);
    this.#expiry.set(messageId, seenAtMs + this.#windowMs);
    if (this.#expiry.size <= idsMax) return;
    for (const oldest of this.#expiry.keys()) {
      this.#expiry.delete(oldest);
      this.forgottenEarly++;
      return;
    }
  }

  forgetExpired(nowMs: number): void {
    for (const [id, expiresAtMs] of this.#expiry) {
      if (expiresAtMs > nowMs) return;
      this.#expiry.delete(id);
    }
  }

  /** Ids with the time they were seen. */
  *[Symbol.iterator](): Generator<readonly [id: string, seenAtMs: number]> {
    for (const [id, expiresAtMs] of this.#expiry) yield [id, expiresAtMs - this.#windowMs];
  }
}
