import { isStationLane, type LaneName, type PriorityClass } from '../message/delivery.ts';
import type { SlotKeys } from './keys.ts';
import type { ScriptArgument } from './script-call.ts';

/** An entry on its way to a lane. `ttlMs`: how long it may wait; 0: as long as lanes hold anything. */
export type NewEntry = { readonly bytes: Buffer; readonly ttlMs: number };

/** Entries for one lane and class, in order. */
export type LaneEntries = {
  readonly lane: LaneName;
  readonly priorityClass: PriorityClass;
  readonly entries: readonly NewEntry[];
};

/** Collects entries by lane and class, in the order in which they are added. */
export class LaneEntryList {
  readonly #lanes = new Map<LaneName, Map<PriorityClass, NewEntry[]>>();

  add(lane: LaneName, priorityClass: PriorityClass, entry: NewEntry): void {
    let classes = this.#lanes.get(lane);
    if (classes === undefined) this.#lanes.set(lane, (classes = new Map<PriorityClass, NewEntry[]>()));
    const entries = classes.get(priorityClass);
    if (entries === undefined) classes.set(priorityClass, [entry]);
    else entries.push(entry);
  }

  get all(): readonly LaneEntries[] {
    return [...this.#lanes].flatMap(([lane, classes]) =>
      [...classes].map(([priorityClass, entries]) => ({ lane, priorityClass, entries })),
    );
  }
}

/** Doorbell argument of the scripts. */
export const bellOf = (lane: string): 0 | 1 => (isStationLane(lane) ? 1 : 0);

/**
 * Adds lanes, parts of the same one joined, to a script call in the scripts' order: keys meta and a stream a class; arguments name, bell,
 * what `limits` says, number of classes, and for each class its number, count and entries. Answers how many lanes.
 */
export const pushLanes = (
  lanes: readonly LaneEntries[],
  keys: SlotKeys,
  limits: readonly number[],
  call: { readonly keys: string[]; readonly args: ScriptArgument[] },
): number => {
  const byLane = new Map<LaneName, Map<PriorityClass, NewEntry[]>>();
  for (const { lane, priorityClass, entries } of lanes) {
    const classes = byLane.get(lane) ?? new Map<PriorityClass, NewEntry[]>();
    classes.set(priorityClass, [...(classes.get(priorityClass) ?? []), ...entries]);
    byLane.set(lane, classes);
  }
  for (const [lane, classes] of byLane) {
    call.keys.push(keys.laneMeta(lane));
    call.args.push(lane, bellOf(lane), ...limits, classes.size);
    for (const [priorityClass, entries] of classes) {
      call.keys.push(keys.lane(lane, priorityClass));
      call.args.push(priorityClass, entries.length);
      for (const { bytes, ttlMs } of entries) call.args.push(ttlMs, bytes);
    }
  }
  return byLane.size;
};
