import type { RefusalCode } from '../message/codes.ts';

const KEYS_MAX = 10_000;

/** How many refusals of one line and code are recorded singly each second; the rest are counted (design 5.10). */
export class RefusalBudget {
  readonly #perSecondMax: number;
  #second = 0;
  #used = new Map<string, number>();

  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax;
  }

  /** True when this one is over the budget. `nowMs` is monotonic. */
  isSpent(line: string, code: RefusalCode, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#used.clear();
    }
    const key = `${line} ${code}`;
    const used = this.#used.get(key) ?? 0;
    if (used >= this.#perSecondMax || this.#used.size >= KEYS_MAX) return true;
    this.#used.set(key, used + 1);
    return false;
  }
}
