import type { AuditRecord } from '../audit/records.ts';
import {
  type DecodedEntry,
  decodeEntry,
  LaneEntryList,
  Overdue,
  type OverdueEntry,
  type OwnedLanes,
  type Queue,
  type ServerClock,
} from '../queue/queue.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { LaneRecord } from './lane-record.ts';
import type { Notices } from './notices.ts';

export type ExpiryParts = {
  readonly queue: Queue;
  readonly lanes: OwnedLanes<LaneRecord>;
  readonly clock: ServerClock;
  readonly notices: Notices;
  readonly metrics: Metrics;
};

/** Batches of one sweep: a backlog larger than this waits for the next one. */
const BATCHES_MAX = 32;

/** Takes off lanes what waited past its deadline while nobody was about to deliver it, and tells the senders (design 5.15). */
export class Expiry {
  readonly #parts: ExpiryParts;
  readonly #overdue: Overdue;
  #isSweeping = false;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
    this.#overdue = new Overdue(parts.queue.side, parts.queue.keys);
  }

  /** Messages with a deadline of their own, found through the due set. */
  byDeadline(): Promise<void> {
    return this.#sweep(() => this.#overdue.byDeadline());
  }

  /** Messages that waited as long as lanes hold anything. */
  byHold(): Promise<void> {
    return this.#sweep(() => this.#overdue.byHold());
  }

  /** One sweep at a time: two would find the same entries. */
  async #sweep(find: () => Promise<readonly OverdueEntry[]>): Promise<void> {
    if (this.#isSweeping || this.#parts.clock.isSuspended) return;
    this.#isSweeping = true;
    try {
      for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
        const entries = await find();
        if (entries.length === 0 || !(await this.#expire(entries))) return;
      }
    } finally {
      this.#isSweeping = false;
    }
  }

  async #expire(entries: readonly OverdueEntry[]): Promise<boolean> {
    const { lanes, notices, metrics } = this.#parts;
    const nowMs = Date.now();
    const records: LaneRecord[] = [];
    const bodies: string[] = [];
    const told = new LaneEntryList();
    for (const overdue of entries) {
      const read = readEntry(overdue.entry);
      records.push({ record: recordOf(overdue, read, nowMs) });
      if (read === undefined) continue;
      if (read.sealed === undefined) bodies.push(read.delivery.messageId);
      const notice = notices.make(read.delivery, read.sealed, codeOf(overdue), nowMs);
      if (notice === undefined) continue;
      records.push(notice.record);
      told.add(notice.lane, notice.priorityClass, notice.entry);
    }
    const isDone = await this.#overdue.expire(lanes, entries, { records, bodies, notices: told.all });
    if (isDone) for (const { lane } of entries) metrics.delivered.inc({ lane, outcome: 'expired' });
    return isDone;
  }
}

const readEntry = (entry: Buffer): DecodedEntry | undefined => {
  try {
    return decodeEntry(entry);
  } catch {
    return undefined;
  }
};

/** What an owner that is gone was given may have been delivered. */
const codeOf = ({ wasHanded }: OverdueEntry): 'DELIVER_EXPIRED' | 'DELIVER_UNCONFIRMED' =>
  wasHanded ? 'DELIVER_UNCONFIRMED' : 'DELIVER_EXPIRED';

/** When it was handed out, if it was, nobody knows any more: `t` is 0. */
const recordOf = (overdue: OverdueEntry, read: DecodedEntry | undefined, nowMs: number): AuditRecord => {
  const { lane, priorityClass, seq, wasHanded } = overdue;
  const deliveryId = read?.delivery.deliveryId ?? '';
  return {
    e: 'deliver',
    d: deliveryId,
    lane,
    cls: priorityClass,
    seq,
    mid: read === undefined ? '' : `${deliveryId}.${String(read.delivery.generation)}`,
    o: 'expired',
    code: codeOf(overdue),
    pd: wasHanded ? 1 : 0,
    t: 0,
    st: nowMs,
    tries: 0,
  };
};
