import { folderSource } from '../src/audit/folder-source.ts';
import { walkJournal } from '../src/audit/journal.ts';
import { parseRecord, readHeader, recordLines } from '../src/audit/page.ts';
import { type AcceptRecord, checkRecord } from '../src/audit/records.ts';
import { join } from 'node:path';
import { loadDialect } from '../src/dialect/dialect.ts';
import type { Delivery, LaneName } from '../src/message/delivery.ts';
import { type AcceptBatch, encodeEntry, LaneEntryList } from '../src/queue/queue.ts';

/** One accept call as the gateway made it, put together again from the recorder's segments. */
export type ObservedBatch = {
  readonly head: string;
  readonly page: Buffer;
  readonly journal: Buffer;
  readonly lanes: AcceptBatch['lanes'];
  readonly resendables: AcceptBatch['resendables'];
  /** Messages accepted by it, refused ones not counted. */
  readonly accepted: number;
};

const batchesMax = 400;
const dialect = loadDialect(join(import.meta.dirname, '../protocols/nlets-legacy'));

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
  const lanes = new LaneEntryList();
  const resendables: AcceptBatch['resendables'][number][] = [];
  let accepted = 0;
  for (const { json } of recordLines(page, from)) {
    const record = checkRecord(parseRecord(json));
    if (typeof record === 'string' || record.e !== 'accept') continue;
    accepted += 1;
    for (const delivery of record.deliveries) {
      const made = deliveryOf(record, delivery);
      const bytes = encodeEntry(made, sealed.get(record.id) ?? Buffer.alloc(0));
      lanes.add(made.lane, made.priorityClass, {
        bytes,
        ttlMs: dialect.keys.get(record.mke)?.expiresMs ?? 0,
      });
    }
    // Every message of the mix bears a control field of its own; its fingerprint is not on the record, so one of the same length stands in.
    const field = record.id.slice(-16).padStart(16, '0');
    resendables.push({ station: record.station, field, body: field, messageId: record.id, isKnown: false });
  }
  return { head, page, journal, accepted, lanes: lanes.all, resendables };
};

const deliveryOf = (
  record: AcceptRecord,
  delivery: AcceptRecord['deliveries'][number],
): Delivery & { lane: LaneName } => ({
  lane: delivery.lane as LaneName,
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
  station: record.station,
  receivedCount: 0,
  isNotice: false,
});
