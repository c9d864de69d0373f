/** What a verifier can find. The closed list; `docs/audit-format.md` explains each. */
export const findingCodes = {
  SEGMENT_BROKEN: 'a stretch of a file is not a block',
  SEGMENT_LINE: 'a block line disagrees with the page or journal under it',
  SEGMENT_MISSING: 'a segment file is missing between two others',
  PAGE_HEADER: 'a page header cannot be read',
  PAGE_HASH: 'the page differs from the hash noted when it was stored',
  PAGE_MISSING: 'one or more pages are missing',
  PAGE_MOVED: 'a page does not stand where it was written',
  CHAIN_BROKEN:
    'the page does not name the page before it: one of the two was changed, or pages were put in or out',
  FORK: 'two different pages have one number',
  FRONT_MISSING: 'the first pages of a writer are missing',
  TAIL_MISSING: 'a signed or named page, or what led to it, is missing: the tail was cut',
  AFTER_CLOSE: 'a page follows the one that closed the writer',
  RECORD_CRC: 'a record was changed',
  RECORD_ORDINAL: 'a record was taken out, put in or moved',
  RECORD_SHAPE: 'a record is not of its kind',
  RECORD_COUNT: 'the page holds more or fewer records than its header says',
  OPEN_PLACE: 'a writer does not begin with one open record',
  JOURNAL_HASH: 'the journal of a page was changed',
  JOURNAL_MISSING: 'the journal of a page is missing',
  JOURNAL_STRAY: 'a journal belongs to no page',
  JOURNAL_ENTRY: 'a journal cannot be walked',
  HEAD_LINE: 'a line of heads.ndjson cannot be read',
  HEAD_SIGNATURE: 'a head is not signed by its key',
  HEAD_KEY_UNKNOWN: 'no public key was given for a signed head',
  HEAD_MISMATCH: 'a page differs from the one that was signed',
  HEAD_STALE: 'a head record does not sign one of the pages just before it',
  WRITER_UNSIGNED: 'no signature vouches for a writer: anybody could have made its pages',
  PREDECESSOR_MISMATCH: 'a writer names another last page of its predecessor than there is',
  PREDECESSOR_MISSING: 'the predecessor a writer names is not there',
  COPY_NOT_COMPARED: 'a copy of old pages could not be compared: give the shorter source first',
} as const;
export type FindingCode = keyof typeof findingCodes;

/** Where bytes stand: a file's (or stream's) name and the offset in it. */
export type Where = { readonly file: string; readonly offset: number };

export type Finding = {
  readonly code: FindingCode;
  /** Empty and 0 where a stretch of a file cannot be given to a writer and page. */
  readonly writer: string;
  readonly page: number;
  readonly record?: number;
  readonly file?: string;
  readonly offset?: number;
  readonly says: string;
};

/** Findings of one run, the first `max` of them: a ruined disk must not fill the memory. The rest is counted. */
export class FindingList {
  readonly list: Finding[] = [];
  total = 0;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  add(
    code: FindingCode,
    at: { writer?: string; page?: number; record?: number; where?: Where; more?: string },
  ): void {
    this.total++;
    if (this.list.length >= this.#max) return;
    this.list.push({
      code,
      writer: at.writer ?? '',
      page: at.page ?? 0,
      ...(at.record === undefined ? {} : { record: at.record }),
      ...(at.where === undefined ? {} : { file: at.where.file, offset: at.where.offset }),
      says: at.more === undefined ? findingCodes[code] : `${findingCodes[code]} (${at.more})`,
    });
  }
}
