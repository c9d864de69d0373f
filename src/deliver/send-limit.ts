/** At most so many batches out to the bus at once in this process, whatever their topics. First come, first served. */
export class SendLimit {
  readonly #max: number;
  readonly #onCount: (out: number) => void;
  readonly #waiting: (() => void)[] = [];
  #out = 0;

  constructor(max: number, onCount: (out: number) => void = () => undefined) {
    this.#max = max;
    this.#onCount = onCount;
  }

  /** Undefined when there is room: nearly always, and then nobody waits a turn. Each `enter` is followed by one `leave`. */
  enter(): Promise<void> | undefined {
    if (this.#out >= this.#max) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#set(this.#out + 1);
    return undefined;
  }

  leave(): void {
    const next = this.#waiting.shift();
    // The place goes from one to the other.
    if (next === undefined) this.#set(this.#out - 1);
    else next();
  }

  #set(out: number): void {
    this.#out = out;
    this.#onCount(out);
  }
}
