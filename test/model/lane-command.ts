import type fc from 'fast-check';
import type { AuditRecord } from '../../src/audit/records.ts';
import { type LaneEntries, LaneEntryList } from '../../src/queue/lane-entries.ts';
import { type LaneModel, laneNames, type ModelEntry, type NewModelEntry } from './lane-model.ts';
import { bytesOf, type LaneSlot } from './lane-slot.ts';

/** How often each command ran, over all runs: a test that skipped them all would prove nothing. */
export const ran = new Map<string, number>();

export abstract class LaneCommand implements fc.AsyncCommand<LaneModel, LaneSlot> {
  abstract readonly says: string;
  abstract do(model: LaneModel, slot: LaneSlot): Promise<void>;

  check(model: Readonly<LaneModel>): boolean {
    return model.lanes.size > 0;
  }

  async run(model: LaneModel, slot: LaneSlot): Promise<void> {
    ran.set(this.constructor.name, (ran.get(this.constructor.name) ?? 0) + 1);
    await this.do(model, slot);
    await slot.check(model);
  }

  toString(): string {
    return `${this.constructor.name} ${this.says}`;
  }
}

export type LaneName = (typeof laneNames)[number];
const [, , stationName] = laneNames;
export const SHORT_MS = 1;
export const LONG_MS = 600_000;

/** What a sender is told: an entry for its station, and its record. */
export const noticesOf = (
  model: LaneModel,
  of: readonly ModelEntry[],
): { readonly entries: readonly NewModelEntry[]; readonly records: readonly AuditRecord[] } => {
  const entries = of.map(() => ({
    id: model.freshId(),
    lane: stationName,
    priorityClass: 1 as const,
    isShort: false,
    isDue: false,
    body: '',
  }));
  const records = entries.map(({ id, lane }, at) => ({
    e: 'notice' as const,
    id,
    d: id,
    lane,
    cls: 1,
    of: of[at]?.id ?? '',
    code: 'DELIVER_EXPIRED',
    t: 0,
  }));
  return { entries, records };
};

export const listOf = (entries: readonly NewModelEntry[], isHoldShort = false): readonly LaneEntries[] => {
  const list = new LaneEntryList();
  for (const entry of entries) {
    const ttlMs = !entry.isDue || isHoldShort ? 0 : entry.isShort ? SHORT_MS : LONG_MS;
    list.add(entry.lane, entry.priorityClass, { bytes: bytesOf(entry), ttlMs });
  }
  return list.all;
};

export const bodiesOf = (entries: readonly ModelEntry[]): readonly string[] =>
  entries.flatMap(({ body }) => (body === '' ? [] : [body]));
