import type { Where } from './findings.ts';
import { type MergedPage, mergedPages } from './merge.ts';
import { headOf, parseRecord, recordLines } from './page.ts';
import { type AuditRecord, checkRecord } from './records.ts';
import type { AuditSource } from './source.ts';

/** A record with its proof: the page with this head holds it, and a signed head of the writer covers the page. */
export type TracedRecord = {
  readonly record: AuditRecord;
  readonly ordinal: number;
  readonly writer: string;
  readonly n: number;
  readonly head: string;
  /** UTC ms of the page. */
  readonly t: number;
  readonly where: Where;
};

export type TraceResult = {
  readonly id: string;
  readonly messageId: string;
  readonly deliveries: readonly string[];
  readonly records: readonly TracedRecord[];
  /** More records than a trace gives. */
  readonly isCut: boolean;
};

const recordsMax = 10_000;

/**
 * All records of one message, or of one of its deliveries, in the order things happened. Two walks: the first finds the
 * acceptance (or refusal) and with it the delivery ids, the second what became of them; a courier's pages may stand
 * before the gateway's in another source.
 */
export async function trace(sources: readonly AuditSource[], id: string): Promise<TraceResult> {
  const first = await search(sources, new Set([id]), isOrigin);
  const accept = first.records.find((r) => r.record.e === 'accept')?.record;
  const ids = new Set([id]);
  if (accept?.e === 'accept' && accept.id === id) for (const { d } of accept.deliveries) ids.add(d);
  const second = await search(sources, ids, isAfterwards);
  const records = [...first.records, ...second.records];
  return {
    id,
    messageId: accept?.e === 'accept' ? accept.id : '',
    deliveries: [...ids].filter((one) => one !== id || accept?.e !== 'accept' || accept.id !== id),
    records: records.sort((a, b) => happenedMs(a) - happenedMs(b)),
    isCut: first.isCut || second.isCut,
  };
}

type Test = (record: AuditRecord, ids: ReadonlySet<string>) => boolean;

function isOrigin(record: AuditRecord, ids: ReadonlySet<string>): boolean {
  if (record.e === 'refuse') return record.id !== undefined && ids.has(record.id);
  if (record.e === 'duplicate') return ids.has(record.id) || ids.has(record.of);
  return record.e === 'accept' && (ids.has(record.id) || record.deliveries.some(({ d }) => ids.has(d)));
}

/** Of a delivery: it left its lane, it came back from the topic, it was put back, its sender was told. */
function isAfterwards(record: AuditRecord, ids: ReadonlySet<string>): boolean {
  if (record.e === 'notice') return ids.has(record.of) || ids.has(record.d);
  const isOfDelivery = record.e === 'deliver' || record.e === 'redrive' || record.e === 'returned';
  return isOfDelivery && ids.has(record.d);
}

async function search(
  sources: readonly AuditSource[],
  ids: ReadonlySet<string>,
  isWanted: Test,
): Promise<{ records: TracedRecord[]; isCut: boolean }> {
  // Bytes first: a page without any of the ids is not read record by record.
  const marks = [...ids].map((id) => JSON.stringify(id));
  const records: TracedRecord[] = [];
  for await (const merged of mergedPages(sources)) {
    if (!marks.some((mark) => merged.item.page.includes(mark))) continue;
    for (const found of recordsIn(merged, ids, isWanted)) {
      if (records.length >= recordsMax) return { records, isCut: true };
      records.push(found);
    }
  }
  return { records, isCut: false };
}

function* recordsIn({ item, header, recordsAt }: MergedPage, ids: ReadonlySet<string>, isWanted: Test) {
  for (const line of recordLines(item.page, recordsAt)) {
    const record = line.isCrcGood ? checkRecord(parseRecord(line.json)) : 'wrong';
    if (typeof record === 'string' || !isWanted(record, ids)) continue;
    const where = { file: item.where.file, offset: item.where.offset + line.offset };
    const head = headOf(item.page);
    yield { record, ordinal: line.ordinal, writer: header.w, n: header.n, head, t: header.t, where };
  }
}

function happenedMs({ record, t }: TracedRecord): number {
  if (record.e === 'deliver') return record.st;
  return 't' in record ? record.t : t;
}
