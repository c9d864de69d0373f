import { Fault, type FaultCode } from '../message/codes.ts';

/** Whatever holds keys of a file that may change under it: `BusSealer`, `BusOpener`. */
export type Refreshable = {
  /** Cheap while nothing changed. Throws when the file is of no use, and keeps its keys. */
  refresh(nowMs: number): void;
};

const everyDefaultMs = 10_000;

/**
 * Lets holders of keys look at their file again, so that a new epoch needs no restart. `onBroken` is called once, until
 * the file is whole again; the keys from before stay in use.
 */
export class KeyWatch {
  readonly #timer: NodeJS.Timeout;
  #isBroken = false;

  constructor(
    holders: readonly Refreshable[],
    onBroken: (code: FaultCode) => void,
    everyMs = everyDefaultMs,
  ) {
    this.#timer = setInterval(() => {
      let broken: FaultCode | undefined;
      for (const holder of holders) {
        try {
          holder.refresh(Date.now());
        } catch (error) {
          broken = error instanceof Fault ? error.code : 'CONFIG_INVALID';
        }
      }
      if (broken !== undefined && !this.#isBroken) onBroken(broken);
      this.#isBroken = broken !== undefined;
    }, everyMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
