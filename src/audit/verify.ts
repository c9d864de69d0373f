import type { KeyObject } from 'node:crypto';
import { Fault } from '../message/codes.ts';
import { ExpectedHeads } from './expected-heads.ts';
import { type Finding, FindingList, type Where } from './findings.ts';
import { type CheckedPage, checkPage } from './page-check.ts';
import { readHeadLine, readPublicKeys, type SignedHead, verifyHead } from './signing.ts';
import type { AuditSource, HeadLine } from './source.ts';
import { WriterChain } from './writer-chain.ts';

export type VerifyOptions = {
  /** kid → PEM. From the auditor's own keeping: keys lying beside the pages prove nothing by themselves. */
  readonly publicKeys: ReadonlyMap<string, string>;
  /** Signed heads noted elsewhere: what makes a cut tail visible. */
  readonly heads?: readonly SignedHead[];
  /** Sources may begin in the middle of a writer: a trimmed stream alone, or a folder past its retention. */
  readonly mayFrontBeTrimmed?: boolean;
  /** Findings listed at most; all are counted. Default 1,000. */
  readonly findingsMax?: number;
};

export type WriterReport = {
  readonly writer: string;
  readonly pages: number;
  readonly first: number;
  readonly last: number;
  readonly head: string;
  readonly isClosed: boolean;
  /** The last page a good signature covers. What follows is chained, but nobody's word stands for it. */
  readonly signedTo: number;
};

export type VerifyReport = {
  readonly ok: boolean;
  readonly pages: number;
  readonly repeatedPages: number;
  readonly records: number;
  readonly signedHeads: number;
  readonly writers: readonly WriterReport[];
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
};

/** One a process start: a hundred thousand are many years of restarts. */
const writersMax = 100_000;
/** Writers whose last few thousand hashes are kept at a time, about 0.5 MB each. */
const warmMax = 128;
/** A writer signs once a minute; one that wrote for longer unsigned is suspect. */
const unsignedMsMax = 120_000;

/**
 * Checks pages offline. Memory is per writer; files are streamed. `ok` means: every page given is as its writer made
 * it, none is missing between the first and the last, and every signed head fits. A tail that was cut off is seen only
 * where a signed head, or a successor, names a page that is gone.
 */
export async function verify(sources: readonly AuditSource[], options: VerifyOptions): Promise<VerifyReport> {
  const run = new VerifyRun(options);
  for (const head of options.heads ?? []) run.takeHead(head, undefined);
  for (const source of sources) {
    for await (const line of source.heads?.() ?? []) run.takeHeadLine(line);
  }
  for (const [index, source] of sources.entries()) {
    for await (const item of source) {
      if ('damage' in item) run.findings.add(item.damage, { ...item });
      else run.takePage(checkPage(item, run.findings), index);
    }
  }
  return run.finish();
}

type WriterState = { chain: WriterChain; signedTo: number; isNamed: boolean; firstMs: number };

class VerifyRun {
  readonly findings: FindingList;
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #mayFrontBeTrimmed: boolean;
  readonly #expected = new ExpectedHeads();
  readonly #writers = new Map<string, WriterState>();
  readonly #warm = new Map<string, WriterChain>();
  #records = 0;
  #repeated = 0;
  #signedHeads = 0;
  #newestMs = 0;

  constructor(options: VerifyOptions) {
    this.findings = new FindingList(options.findingsMax ?? 1_000);
    this.#keys = readPublicKeys(options.publicKeys);
    this.#mayFrontBeTrimmed = options.mayFrontBeTrimmed ?? false;
  }

  takeHeadLine(line: HeadLine): void {
    const head = readHeadLine(line.text);
    if (head === null) this.findings.add('HEAD_LINE', { where: line.where });
    else this.takeHead(head, line.where);
  }

  takeHead(head: SignedHead, where: Where | undefined): void {
    if (!this.#isSigned(head, where)) return;
    this.#signedHeads++;
    this.#expected.add(head.w, head.n, {
      head: head.head,
      by: 'signature',
      ...(where === undefined ? {} : { where }),
    });
  }

  takePage(page: CheckedPage | null, source: number): void {
    if (page === null) return;
    const state = this.#writer(page);
    this.#newestMs = Math.max(this.#newestMs, page.t);
    this.#keepWarm(state.chain);
    const standing = state.chain.take(page, source, this.findings);
    const met = this.#expected.meet(page, this.findings);
    if (met.isSigned) state.signedTo = Math.max(state.signedTo, page.n);
    if (met.isNamed) state.isNamed = true;
    if (standing === 'repeated') {
      this.#repeated++;
      return;
    }
    this.#records += page.records;
    for (const { record, where } of page.heads)
      this.#takeHeadRecord(state, page, { ...record, w: page.w }, where);
    if (page.open?.predecessor) this.#takePredecessor(page, page.open.predecessor);
  }

  #takeHeadRecord(state: WriterState, page: CheckedPage, head: SignedHead, where: Where): void {
    if (!this.#isSigned(head, where)) return;
    const signed = state.chain.headAt(head.n);
    const at = { writer: page.w, page: page.n, where };
    if (head.n >= page.n) this.findings.add('HEAD_STALE', at);
    else if (signed === head.head) state.signedTo = Math.max(state.signedTo, head.n);
    else if (signed !== undefined) this.findings.add('HEAD_MISMATCH', { ...at, page: head.n });
    // The page may come from a later source.
    else if (state.chain.isMissing(head.n)) {
      this.#expected.add(page.w, head.n, { head: head.head, by: 'signature', where });
    } else this.findings.add('HEAD_STALE', at);
  }

  #takePredecessor(page: CheckedPage, named: { w: string; n: number; head: string }): void {
    const forerunner = this.#writers.get(named.w);
    const known = forerunner?.chain.headAt(named.n);
    if (known === undefined || forerunner === undefined) {
      this.#expected.add(named.w, named.n, { head: named.head, by: 'successor', where: page.where });
    } else if (known === named.head) forerunner.isNamed = true;
    else this.findings.add('PREDECESSOR_MISMATCH', { writer: page.w, page: page.n, where: page.where });
  }

  finish(): VerifyReport {
    for (const state of this.#writers.values()) state.chain.finish(this.findings, this.#mayFrontBeTrimmed);
    for (const rest of this.#expected.rest()) this.#reportAbsent(rest);
    const writers = [...this.#writers.entries()].map(([writer, s]) => this.#reportWriter(writer, s));
    return {
      ok: this.findings.total === 0,
      pages: writers.reduce((sum, w) => sum + w.pages, 0),
      repeatedPages: this.#repeated,
      records: this.#records,
      signedHeads: this.#signedHeads,
      writers,
      findings: this.findings.list,
      findingsTotal: this.findings.total,
    };
  }

  // A named page inside what is there is one of the missing pages already reported; behind it, the tail was cut.
  #reportAbsent(rest: { w: string; n: number; by: 'signature' | 'successor'; where?: Where }): void {
    const last = this.#writers.get(rest.w)?.chain.n;
    const at = { writer: rest.w, page: rest.n, ...(rest.where === undefined ? {} : { where: rest.where }) };
    if (last !== undefined && rest.n <= last) return;
    if (last !== undefined)
      this.findings.add('TAIL_MISSING', { ...at, more: `last page here is ${String(last)}` });
    else if (!this.#mayFrontBeTrimmed) {
      this.findings.add(rest.by === 'signature' ? 'TAIL_MISSING' : 'PREDECESSOR_MISSING', at);
    }
  }

  #reportWriter(writer: string, s: WriterState): WriterReport {
    const { chain, signedTo } = s;
    const isVouched = signedTo > 0 || s.isNamed || this.#newestMs - s.firstMs <= unsignedMsMax;
    // Without keys no signature can be judged, and none is missed.
    if (!isVouched && this.#keys.size > 0) this.findings.add('WRITER_UNSIGNED', { writer, page: chain.n });
    const { pages, first, n: last, head } = chain;
    return { writer, pages, first, last, head, isClosed: chain.closedAt > 0, signedTo };
  }

  #writer(page: CheckedPage): WriterState {
    const known = this.#writers.get(page.w);
    if (known !== undefined) return known;
    if (this.#writers.size >= writersMax)
      throw new Fault('AUDIT_PAGE', 'too many writers in one verification');
    const state = { chain: new WriterChain(page.w), signedTo: 0, isNamed: false, firstMs: page.t };
    this.#writers.set(page.w, state);
    return state;
  }

  #keepWarm(chain: WriterChain): void {
    this.#warm.delete(chain.w);
    this.#warm.set(chain.w, chain);
    if (this.#warm.size <= warmMax) return;
    for (const [w, coldest] of this.#warm) {
      coldest.shrink();
      this.#warm.delete(w);
      return;
    }
  }

  #isSigned(head: SignedHead, where: Where | undefined): boolean {
    const answer = verifyHead(head, this.#keys);
    const at = { writer: head.w, page: head.n, ...(where === undefined ? {} : { where }) };
    if (answer === 'bad') this.findings.add('HEAD_SIGNATURE', at);
    if (answer === 'key-unknown') this.findings.add('HEAD_KEY_UNKNOWN', at);
    return answer === 'good';
  }
}
