import { setTimeout as sleep } from 'node:timers/promises';

/** A wait that somebody else may end. One at a time. */
export class Pause {
  #end: (() => void) | undefined;

  async wait(ms: number): Promise<void> {
    const gone = new AbortController();
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    await Promise.race([sleep(ms, undefined, { signal: gone.signal }).catch(() => undefined), ended]);
    gone.abort();
    this.#end = undefined;
  }

  end(): void {
    this.#end?.();
  }
}
