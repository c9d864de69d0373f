import { noHead } from './page.ts';

/** How a page stands to what is already stored of its writer. All but `repeated` are stored; the last three are findings. */
export type Standing = 'next' | 'repeated' | 'gap' | 'fork' | 'chain';
export type PageName = {
  readonly w: string;
  readonly n: number;
  readonly prev: string;
  readonly head: string;
};

type Position = { n: number; head: string; seenMs: number; isClosed: boolean };

/** Pages a source can repeat after a crash: at most one read batch; this is many. */
const recentMax = 16_384;
const writersMax = 10_000;
const closedKeptMs = 24 * 3600 * 1000;

/** The last stored page of each writer, and the last few thousand pages by name to know a repeated one. */
export class Positions {
  readonly #last = new Map<string, Position>();
  readonly #recent = new Map<string, string>();

  get writers(): number {
    return this.#last.size;
  }

  standing(p: PageName): Standing {
    const last = this.#last.get(p.w);
    if (this.#recent.get(key(p)) === p.head || (last?.n === p.n && last.head === p.head)) return 'repeated';
    const n = last?.n ?? 0;
    if (p.n <= n) return 'fork';
    if (p.n > n + 1) return 'gap';
    return p.prev === (last?.head ?? noHead) ? 'next' : 'chain';
  }

  /** The page is stored. A fork does not move the writer back. */
  store(p: PageName, atMs: number, isClosed: boolean): void {
    this.#recent.set(key(p), p.head);
    for (const old of this.#recent.keys()) {
      if (this.#recent.size <= recentMax) break;
      this.#recent.delete(old);
    }
    const last = this.#last.get(p.w);
    if (last !== undefined && last.n >= p.n) return;
    // Taken out and put back: the map's order is that of the last page, oldest first.
    this.#last.delete(p.w);
    this.#last.set(p.w, { n: p.n, head: p.head, seenMs: atMs, isClosed });
  }

  /** Forgets writers closed for a day, and past the limit those longest silent. */
  forget(nowMs: number): void {
    for (const [w, p] of this.#last) {
      if (this.#last.size > writersMax || (p.isClosed && nowMs - p.seenMs > closedKeptMs))
        this.#last.delete(w);
    }
  }
}

function key(p: { w: string; n: number }): string {
  return `${p.w} ${String(p.n)}`;
}
