import type { AuditRecord } from '../audit/records.ts';
import type { PriorityClass } from '../message/delivery.ts';
import { type ClassSettlement, LaneEntryList, type Settlement } from '../queue/queue.ts';
import type { LaneRecord } from './lane-record.ts';
import type { Notices } from './notices.ts';
import type { Parcel } from './parcel.ts';

type Counted = { -readonly [K in keyof ClassSettlement]: ClassSettlement[K] } & {
  dead: { seq: number; code: string }[];
  due: number[];
};

/**
 * What these parcels, done with and in the order of their classes, are to the lane: prefixes counted by outcome, a record each, and a
 * notice to the sender of each that was not delivered. `nowMs` is when the far end, or we, disposed of them.
 */
export const settlementOf = <C>(
  lane: string,
  parcels: readonly Parcel<C>[],
  notices: Notices,
  nowMs: number,
): Settlement<LaneRecord> => {
  const classes = new Map<PriorityClass, Counted>();
  const records: LaneRecord[] = [];
  const bodies: string[] = [];
  const told = new LaneEntryList();
  let bytes = 0;
  for (const parcel of parcels) {
    const { priorityClass, delivery, fate } = parcel;
    let counted = classes.get(priorityClass);
    if (counted === undefined) classes.set(priorityClass, (counted = nothingOf(priorityClass)));
    count(counted, parcel);
    bytes += parcel.entryBytes;
    // A dead letter keeps its body.
    if (parcel.hasSharedBody && fate?.outcome !== 'dead' && delivery !== undefined)
      bodies.push(delivery.messageId);
    records.push({ record: recordOf(lane, parcel, nowMs) });
    const notice = notices.of(parcel, nowMs);
    if (notice === undefined) continue;
    records.push(notice.record);
    told.add(notice.lane, notice.priorityClass, notice.entry);
  }
  return { classes: [...classes.values()], bytes, bodies, notices: told.all, records };
};

const nothingOf = (priorityClass: PriorityClass): Counted => ({
  priorityClass,
  upTo: 0,
  delivered: 0,
  sentUnconfirmed: 0,
  expired: 0,
  gone: 0,
  dead: [],
  due: [],
});

const count = <C>(to: Counted, { seq, gap, fate, isDue }: Parcel<C>): void => {
  to.upTo = seq;
  to.gone += gap;
  if (isDue) to.due.push(seq);
  switch (fate?.outcome ?? 'delivered') {
    case 'delivered':
      to.delivered += 1;
      break;
    case 'sentUnconfirmed':
      to.sentUnconfirmed += 1;
      break;
    case 'expired':
      to.expired += 1;
      break;
    default:
      to.dead.push({ seq, code: fate?.code ?? '' });
  }
};

const recordOf = <C>(lane: string, parcel: Parcel<C>, nowMs: number): AuditRecord => {
  const { seq, priorityClass, delivery, fate, isPossibleDuplicate, handedAtMs, tries, notCarried } = parcel;
  const deliveryId = delivery?.deliveryId ?? '';
  return {
    e: 'deliver',
    d: deliveryId,
    lane,
    cls: priorityClass,
    seq,
    mid: delivery === undefined ? '' : `${deliveryId}.${String(delivery.generation)}`,
    o: fate?.outcome ?? 'delivered',
    ...(fate === undefined || fate.code === '' ? {} : { code: fate.code }),
    pd: isPossibleDuplicate ? 1 : 0,
    t: handedAtMs,
    st: nowMs,
    tries,
    ...(notCarried === undefined ? {} : { notCarried }),
  };
};
