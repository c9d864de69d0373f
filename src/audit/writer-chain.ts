import type { FindingList } from './findings.ts';
import { noHead } from './page.ts';
import type { CheckedPage } from './page-check.ts';

/** Pages whose hashes are remembered: repeats and forks within so many are told apart exactly. */
const rememberedMax = 4_096;
const gapsMax = 1_000;

/** A stretch of missing pages; it fills from its start when another source (or a later place) holds them. */
type Gap = {
  from: number;
  readonly to: number;
  before: string[];
  readonly after: string;
  readonly at: CheckedPage;
};
export type Standing = 'next' | 'repeated' | 'filled' | 'amiss';

/** One writer's chain as the sources give it: what has come, what is missing, what contradicts. */
export class WriterChain {
  readonly w: string;
  n = 0;
  pages = 0;
  first = 0;
  head = noHead;
  closedAt = 0;
  #heads: string[] = [noHead];
  readonly #remembered = new Map<number, string>();
  readonly #gaps: Gap[] = [];
  #copy: { source: number; n: number; heads: string[]; isCompared: boolean; at: CheckedPage } | null = null;
  #sourceOfLast = 0;

  constructor(w: string) {
    this.w = w;
  }

  take(page: CheckedPage, source: number, findings: FindingList): Standing {
    if (page.n > this.n) return this.#advance(page, source, findings);
    const known = this.#remembered.get(page.n);
    if (known !== undefined) return this.#compare(page, known, source, findings);
    const gap = this.#gaps.find((g) => g.from <= page.n && page.n <= g.to);
    if (gap !== undefined) return this.#fill(gap, page, source, findings);
    return this.#follow(page, source, findings);
  }

  /** The head of page n if it is remembered. */
  headAt(n: number): string | undefined {
    return this.#remembered.get(n);
  }

  isMissing(n: number): boolean {
    return this.#gaps.some((g) => g.from <= n && n <= g.to);
  }

  /** Gives memory back once a writer has been silent for long: its last page is enough to prove a copy. */
  shrink(): void {
    this.#remembered.clear();
    this.#remembered.set(this.n, this.head);
  }

  /** What only the end can tell. */
  finish(findings: FindingList, mayFrontBeTrimmed: boolean): void {
    for (const gap of this.#gaps) {
      const isFront = gap.from === 1 || gap.at.n === this.first;
      if (isFront && mayFrontBeTrimmed) continue;
      const more = `pages ${String(gap.from)} to ${String(gap.to)}`;
      const code = isFront ? 'FRONT_MISSING' : 'PAGE_MISSING';
      findings.add(code, { writer: this.w, page: gap.from, where: gap.at.where, more });
    }
    if (this.#copy?.isCompared === false) this.#report('COPY_NOT_COMPARED', this.#copy.at, findings);
  }

  #advance(page: CheckedPage, source: number, findings: FindingList): Standing {
    if (this.closedAt > 0) this.#report('AFTER_CLOSE', page, findings);
    if (page.n > this.n + 1) {
      if (this.#gaps.length >= gapsMax) this.#report('PAGE_MISSING', page, findings);
      else
        this.#gaps.push({
          from: this.n + 1,
          to: page.n - 1,
          before: this.#heads,
          after: page.prev,
          at: page,
        });
    } else if (!follows(page, this.#heads)) this.#report('CHAIN_BROKEN', page, findings);
    if (this.pages === 0) this.first = page.n;
    this.#slide(page.n);
    this.head = page.head;
    this.#heads = headsOf(page);
    this.#sourceOfLast = source;
    if (page.isClosing) this.closedAt = page.n;
    this.#remember(page);
    this.pages++;
    return 'next';
  }

  #compare(page: CheckedPage, known: string, source: number, findings: FindingList): Standing {
    if (this.#copy?.source === source) {
      if (page.n === this.#copy.n + 1 && !follows(page, this.#copy.heads))
        this.#report('CHAIN_BROKEN', page, findings);
      this.#copy = { source, n: page.n, heads: headsOf(page), isCompared: true, at: page };
    }
    if (known === page.head) return 'repeated';
    this.#report('FORK', page, findings);
    return 'amiss';
  }

  #fill(gap: Gap, page: CheckedPage, source: number, findings: FindingList): Standing {
    // In one source pages rise; one that comes late was moved there.
    if (source === this.#sourceOfLast) this.#report('PAGE_MOVED', page, findings);
    if (page.n !== gap.from) this.#split(gap, page);
    else {
      if (!follows(page, gap.before)) this.#report('CHAIN_BROKEN', page, findings);
      gap.from++;
      gap.before = headsOf(page);
    }
    if (page.n === gap.to && gap.after !== '' && !headsOf(page).includes(gap.after))
      this.#report('CHAIN_BROKEN', page, findings);
    if (gap.from > gap.to) this.#gaps.splice(this.#gaps.indexOf(gap), 1);
    this.first = Math.min(this.first, page.n);
    this.#remember(page);
    this.pages++;
    return 'filled';
  }

  #split(gap: Gap, page: CheckedPage): void {
    this.#gaps.push({ from: gap.from, to: page.n - 1, before: gap.before, after: page.prev, at: page });
    gap.from = page.n + 1;
    gap.before = headsOf(page);
  }

  // Older than what is remembered: a copy in another source is a chain of its own until it meets a known page, which
  // then proves all before it; in the same source such a page has no business.
  #follow(page: CheckedPage, source: number, findings: FindingList): Standing {
    if (source === this.#sourceOfLast && this.#copy?.source !== source) {
      this.#report('PAGE_MOVED', page, findings);
      return 'amiss';
    }
    const copy = this.#copy;
    if (copy?.source === source) {
      if (page.n <= copy.n) this.#report('PAGE_MOVED', page, findings);
      else if (page.n > copy.n + 1) this.#report('COPY_NOT_COMPARED', page, findings);
      else if (!follows(page, copy.heads)) this.#report('CHAIN_BROKEN', page, findings);
    }
    this.#copy = { source, n: page.n, heads: headsOf(page), isCompared: false, at: page };
    return 'repeated';
  }

  #remember(page: CheckedPage): void {
    if (page.n > this.n - rememberedMax) this.#remembered.set(page.n, page.head);
  }

  #slide(n: number): void {
    if (n - this.n > rememberedMax) this.#remembered.clear();
    else for (let k = this.n + 1; k <= n; k++) this.#remembered.delete(k - rememberedMax);
    this.n = n;
  }

  #report(
    code: 'CHAIN_BROKEN' | 'FORK' | 'PAGE_MOVED' | 'PAGE_MISSING' | 'AFTER_CLOSE' | 'COPY_NOT_COMPARED',
    page: CheckedPage,
    findings: FindingList,
  ): void {
    findings.add(code, { writer: this.w, page: page.n, where: page.where });
  }
}

function headsOf(page: CheckedPage): string[] {
  return page.otherHead === null ? [page.head] : [page.head, page.otherHead];
}

// A page whose header is unreadable is a finding already; it names nobody.
function follows(page: CheckedPage, heads: readonly string[]): boolean {
  return page.prev === '' || heads.includes(page.prev);
}
