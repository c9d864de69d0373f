import { destinationKindOf, isBroadcast, keyOf } from '../dialect/dialect.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import type { DeliveryPlan } from '../message/delivery.ts';
import type { ValidMessage } from '../message/message.ts';
import type { Outcome, Refusal } from '../message/refusal.ts';
import { expand, type Reached } from './expand.ts';
import { broadcastPlans, singlePlans } from './plans.ts';
import { type StationFaces, uncarried } from './uncarried.ts';

export type { StationFace, StationFaces } from './uncarried.ts';

/** What the topics have subscriptions for: destinations of point-to-point messages, codes of broadcasts. */
export type Reach = { readonly destinations: ReadonlySet<string>; readonly groups: ReadonlySet<string> };

/**
 * Turns what the sender wrote into deliveries, all or none: one unknown destination refuses the message, naming each.
 *
 * An ORI, a mnemonic, or a state asked a question, is one point-to-point plan each, in the order written, or one for each station lane
 * its agency takes copies on, or both (the topic's first). Whatever reaches many becomes ONE broadcast plan, after those,
 * whose groups are the codes written with regions and all-points expanded, without repeats: a state named by itself and
 * through its region gets one copy (domain sheet 3.5). Last come the stations a broadcast reaches, one plan each with the
 * codes that reached it. `fromStation`, the sending line's, gets no copy of its own broadcast. What a network hands on to
 * nobody but itself is refused: sent back, it would come again.
 *
 * `reach`: what the topics' subscriptions get. What would go to a topic and be nobody's there is refused, also when it would reach
 * stations, and a region or all points when one of its codes has nobody. Undefined: everything has somebody.
 *
 * `faces`: stations that read another face of the message, an XML document where it came as text or the other way round. Where one that
 * it is written to would get nothing of it, or a part and takes none, the message is refused; one that a broadcast reaches only misses its
 * own copy. Undefined: all read the same.
 */
export function route(
  message: ValidMessage,
  directory: Directory,
  dialect: Dialect,
  fromStation: string,
  reach?: Reach,
  faces?: StationFaces,
): Outcome<readonly DeliveryPlan[]> {
  const key = keyOf(dialect, message.messageKey);
  if (key?.kind === 'session') return toTheSwitch(message, directory);
  const sender = directory.stations.get(fromStation)?.agency;
  const refusals: Refusal[] = [];
  /** Code to what it reaches; a map keeps the order written and drops repeats. */
  const single = new Map<string, Reached>();
  const toMany = new Map<string, readonly string[]>();
  for (const { text, offset, isImplied } of message.destinations) {
    const kind = destinationKindOf(text, dialect);
    const reached = kind === undefined ? 'ROUTE_DESTINATION_UNKNOWN' : expand(text, kind, directory, dialect);
    if (typeof reached === 'string') {
      // What is implied stands nowhere: the message key is where it comes from.
      const length = isImplied ? message.messageKey.length : text.length;
      refusals.push({ code: reached, field: 'destination', offset, length });
      continue;
    }
    if (message.isRelayed && reached.every(({ agencies }) => agencies.every((one) => one === sender))) {
      refusals.push({ code: 'ROUTE_DESTINATION_SENDER', field: 'destination', offset, length: text.length });
      continue;
    }
    const isToMany = key !== undefined && kind !== undefined && isBroadcast(key, kind);
    if (reach !== undefined && !reached.every((one) => hasSubscription(one, isToMany, reach, directory))) {
      const length = isImplied ? message.messageKey.length : text.length;
      const code = 'ROUTE_DESTINATION_NO_SUBSCRIPTION';
      refusals.push({ code, field: 'destination', offset, length });
      continue;
    }
    for (const one of reached) {
      if (isToMany) toMany.set(one.code, one.agencies);
      else single.set(one.code, one);
    }
  }
  if (isSome(refusals)) return { ok: false, refusals };
  const toOne = Array.from(single.values(), ({ code, agencies, station }) =>
    agencies.flatMap((agency) => singlePlans(code, agency, directory, station)),
  ).flat();
  const plans = [...toOne, ...broadcastPlans(toMany, directory, fromStation)];
  const left = faces === undefined ? [] : uncarried(message, dialect, plans, faces);
  return isSome(left) ? { ok: false, refusals: left } : { ok: true, value: plans };
}

function isSome(refusals: readonly Refusal[]): refusals is readonly [Refusal, ...Refusal[]] {
  return refusals.length > 0;
}

/** A log-on or log-off goes no further, and is for us only when it says so. */
function toTheSwitch(
  { destinations }: ValidMessage,
  { gatewayOri }: Directory,
): Outcome<readonly DeliveryPlan[]> {
  const other = destinations.find(({ text }) => text !== gatewayOri);
  if (other === undefined) return { ok: true, value: [] };
  const { text, offset } = other;
  const refusal: Refusal = {
    code: 'ROUTE_DESTINATION_UNKNOWN',
    field: 'destination',
    offset,
    length: text.length,
  };
  return { ok: false, refusals: [refusal] };
}

/** Of one, only what goes to the topic needs somebody there; a broadcast always goes. */
function hasSubscription(
  { code, agencies }: Reached,
  isToMany: boolean,
  { destinations, groups }: Reach,
  directory: Directory,
): boolean {
  if (isToMany) return groups.has(code);
  const isByStation = agencies.every((id) => directory.agencies.get(id)?.delivery === 'station');
  return isByStation || destinations.has(code);
}
