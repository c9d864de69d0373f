import { Fault } from '../message/codes.ts';
import { headOf, type PageHeader, readHeader } from './page.ts';
import type { AuditSource, PageItem } from './source.ts';

export type MergedPage = { readonly item: PageItem; readonly header: PageHeader; readonly recordsAt: number };

/** Stretches of page numbers kept over all writers; a whole chain is one. */
const stretchesMax = 100_000;

/**
 * The pages of several sources, each (writer, number) once, the first met. Exact whatever the overlap: what has been
 * seen is kept as stretches of numbers. It does not verify; of two forked pages it gives the first.
 */
export async function* mergedPages(sources: readonly AuditSource[]): AsyncGenerator<MergedPage> {
  const seen = new SeenPages();
  for (const source of sources) {
    for await (const item of source) {
      if ('damage' in item) throw broken();
      const read = readHeader(item.page);
      if (read === null || (item.stated !== undefined && item.stated.head !== headOf(item.page)))
        throw broken();
      if (seen.add(read.header.w, read.header.n)) {
        yield { item, header: read.header, recordsAt: read.length };
      }
    }
  }
}

/** Counting or tracing over changed pages would give a wrong answer with a straight face. */
function broken(): Fault {
  return new Fault('AUDIT_PAGE', 'the audit pages are damaged: run audit verify to see where');
}

type Stretch = { from: number; to: number };

class SeenPages {
  readonly #byWriter = new Map<string, Stretch[]>();
  #count = 0;

  /** False when it was there already. */
  add(w: string, n: number): boolean {
    let stretches = this.#byWriter.get(w);
    if (stretches === undefined) {
      stretches = [];
      this.#byWriter.set(w, stretches);
    }
    if (stretches.some((s) => s.from <= n && n <= s.to)) return false;
    const before = stretches.find((s) => s.to === n - 1);
    const after = stretches.find((s) => s.from === n + 1);
    if (before !== undefined && after !== undefined) {
      before.to = after.to;
      stretches.splice(stretches.indexOf(after), 1);
      this.#count--;
    } else if (before !== undefined) before.to = n;
    else if (after !== undefined) after.from = n;
    else {
      if (++this.#count > stretchesMax)
        throw new Fault('AUDIT_PAGE', 'too many stretches of pages are missing');
      stretches.push({ from: n, to: n });
    }
    return true;
  }
}
