import type { AuditRecord } from '../audit/records.ts';
import type { Settlement } from '../queue/queue.ts';
import type { Parcel } from './parcel.ts';

/** The prefix of a lane that these parcels are, with one record each. `nowMs` is when the bus, or we, disposed of them. */
export const settle = (lane: string, parcels: readonly Parcel[], nowMs: number): Settlement<AuditRecord> => {
  const dead: { seq: number; code: string }[] = [];
  const records: AuditRecord[] = [];
  let bytes = 0;
  for (const { seq, failure, delivery, entryBytes, isPossibleDuplicate, handedAtMs, tries } of parcels) {
    bytes += entryBytes;
    if (failure !== undefined) dead.push({ seq, code: failure.code });
    const deliveryId = delivery?.deliveryId ?? '';
    records.push({
      e: 'deliver',
      d: deliveryId,
      lane,
      seq,
      mid: delivery === undefined ? '' : `${deliveryId}.${String(delivery.generation)}`,
      o: failure === undefined ? 'delivered' : 'dead',
      ...(failure === undefined ? {} : { code: failure.code }),
      pd: isPossibleDuplicate ? 1 : 0,
      t: handedAtMs,
      st: nowMs,
      tries,
    });
  }
  return { upTo: parcels.at(-1)?.seq ?? 0, delivered: parcels.length - dead.length, bytes, dead, records };
};

/** Settlements that follow each other, as one; undefined when there is none. */
export const joined = (
  settlements: readonly Settlement<AuditRecord>[],
): Settlement<AuditRecord> | undefined => {
  const [first, ...rest] = settlements;
  if (first === undefined || rest.length === 0) return first;
  return {
    upTo: settlements.at(-1)?.upTo ?? 0,
    delivered: settlements.reduce((sum, { delivered }) => sum + delivered, 0),
    bytes: settlements.reduce((sum, { bytes }) => sum + bytes, 0),
    dead: settlements.flatMap(({ dead }) => dead),
    records: settlements.flatMap(({ records }) => records),
  };
};
