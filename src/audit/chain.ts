import { crc32 } from 'node:zlib';
import { Fault } from '../message/codes.ts';
import { headerText, headOf, journalBytesMax, noHead, pageBytesMax, pageRecordsMax, putCrc } from './page.ts';
import { recordText } from './record-text.ts';
import { type AuditRecord, writerPattern } from './records.ts';

export type Page = {
  readonly writer: string;
  readonly n: number;
  readonly prev: string;
  readonly head: string;
  readonly bytes: Buffer;
  readonly journal: Buffer;
};

/**
 * One writer's chain of pages. `build` makes the next page and leaves the chain where it was; `commit` moves on once
 * the page is durable. Between the two the caller keeps the page's bytes and resends exactly those (design 5.2).
 */
export class Chain {
  readonly writer: string;
  #n: number;
  #head: string;
  #scratch = Buffer.allocUnsafe(64 * 1024);

  constructor(writer: string, start: { readonly n: number; readonly head: string } = { n: 0, head: noHead }) {
    if (!writerPattern.test(writer)) throw new Fault('AUDIT_PAGE', 'writer name not allowed');
    this.writer = writer;
    this.#n = start.n;
    this.#head = start.head;
  }

  /** Number of the last committed page, 0 before the first. */
  get n(): number {
    return this.#n;
  }

  get head(): string {
    return this.#head;
  }

  /** Makes page n + 1. A string is a record already serialised by `recordText`. */
  build(records: readonly (AuditRecord | string)[], journal: Buffer, atMs: number): Page {
    if (records.length > pageRecordsMax) throw new Fault('AUDIT_PAGE', 'too many records for a page');
    if (journal.length > journalBytesMax) throw new Fault('AUDIT_PAGE', 'journal too large for a page');
    const n = this.#n + 1;
    const prev = this.#head;
    const j = journal.length === 0 ? '' : headOf(journal);
    let at = this.#put(headerText({ w: this.writer, n, prev, t: atMs, r: records.length, j }), 0);
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      if (record === undefined) continue;
      at = this.#putRecord(i, typeof record === 'string' ? record : recordText(record), at);
    }
    const bytes = Buffer.from(this.#scratch.subarray(0, at));
    return { writer: this.writer, n, prev, head: headOf(bytes), bytes, journal };
  }

  /** The page is durable: the next one names it. */
  commit(page: Page): void {
    if (page.writer !== this.writer || page.n !== this.#n + 1 || page.prev !== this.#head) {
      throw new Fault('AUDIT_PAGE', 'page does not follow the chain');
    }
    this.#n = page.n;
    this.#head = page.head;
  }

  #put(text: string, at: number): number {
    this.#room(at + text.length * 3);
    return at + this.#scratch.write(text, at);
  }

  // The text is written where its opening brace falls on the comma of `{"i":<ordinal>,`, which then covers it: no
  // joined string is made. The check-sum stands before what it covers and is written last.
  #putRecord(i: number, text: string, at: number): number {
    const body = at + 9;
    const ordinal = `{"i":${String(i)},`;
    const from = body + ordinal.length - 1;
    this.#room(from + text.length * 3 + 1);
    const end = from + this.#scratch.write(text, from);
    this.#scratch.write(ordinal, body, 'latin1');
    putCrc(this.#scratch, at, crc32(this.#scratch.subarray(body, end)));
    this.#scratch[body - 1] = 32;
    this.#scratch[end] = 10;
    return end + 1;
  }

  // Grows to the largest page this writer made and stays there; a character is at most three bytes of UTF-8.
  #room(bytes: number): void {
    if (bytes <= this.#scratch.length) return;
    if (bytes > pageBytesMax) throw new Fault('AUDIT_PAGE', 'page too large');
    const wider = Buffer.allocUnsafe(Math.min(pageBytesMax, Math.max(bytes, this.#scratch.length * 2)));
    this.#scratch.copy(wider);
    this.#scratch = wider;
  }
}
