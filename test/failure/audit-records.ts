import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { folderSource } from '../../src/audit/folder-source.ts';
import { mergedPages } from '../../src/audit/merge.ts';
import { parseRecord, recordLines } from '../../src/audit/page.ts';
import { type AuditRecord, checkRecord } from '../../src/audit/records.ts';
import type { Site } from '../../src/simulate/site/site.ts';

/** What stands on the recorder's disk now, in the order of the stream. */
export async function readRecords(site: Site): Promise<readonly AuditRecord[]> {
  const records: AuditRecord[] = [];
  for await (const { item, recordsAt } of mergedPages([
    folderSource(join(site.folder, 'record'), { isLive: true }),
  ])) {
    for (const { json } of recordLines(item.page, recordsAt)) {
      const record = checkRecord(parseRecord(json));
      if (typeof record === 'string') throw new Error(`a record that is ${record}`);
      records.push(record);
    }
  }
  return records;
}

/** Waits until the record says so; answers all of it. */
export async function untilRecorded(
  site: Site,
  is: (records: readonly AuditRecord[]) => boolean,
  what: string,
  msMax = 10_000,
): Promise<readonly AuditRecord[]> {
  const deadline = performance.now() + msMax;
  for (;;) {
    const records = await readRecords(site);
    if (is(records)) return records;
    if (performance.now() > deadline) throw new Error(`not on the record: ${what}`);
    await sleep(100);
  }
}

/** Refusal codes on the record of a line, singly recorded and counted ones together. */
export function refusalCodes(
  records: readonly AuditRecord[],
  line: string,
): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  const count = (code: string, n: number): void => {
    counts[code] = (counts[code] ?? 0) + n;
  };
  for (const record of records) {
    if (record.e === 'refuse' && record.line === line) for (const { code } of record.codes) count(code, 1);
    if (record.e === 'refused-count' && record.line === line) count(record.code, record.n);
  }
  return counts;
}

/** Messages refused on any line, singly recorded and counted ones together. */
export const refusedMessages = (records: readonly AuditRecord[]): number =>
  records.reduce((sum, record) => {
    if (record.e === 'refused-count') return sum + record.n;
    return record.e === 'refuse' ? sum + 1 : sum;
  }, 0);
