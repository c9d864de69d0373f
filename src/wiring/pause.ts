/** A wait that somebody else may end. One at a time; an end before the wait counts for the next one. */
export class Pause {
  #end: (() => void) | undefined;
  #isEnded = false;

  /** Waits `ms`, or until ended, or until one of `others` settles. Rejects as they do. */
  async wait(ms: number, ...others: readonly Promise<unknown>[]): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      if (this.#isEnded) return;
      const ended = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms);
        this.#end = resolve;
      });
      await Promise.race([ended, ...others]);
    } finally {
      clearTimeout(timer);
      this.#end = undefined;
      this.#isEnded = false;
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#end?.();
  }
}
