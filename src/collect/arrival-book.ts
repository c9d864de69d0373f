import type { PriorityClass } from '../message/delivery.ts';
import type { Arrived } from './arrived.ts';
import { type Range, sizeOf, takeOut, without } from './ranges.ts';

/**
 * What an arrival is: `seen` the next number or one behind a gap, `late` one that a gap was left for, `repeat` one seen before that says it
 * may be one, `duplicate` one seen before that does not, `again` the bus's own repetition to us, `before` older than where the book begins.
 */
export type Arrival = 'seen' | 'late' | 'repeat' | 'duplicate' | 'again' | 'before';

/** One class of a lane, as JSON keeps it. */
type Page = {
  /** Numbers before it are nobody's business here. */
  begin: number;
  /** The highest that was seen, or is known to have been sent long enough ago. */
  upTo: number;
  /** Not seen, and younger than the time they are given. */
  gaps: Range[];
  /** Never sent, above what is judged: dead, expired, diverted. In order, first and last of each run. */
  unsent: [number, number][];
  /** The highest that the bus took, and when we knew; and an earlier such moment that is not seen to have arrived yet. */
  last: Sent | undefined;
  tail: Sent | undefined;
  /** The last gaps that were closed: their numbers may still come. */
  lost: Range[];
  /** The queue was not watched for too long, and nothing was seen since: the next gap says nothing. */
  isResumed?: boolean;
  /** Numbers called missing since the last judgement because there were too many gaps. */
  overflow: number;
  /** Since the last record. */
  since: Totals;
};

type Sent = { seq: number; atMs: number };

type Totals = {
  from: number;
  seen: number;
  repeats: number;
  duplicates: number;
  explained: number;
  missing: [number, number][];
  more: number;
};

/** A topic's book as it is stored. `emptyAt`: when its queue was last seen to its end, Unix ms. */
export type Book = { emptyAt: number; pages: Partial<Record<PriorityClass, Page>> };

/** What became of a class's numbers since the last record. */
export type BookTotals = Readonly<Omit<Totals, 'missing'>> & {
  readonly cls: PriorityClass;
  readonly to: number;
  readonly missing: readonly (readonly [number, number])[];
};

/** What a judgement found, in numbers. `unwatched`: gaps of a time in which messages may have gone unseen for their age. */
export type Judged = { missing: number; explained: number; unwatched: number };

const GAPS_MAX = 256;
const UNSENT_MAX = 1000;
const MISSING_MAX = 64;

/**
 * Compares what arrives on a topic with what its lane sent, by lane numbers: within lane and class they rise by one. Whatever order they
 * arrive in, each gap has `graceMs` to be filled, and is only called missing when the queue was seen to its end afterwards.
 */
export class ArrivalBook {
  readonly #book: Book;
  readonly #graceMs: number;
  #interruptedAt: number;

  /**
   * `graceMs` is at least as long as the bus keeps a message locked for a reader that is gone; `openedAt` (Unix ms): the reader before may
   * have died with messages in its hands, so everything that is looked for has its time anew.
   */
  constructor(stored: Book | undefined, graceMs: number, openedAt: number) {
    this.#book = stored ?? { emptyAt: 0, pages: {} };
    this.#graceMs = graceMs;
    this.#interruptedAt = openedAt;
  }

  /** A reading broke off: the bus may hold messages back for it, so the queue's end is not what it seems. */
  interrupted(nowMs: number): void {
    this.#interruptedAt = nowMs;
  }

  get stored(): Book {
    return this.#book;
  }

  /** Numbers that are looked for. */
  get open(): number {
    return this.#pages.reduce(
      (sum, [, { gaps }]) => sum + gaps.reduce((all, gap) => all + sizeOf(gap), 0),
      0,
    );
  }

  get #pages(): readonly (readonly [PriorityClass, Page])[] {
    return Object.entries(this.#book.pages).map(
      ([one, page]) => [Number(one) as PriorityClass, page] as const,
    );
  }

  arrived({ priorityClass, seq, isMarked, isAgain }: Arrived, nowMs: number): Arrival {
    const page = this.#page(priorityClass, seq);
    if (seq < page.begin) return 'before';
    if (seq > page.upTo) {
      openGap(page, seq - 1, nowMs);
      page.upTo = seq;
      page.since.seen += 1;
      return 'seen';
    }
    if (takeOut(page.gaps, seq) || takeOut(page.lost, seq)) {
      limitGaps(page);
      limitLost(page);
      page.since.seen += 1;
      return 'late';
    }
    if (isAgain) return 'again';
    page.since[isMarked ? 'repeats' : 'duplicates'] += 1;
    return isMarked ? 'repeat' : 'duplicate';
  }

  /** The lane is done with a number: the bus took it, or it was never sent. Answers true for news that must not be lost. */
  settled(priorityClass: PriorityClass, seq: number, isSent: boolean, nowMs: number): boolean {
    const page = this.#page(priorityClass, seq);
    if (isSent) {
      page.last = { seq, atMs: nowMs };
      page.tail ??= page.last;
      return false;
    }
    noteUnsent(page, [seq, seq]);
    return true;
  }

  /** What the lane was done with while this book was not at hand, as another book noted it. */
  follow({ pages }: Book): void {
    for (const [one, { begin, unsent, last, tail }] of Object.entries(pages)) {
      const page = this.#page(Number(one) as PriorityClass, begin);
      for (const run of unsent) noteUnsent(page, [...run]);
      page.last = last ?? page.last;
      page.tail ??= tail;
    }
  }

  /**
   * The queue gave nothing more, asked from `emptyAt` on. Closes gaps that had their time. `keptMs`: how long the queue keeps a message; if
   * it was not seen to its end for longer, a gap says nothing.
   */
  judge(emptyAt: number, keptMs: number): Judged {
    const wasWatched = emptyAt - this.#book.emptyAt < keptMs;
    const judged: Judged = { missing: 0, explained: 0, unwatched: 0 };
    for (const [, page] of this.#pages) {
      if (!wasWatched) doubt(page);
      this.#judgeTail(page, emptyAt);
      this.#close(page, emptyAt, judged);
    }
    this.#book.emptyAt = emptyAt;
    return judged;
  }

  /** What there is to record since the last call; empty when nothing happened. */
  totals(): readonly BookTotals[] {
    const all = this.#pages.flatMap(([cls, page]): readonly BookTotals[] => {
      const { since, upTo: to } = page;
      page.since = noTotals(to + 1);
      const { seen, repeats, duplicates, explained, missing } = since;
      const isEmpty = seen + repeats + duplicates + explained + missing.length === 0;
      return isEmpty ? [] : [{ ...since, cls, to }];
    });
    return all;
  }

  /** What was sent long enough ago and has nothing behind it that was seen is a gap as well. */
  #judgeTail(page: Page, emptyAt: number): void {
    const { tail, last } = page;
    if (tail === undefined) return;
    if (tail.seq > page.upTo) {
      if (!this.#hadItsTime(tail.atMs, emptyAt)) return;
      openGap(page, tail.seq, tail.atMs);
      page.upTo = tail.seq;
    }
    page.tail = last !== undefined && last.seq > page.upTo ? last : undefined;
  }

  #hadItsTime(sinceMs: number, emptyAt: number): boolean {
    return emptyAt - Math.max(sinceMs, this.#interruptedAt) >= this.#graceMs;
  }

  #close(page: Page, emptyAt: number, judged: Judged): void {
    const left: Range[] = [];
    for (const gap of page.gaps) {
      if (!this.#hadItsTime(gap.sinceMs, emptyAt)) {
        left.push(gap);
        continue;
      }
      const holes = without(gap, page.unsent);
      const missing = holes.reduce((sum, one) => sum + sizeOf(one), 0);
      const explained = sizeOf(gap) - missing;
      judged.explained += explained;
      page.since.explained += explained;
      page.lost.push(gap);
      if (gap.isUnwatched === true) judged.unwatched += missing;
      else {
        judged.missing += missing;
        for (const hole of holes) noteMissing(page, hole);
      }
    }
    limitLost(page);
    page.gaps = left;
    judged.missing += page.overflow;
    page.overflow = 0;
    const first = left[0]?.from ?? page.upTo + 1;
    page.unsent = page.unsent.filter(([, to]) => to >= first);
  }

  #page(priorityClass: PriorityClass, seq: number): Page {
    return (this.#book.pages[priorityClass] ??= {
      begin: seq,
      upTo: seq - 1,
      gaps: [],
      unsent: [],
      last: undefined,
      tail: undefined,
      lost: [],
      overflow: 0,
      since: noTotals(seq),
    });
  }
}

const noTotals = (from: number): Totals => ({
  from,
  seen: 0,
  repeats: 0,
  duplicates: 0,
  explained: 0,
  missing: [],
  more: 0,
});

/** Numbers above `upTo` as far as `to` are looked for. */
const openGap = (page: Page, to: number, sinceMs: number): void => {
  const from = page.upTo + 1;
  const isUnwatched = page.isResumed === true;
  page.isResumed = false;
  if (to < from) return;
  page.gaps.push({ from, to, sinceMs, ...(isUnwatched ? { isUnwatched } : {}) });
  limitGaps(page);
};

/** More gaps than are kept are called missing at once. */
const limitGaps = (page: Page): void => {
  for (const gap of page.gaps.splice(GAPS_MAX)) {
    page.lost.push(gap);
    page.overflow += sizeOf(gap);
    noteMissing(page, gap);
  }
  limitLost(page);
};

const limitLost = (page: Page): void => {
  if (page.lost.length > MISSING_MAX) page.lost.splice(0, page.lost.length - MISSING_MAX);
};

const noteMissing = (page: Page, { from, to }: { readonly from: number; readonly to: number }): void => {
  if (page.since.missing.length < MISSING_MAX) page.since.missing.push([from, to]);
  else page.since.more += to - from + 1;
};

/** Where there are too many runs the last one grows: a hole may hide in it, but nothing that was never sent is called a hole. */
const noteUnsent = (page: Page, run: [number, number]): void => {
  const [from, to] = run;
  const last = page.unsent.at(-1);
  const isBehind = last !== undefined && from >= last[0];
  if (isBehind && (from <= last[1] + 1 || page.unsent.length >= UNSENT_MAX)) last[1] = Math.max(last[1], to);
  else if (isBehind || last === undefined) page.unsent.push(run);
  // Only where two owners' news of a lane meet.
  else page.unsent = [...page.unsent, run].sort(([a], [b]) => a - b).slice(-UNSENT_MAX);
};

/** Gaps as they are now, and the next one, may be of what went unseen. */
const doubt = (page: Page): void => {
  page.isResumed = true;
  for (const gap of page.gaps) gap.isUnwatched = true;
};
