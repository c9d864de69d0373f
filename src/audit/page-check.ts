import type { FindingCode, FindingList, Where } from './findings.ts';
import { walkJournal } from './journal.ts';
import { headOf, type PageHeader, parseRecord, readHeader, recordLines } from './page.ts';
import { type AuditRecord, checkRecord, type HeadRecord, type OpenRecord } from './records.ts';
import type { PageItem } from './source.ts';

/** A page checked by itself: what it is called, what it claims about others, whether its own parts agree. */
export type CheckedPage = {
  readonly w: string;
  readonly n: number;
  /** Empty when the header could not be read. */
  readonly prev: string;
  readonly head: string;
  /** Hash noted when it was stored, where it differs: its neighbours may agree with either. */
  readonly otherHead: string | null;
  readonly t: number;
  readonly records: number;
  readonly open: OpenRecord | null;
  readonly heads: readonly { readonly record: HeadRecord; readonly where: Where }[];
  readonly isClosing: boolean;
  readonly where: Where;
};

/** Checks hash, header, every record and the journal of one page. Null when nobody can say whose page it is. */
export function checkPage(item: PageItem, findings: FindingList): CheckedPage | null {
  const read = readHeader(item.page);
  const head = headOf(item.page);
  const { stated } = item;
  const isAsStored = stated === undefined || stated.head === head;
  // A page that is as it was stored names itself; of a changed one the note beside it is believed.
  const name = read !== null && (isAsStored || stated.w === '-') ? read.header : (stated ?? read?.header);
  const at = { writer: name?.w ?? '', page: name?.n ?? 0, where: item.where };
  if (read === null) findings.add('PAGE_HEADER', at);
  if (!isAsStored) findings.add('PAGE_HASH', at);
  if (read === null || name === undefined) {
    return name === undefined || name.n === 0 ? null : nameOnly(name, head, stated?.head ?? head, item.where);
  }
  const { header } = read;
  const records = checkRecords(item, read.length, header, at, findings);
  checkJournal(item, header, at, findings);
  return {
    w: name.w,
    n: name.n,
    prev: header.prev,
    head,
    otherHead: isAsStored ? null : stated.head,
    t: header.t,
    where: item.where,
    ...records,
  };
}

type At = { readonly writer: string; readonly page: number; readonly where: Where };

function nameOnly(name: { w: string; n: number }, head: string, stated: string, where: Where): CheckedPage {
  const nothing = { prev: '', t: 0, records: 0, open: null, heads: [], isClosing: false };
  return { w: name.w, n: name.n, head, otherHead: stated, where, ...nothing };
}

// Of the records that are wrong the first is named: behind a cut or inserted one every ordinal is off.
function checkRecords(item: PageItem, from: number, header: PageHeader, at: At, findings: FindingList) {
  let count = 0;
  let isNamed = false;
  let open: OpenRecord | null = null;
  let last: AuditRecord['e'] | null = null;
  const heads: { record: HeadRecord; where: Where }[] = [];
  for (const line of recordLines(item.page, from)) {
    count++;
    const value = line.isCrcGood ? parseRecord(line.json) : undefined;
    const record = value === undefined ? 'wrong' : checkRecord(value);
    const wrong = faultOf(line.isCrcGood, line.json, line.ordinal, record);
    const where = { file: item.where.file, offset: item.where.offset + line.offset };
    if (wrong !== null && !isNamed) {
      isNamed = true;
      findings.add(wrong, { ...at, record: line.ordinal, where });
    }
    last = null;
    if (typeof record === 'string') continue;
    last = record.e;
    if (record.e === 'head') heads.push({ record, where });
    if (record.e === 'open') {
      if (header.n === 1 && line.ordinal === 0) open = record;
      else findings.add('OPEN_PLACE', { ...at, record: line.ordinal, where });
    }
  }
  if (count !== header.r) findings.add('RECORD_COUNT', at);
  if (header.n === 1 && open === null) findings.add('OPEN_PLACE', at);
  return { records: count, open, heads, isClosing: last === 'close' };
}

function faultOf(
  isCrcGood: boolean,
  json: string,
  ordinal: number,
  record: AuditRecord | 'unknown' | 'wrong',
): FindingCode | null {
  if (!isCrcGood) return 'RECORD_CRC';
  // A kind this version does not know may come from a later one; its check-sum and the page's hash cover it.
  if (record === 'wrong') return 'RECORD_SHAPE';
  return json.startsWith(`{"i":${String(ordinal)},"e":"`) ? null : 'RECORD_ORDINAL';
}

function checkJournal(item: PageItem, header: PageHeader, at: At, findings: FindingList): void {
  const { journal } = item;
  const where = item.journalWhere ?? item.where;
  if (header.j === '') {
    if (journal !== undefined && journal.length > 0) findings.add('JOURNAL_STRAY', { ...at, where });
    return;
  }
  if (journal === undefined) findings.add('JOURNAL_MISSING', at);
  else if (headOf(journal) !== header.j) findings.add('JOURNAL_HASH', { ...at, where });
  else {
    const { brokenAt } = walkJournal(journal);
    if (brokenAt === null) return;
    findings.add('JOURNAL_ENTRY', { ...at, where: { file: where.file, offset: where.offset + brokenAt } });
  }
}
