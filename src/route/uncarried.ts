import type { Dialect } from '../dialect/dialect.ts';
import type { Line } from '../directory/directory.ts';
import { type Dropped, fieldNameOf, isNothing, notCarried } from '../face/face.ts';
import type { DeliveryPlan } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';

/** What a line of a station reads, and whether that station would rather have nothing than a part. */
export type StationFace = { readonly dialect: Dialect; readonly whenNotCarried: Line['whenNotCarried'] };

/**
 * By the dialect that a message came in, the lanes of stations with a line that reads another face of it. A dialect is missing where every
 * station reads the same.
 */
export type StationFaces = ReadonlyMap<string, ReadonlyMap<string, readonly StationFace[]>>;

/** As many as validate names. */
const refusalsMax = 16;

/**
 * Parts of a message that stations it is written to would not get: those of a station that takes nothing in part, and a message of which a
 * station would get nothing. Which of its lines a station will be on nobody knows yet, so each of them counts. A copy of a broadcast is not
 * asked about: the others get theirs whatever one station can read, and its own is a dead letter when its turn comes.
 */
export function uncarried(
  message: Message,
  dialect: Dialect,
  plans: readonly DeliveryPlan[],
  faces: StationFaces,
): readonly Refusal[] {
  const others = faces.get(dialect.name);
  if (others === undefined) return [];
  const found = new Map<string, Refusal>();
  for (const { lane, groups } of plans) {
    if (groups.length > 0) continue;
    for (const face of others.get(lane) ?? []) {
      const dropped = notCarried(message, dialect, face.dialect);
      if (face.whenNotCarried !== 'refuse' && !isNothing(dropped)) continue;
      for (const one of dropped) found.set(`${one.kind} ${one.name} ${String(one.offset)}`, refusalOf(one));
    }
  }
  return [...found.values()].slice(0, refusalsMax);
}

function refusalOf(dropped: Dropped): Refusal {
  const { offset, length } = dropped;
  return { code: 'ROUTE_NOT_CARRIED', field: fieldNameOf(dropped), offset, length };
}
