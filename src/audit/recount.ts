import { Fault } from '../message/codes.ts';
import { mergedPages } from './merge.ts';
import { parseRecord, recordLines } from './page.ts';
import { type AuditRecord, checkRecord, type DeliveryOutcome } from './records.ts';
import type { AuditSource } from './source.ts';

/** A lane's side of the ledger (P2); waiting = in less all others. */
export type LaneCount = { in: number } & Record<DeliveryOutcome, number> & {
    /** Of the delivered: came back from the topic. Absent where none did. */
    returned?: number;
  };

/**
 * Derives the ledger again from the record: what was accepted for each lane and what became of it. Exact; a page in
 * two sources counts once. Throws AUDIT_PAGE when a page or record is damaged.
 */
export async function recount(sources: readonly AuditSource[]): Promise<Map<string, LaneCount>> {
  const lanes = new Map<string, LaneCount>();
  for await (const { item, recordsAt } of mergedPages(sources)) {
    for (const line of recordLines(item.page, recordsAt)) {
      const record = line.isCrcGood ? checkRecord(parseRecord(line.json)) : 'wrong';
      if (record === 'wrong')
        throw new Fault('AUDIT_PAGE', 'an audit record is damaged: run audit verify to see where');
      if (record !== 'unknown') count(record, lanes);
    }
  }
  return lanes;
}

function count(record: AuditRecord, lanes: Map<string, LaneCount>): void {
  if (record.e === 'accept') for (const { lane } of record.deliveries) laneCount(lanes, lane).in++;
  if (record.e === 'notice' || record.e === 'redrive') laneCount(lanes, record.lane).in++;
  if (record.e === 'deliver') laneCount(lanes, record.lane)[record.o]++;
  if (record.e === 'returned') {
    const lane = laneCount(lanes, record.lane);
    lane.returned = (lane.returned ?? 0) + 1;
  }
}

function laneCount(lanes: Map<string, LaneCount>, lane: string): LaneCount {
  const known = lanes.get(lane);
  if (known !== undefined) return known;
  const fresh: LaneCount = { in: 0, delivered: 0, dead: 0, expired: 0, sentUnconfirmed: 0, divertedOut: 0 };
  lanes.set(lane, fresh);
  return fresh;
}
