import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { writerPattern } from './records.ts';

/**
 * The page, format 1: one header line, then one line a record, each ended by LF. docs/audit-format.md is the text for
 * those who check pages with other software; this file is what we write and read.
 */
export type PageHeader = {
  readonly w: string;
  readonly n: number;
  readonly prev: string;
  readonly t: number;
  readonly r: number;
  readonly j: string;
};

/** `prev` of a writer's first page. */
export const noHead = '0'.repeat(64);

/** An accept batch is at most 256 messages or 1 MiB (design 5.1); a broadcast's deliveries may widen its record. */
export const pageBytesMax = 16 * 1024 * 1024;
export const journalBytesMax = 32 * 1024 * 1024;
export const pageRecordsMax = 65_536;
const headerBytesMax = 512;

const hexDigits = Buffer.from('0123456789abcdef');
const crcDigits = 8;
const crcText = Buffer.alloc(crcDigits);

export function headOf(bytes: Buffer): string {
  return hash('sha256', bytes);
}

/** Check-sum of a line as eight lower-case hex digits. */
export function crcHex(bytes: Buffer | string): string {
  putCrc(crcText, 0, crc32(bytes));
  return crcText.toString('latin1');
}

/** Writes a check-sum's eight digits. By table: half of all sums are no small integers, and V8 formats those as fractions, slowly. */
export function putCrc(out: Buffer, at: number, sum: number): void {
  let rest = sum;
  for (let digit = at + crcDigits - 1; digit >= at; digit--) {
    out[digit] = hexDigits[rest & 15] ?? 0;
    rest >>>= 4;
  }
}

export function headerText(h: PageHeader): string {
  return `{"f":1,"w":"${h.w}","n":${String(h.n)},"prev":"${h.prev}","t":${String(h.t)},"r":${String(h.r)},"j":"${h.j}"}\n`;
}

const headerPattern = new RegExp(
  [
    String.raw`^\{"f":1,"w":"([^"]{1,96})","n":([1-9]\d{0,15}),"prev":"([0-9a-f]{64})",`,
    String.raw`"t":(0|[1-9]\d{0,15}),"r":(0|[1-9]\d{0,5}),"j":"([0-9a-f]{64}|)"\}$`,
  ].join(''),
);

/** Reads a page's header; null when it is not exactly what `headerText` writes. */
export function readHeader(page: Buffer): { readonly header: PageHeader; readonly length: number } | null {
  const end = page.subarray(0, headerBytesMax).indexOf(10);
  if (end < 0) return null;
  const m = headerPattern.exec(page.toString('latin1', 0, end));
  if (m === null) return null;
  const [, w = '', n, prev = '', t, r, j = ''] = m;
  const header = { w, n: Number(n), prev, t: Number(t), r: Number(r), j };
  if (!writerPattern.test(w) || !Number.isSafeInteger(header.n) || !Number.isSafeInteger(header.t))
    return null;
  return { header, length: end + 1 };
}

/** One record line: `offset` counts from the page's first byte, `json` excludes check-sum and LF. */
export type RecordLine = {
  readonly ordinal: number;
  readonly offset: number;
  readonly json: string;
  readonly isCrcGood: boolean;
};

/** Walks the record lines after the header. The last line may lack its LF; it is then given with a bad check-sum. */
export function* recordLines(page: Buffer, from: number): Generator<RecordLine> {
  let at = from;
  for (let ordinal = 0; at < page.length; ordinal++) {
    const lf = page.indexOf(10, at);
    const end = lf < 0 ? page.length : lf;
    const body = page.subarray(Math.min(at + 9, end), end);
    const isCrcGood = lf >= 0 && page.toString('latin1', at, at + 9) === `${crcHex(body)} `;
    yield { ordinal, offset: at, json: body.toString('utf8'), isCrcGood };
    at = end + 1;
  }
}

/** The value of a record line, or undefined when it is not JSON. */
export function parseRecord(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
