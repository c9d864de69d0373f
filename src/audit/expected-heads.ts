import type { FindingList, Where } from './findings.ts';
import type { CheckedPage } from './page-check.ts';

/** Who says that page n of a writer has this head: a signature, or the writer that followed it. */
export type Expectation = {
  readonly head: string;
  readonly by: 'signature' | 'successor';
  readonly where?: Where;
};

/** One signature a minute is half a million a year and writer. */
const expectationsMax = 1_000_000;

/**
 * What pages ought to be. Past the limit every second one of each writer is dropped, the last kept: pages are chained,
 * so a later head that fits vouches for all before it, and nothing that could be found is lost by it.
 */
export class ExpectedHeads {
  readonly #byWriter = new Map<string, Map<number, Expectation[]>>();
  #count = 0;

  add(w: string, n: number, expectation: Expectation): void {
    const pages = this.#byWriter.get(w) ?? new Map<number, Expectation[]>();
    const known = pages.get(n) ?? [];
    if (known.some((k) => k.head === expectation.head && k.by === expectation.by)) return;
    pages.set(n, [...known, expectation]);
    this.#byWriter.set(w, pages);
    if (++this.#count > expectationsMax) this.#thin();
  }

  /** Compares a page with what is said of it and takes that out. Answers whether a signature, a successor, vouched. */
  meet(page: CheckedPage, findings: FindingList): { isSigned: boolean; isNamed: boolean } {
    const pages = this.#byWriter.get(page.w);
    const said = pages?.get(page.n) ?? [];
    const met = { isSigned: false, isNamed: false };
    for (const { head, by } of said) {
      this.#count--;
      const fits = head === page.head;
      if (fits && by === 'signature') met.isSigned = true;
      if (fits && by === 'successor') met.isNamed = true;
      if (!fits) {
        const code = by === 'signature' ? 'HEAD_MISMATCH' : 'PREDECESSOR_MISMATCH';
        findings.add(code, { writer: page.w, page: page.n, where: page.where });
      }
    }
    pages?.delete(page.n);
    return met;
  }

  /** What no page came for: writer and number, and who said it. */
  *rest(): Generator<Expectation & { readonly w: string; readonly n: number }> {
    for (const [w, pages] of this.#byWriter) {
      for (const [n, said] of pages) for (const one of said) yield { ...one, w, n };
    }
  }

  #thin(): void {
    this.#count = 0;
    for (const pages of this.#byWriter.values()) {
      let index = pages.size;
      for (const [n, said] of pages) {
        index--;
        if (index % 2 === 1 && said.every((s) => s.by === 'signature')) pages.delete(n);
        else this.#count += said.length;
      }
    }
  }
}
