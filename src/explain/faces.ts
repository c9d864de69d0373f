import type { Dialect } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import { hasNote, isNothing, notCarried } from '../face/face.ts';
import type { DeliveryPlan } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';

/** A copy of a message: where it goes, and, for a station, the line and dialect it is written in and what that leaves out. */
export type Copy = {
  readonly lane: string;
  readonly to: string;
  readonly recipients: readonly string[];
  readonly face?: {
    readonly line: string;
    readonly dialect: string;
    readonly leavesOut: readonly string[];
    /** It would be a dead letter: the station gets nothing in part, or there is nothing to give. */
    readonly isWithheld: boolean;
  };
};

const stationMark = 'station.';

/** What becomes of a message's deliveries. A station gets its copy in the dialect of its first line. */
export function copiesOf(
  message: Message,
  plans: readonly DeliveryPlan[],
  from: Dialect,
  directory: Directory,
  dialectOf: (name: string) => Dialect,
): readonly Copy[] {
  return plans.map(({ lane, destination, groups, recipients }): Copy => {
    const copy = { lane, to: destination === '' ? groups.join(' ') : destination, recipients };
    const station = lane.startsWith(stationMark)
      ? directory.stations.get(lane.slice(stationMark.length))
      : undefined;
    const line = directory.lines.get(station?.lines[0] ?? '');
    if (line === undefined) return copy;
    const to = dialectOf(line.dialect);
    const dropped = notCarried(message, from, to);
    const takesPart = line.whenNotCarried === 'deliver-with-note' && hasNote(to);
    const isWithheld = isNothing(dropped) || (dropped.length > 0 && !takesPart);
    const leavesOut = dropped.map(({ kind, name }) => `${kind} ${name}`.trimEnd());
    return { ...copy, face: { line: line.name, dialect: line.dialect, leavesOut, isWithheld } };
  });
}
