/** Ends something that takes too long. */
export class Deadline {
  readonly #onLate: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, onLate: () => void) {
    this.#onLate = onLate;
    this.extend(ms);
  }

  /** Counts anew from now. */
  extend(ms: number): void {
    this.clear();
    this.#timer = setTimeout(this.#onLate, ms).unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
