import { type JournalEntry, writeJournal } from '../audit/journal.ts';
import type { AuditRecord } from '../audit/records.ts';
import type { Config } from '../config/config.ts';
import { OwnedLanes, type Queue, type ServerClock } from '../queue/queue.ts';
import type { Writer } from './writer.ts';

/** What a lane's owner writes into its chain: a record, and the sealed body it speaks of when the body is new. */
export type LaneRecord = { readonly record: AuditRecord; readonly journal?: JournalEntry };

/** The lanes of one process and the chain of pages it writes for them. */
export const openLanes = (
  config: Config,
  queue: Queue,
  writer: Writer,
  clock: ServerClock,
): OwnedLanes<LaneRecord> =>
  new OwnedLanes<LaneRecord>({
    connection: queue.hot,
    keys: queue.keys,
    writer: writer.name,
    lease: { leaseMs: config.LEASE_MS, marginMs: config.LEASE_MARGIN_MS },
    limits: { deadMax: config.DEAD_MAX, laneHoldMs: config.LANE_HOLD_MS },
    build: (records) =>
      writer.chain.build(
        records.map(({ record }) => record),
        writeJournal(records.flatMap(({ journal }) => (journal === undefined ? [] : [journal]))),
        Date.now(),
      ),
    commit: (page) => {
      writer.chain.commit({ ...page, writer: writer.name.writer });
    },
    observeClock: (redisMs) => {
      clock.observe(redisMs);
    },
  });

/** Signs the chain's head when it is time. */
export const signHeadIfDue = async (writer: Writer, lanes: OwnedLanes<LaneRecord>): Promise<void> => {
  const nowMs = Date.now();
  const head = writer.isHeadDue(nowMs) ? writer.head(nowMs) : undefined;
  if (head === undefined) return;
  writer.signed(writer.chain.n, nowMs);
  await lanes.append([{ record: head }]);
};

/** The last page: a signature over all pages before it, and the record that closes the chain. */
export const closeChain = async (writer: Writer, lanes: OwnedLanes<LaneRecord>): Promise<void> => {
  const head = writer.head(Date.now());
  await lanes.append([...(head === undefined ? [] : [{ record: head }]), { record: { e: 'close' } }]);
};
