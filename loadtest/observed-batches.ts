import { folderSource } from '../src/audit/folder-source.ts';
import { walkJournal } from '../src/audit/journal.ts';
import { parseRecord, readHeader, recordLines } from '../src/audit/page.ts';
import { type AcceptRecord, checkRecord } from '../src/audit/records.ts';
import type { Delivery } from '../src/message/delivery.ts';
import { encodeEntry } from '../src/queue/queue.ts';

/** One accept call as the gateway made it, put together again from the recorder's segments. */
export type ObservedBatch = {
  readonly head: string;
  readonly page: Buffer;
  readonly journal: Buffer;
  readonly lanes: readonly { readonly lane: string; readonly entries: readonly Buffer[] }[];
  /** Messages accepted by it, refused ones not counted. */
  readonly accepted: number;
};

const batchesMax = 400;

/**
 * The gateway's first pages of the measured time. Everything an accept call holds is on the record: page, journal, and for each
 * delivery what its lane entry says, so the entries are made again with the same bytes.
 */
export const observedBatches = async (
  folder: string,
  fromMs: number,
  untilMs: number,
): Promise<readonly ObservedBatch[]> => {
  const batches: ObservedBatch[] = [];
  for await (const item of folderSource(folder)) {
    if ('damage' in item) continue;
    const header = readHeader(item.page);
    if (header === null || !header.header.w.startsWith('g')) continue;
    if (header.header.t < fromMs || header.header.t >= untilMs) continue;
    const batch = batchOf(item.page, header.length, item.journal ?? Buffer.alloc(0), item.stated?.head ?? '');
    if (batch.accepted > 0) batches.push(batch);
    if (batches.length >= batchesMax) break;
  }
  return batches;
};

const batchOf = (page: Buffer, from: number, journal: Buffer, head: string): ObservedBatch => {
  const sealed = new Map(walkJournal(journal).entries.map((entry) => [entry.id, entry.sealed]));
  const lanes = new Map<string, Buffer[]>();
  let accepted = 0;
  for (const { json } of recordLines(page, from)) {
    const record = checkRecord(parseRecord(json));
    if (typeof record === 'string' || record.e !== 'accept') continue;
    accepted += 1;
    for (const delivery of record.deliveries) {
      const entry = encodeEntry(deliveryOf(record, delivery), sealed.get(record.id) ?? Buffer.alloc(0));
      lanes.set(delivery.lane, [...(lanes.get(delivery.lane) ?? []), entry]);
    }
  }
  return { head, page, journal, accepted, lanes: [...lanes].map(([lane, entries]) => ({ lane, entries })) };
};

const deliveryOf = (record: AcceptRecord, delivery: AcceptRecord['deliveries'][number]): Delivery => ({
  deliveryId: delivery.d,
  generation: 1,
  messageId: record.id,
  messageKey: record.mke,
  priorityClass: record.cls as Delivery['priorityClass'],
  originatingOri: record.ori,
  destination: delivery.dest,
  groups: delivery.groups,
  recipients: delivery.to,
  agency: record.agency,
  dialect: record.dialect,
  receivedAtMs: record.t,
  directoryVersion: record.dir,
  isTest: record.test === 1,
  traceparent: record.tp,
  user: record.user,
  terminal: record.terminal,
  incident: record.incident,
  resentOf: '',
});
