import type { Agency, Directory } from '../directory/directory.ts';
import { stationLane, type DeliveryPlan } from '../message/delivery.ts';

/** Codes without repeats, in the order written, each with the agencies behind it. */
export type Codes = ReadonlyMap<string, readonly string[]>;

/**
 * One ORI, one station by its mnemonic, or one state asked a question: on the topic, on the agency's station lanes, or both, as the
 * agency wants it. A `station` named by mnemonic is the only lane then.
 */
export function singlePlans(
  destination: string,
  agencyId: string,
  directory: Directory,
  station?: string,
): DeliveryPlan[] {
  const recipients = [agencyId];
  const agency = directory.agencies.get(agencyId);
  const own = stationsOf(agency);
  const lanes = (station === undefined || own.length === 0 ? own : [station]).map(stationLane);
  const plans: DeliveryPlan[] = lanes.map((lane) => ({ lane, destination, groups: [], recipients }));
  if (agency?.delivery === 'station') return plans;
  return [{ lane: 'point-to-point', destination, groups: [], recipients }, ...plans];
}

/**
 * Everything that reaches many: one plan on the broadcast topic, sealed to the codes themselves, also where every member
 * is reached by station (terminals subscribe to codes); then one a station, however many codes reach it. `fromStation`
 * knows its own bulletin already.
 */
export function broadcastPlans(codes: Codes, directory: Directory, fromStation: string): DeliveryPlan[] {
  if (codes.size === 0) return [];
  const all = [...codes.keys()];
  const reached = new Map<string, { readonly agency: string; readonly groups: Set<string> }>();
  for (const [code, agencies] of codes) {
    for (const agency of agencies) {
      for (const station of stationsOf(directory.agencies.get(agency))) {
        const known = reached.get(station);
        if (known === undefined) reached.set(station, { agency, groups: new Set([code]) });
        else known.groups.add(code);
      }
    }
  }
  reached.delete(fromStation);
  return [
    { lane: 'broadcast', destination: '', groups: all, recipients: all },
    ...Array.from(reached, ([station, { agency, groups }]) => ({
      lane: stationLane(station),
      destination: '',
      groups: [...groups],
      recipients: [agency],
    })),
  ];
}

/** Stations of the agency that get a copy; none where it takes its copies from the topic only. */
function stationsOf(agency: Agency | undefined): readonly string[] {
  if (agency === undefined || agency.delivery === 'topic') return [];
  return agency.stationPolicy === 'all' ? agency.stations : agency.stations.slice(0, 1);
}
