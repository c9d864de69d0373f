import type { KeySpace } from './identity.ts';

export const stationsMax = 5_000;
const STATES = ['CA', 'NV', 'OR', 'WA', 'AZ'] as const;
/** Numbers below this one are other tests'; nnnn of `<STATE>099nnnn`, 1001 to 2000. */
const ORI_NUMBER_MIN = 1_001;
/** So that a message finds addressees even where one station is all there is. */
const AGENCIES_MIN = 10;
const GROUPS_MAX = 99;
const GROUP_MEMBERS_MIN = 10;
const GROUP_MEMBERS_SPAN = 41;
/** Of the stations that are delivered to, every twentieth confirms by a receipt: 5 %. */
const APPLICATION_EVERY = 20;
const APPLICATION_AT = 2;

/** An agency with its one station; those from `stations` on have none and take their copies from the topic. */
export type Agency = {
  readonly at: number;
  readonly id: string;
  readonly ori: string;
  /** Its station and its line have this name. */
  readonly name: string;
  readonly isByStation: boolean;
  readonly confirm: 'link' | 'application';
};

export type StationProfile = {
  readonly stations: number;
  readonly byStationPercent: number;
  readonly agencies: readonly Agency[];
  /** `system` is the place of the agency in `agencies`. */
  readonly states: readonly { readonly code: string; readonly system: number }[];
  readonly groups: readonly { readonly code: string; readonly members: readonly number[] }[];
  readonly space: KeySpace;
};

/** So many stations of invented agencies, the same for the same two numbers. The first five agencies answer for the five states. */
export const stationProfile = (stations: number, byStationPercent: number): StationProfile => {
  const count = Math.max(stations, AGENCIES_MIN);
  const before = (at: number): number => Math.floor((Math.min(at, stations) * byStationPercent) / 100);
  const agencies = Array.from({ length: count }, (_, at): Agency => {
    const state = STATES[at % STATES.length] ?? '';
    const isByStation = before(at + 1) > before(at);
    const isApplication = isByStation && before(at) % APPLICATION_EVERY === APPLICATION_AT;
    return {
      at,
      id: `agency-${String(at).padStart(4, '0')}`,
      ori: `${state}099${String(ORI_NUMBER_MIN + Math.floor(at / STATES.length))}`,
      name: `load-${String(at).padStart(4, '0')}`,
      isByStation,
      confirm: isApplication ? 'application' : 'link',
    };
  });
  return {
    stations,
    byStationPercent,
    agencies,
    states: STATES.map((code, system) => ({ code, system })),
    groups: groupsOf(count),
    space: { lines: stations, places: 2 * count + STATES.length + 1 },
  };
};

/** One for every twenty agencies, 10 to 50 members each, spread over all. */
const groupsOf = (agencies: number): StationProfile['groups'] => {
  const count = Math.min(GROUPS_MAX, Math.ceil(agencies / 20));
  return Array.from({ length: count }, (_, at) => {
    const size = Math.min(agencies, GROUP_MEMBERS_MIN + ((at * 17) % GROUP_MEMBERS_SPAN));
    const first = Math.floor((at * agencies) / count);
    return {
      code: `GBN${String(at + 1).padStart(2, '0')}`,
      members: Array.from({ length: size }, (_, member) => (first + member) % agencies),
    };
  });
};

/** Places of deliveries in their keys: to an agency's ORI, to a state, the broadcast's topic copy, and its copies to stations. */
export const agencyPlace = (at: number): number => at;
export const statePlace = (profile: StationProfile, at: number): number => profile.agencies.length + at;
export const broadcastPlace = (profile: StationProfile): number =>
  profile.agencies.length + profile.states.length;
export const copyPlace = (profile: StationProfile, at: number): number => broadcastPlace(profile) + 1 + at;

/** What the `destination` property of topic deliveries may say, each at its place. */
export const topicTextsOf = ({ agencies, states }: StationProfile): readonly string[] => [
  ...agencies.map(({ ori }) => ori),
  ...states.map(({ code }) => code),
  '',
];

/** What results say of the profile, counted from it. */
export const profileSummary = (profile: StationProfile) => {
  const lines = profile.agencies.slice(0, profile.stations);
  const sizes = profile.groups.map(({ members }) => members.length);
  return {
    stations: profile.stations,
    deliveredByStation: lines.filter(({ isByStation }) => isByStation).length,
    ofThemByApplication: lines.filter(({ confirm }) => confirm === 'application').length,
    statesByStation: profile.states.filter(({ system }) => profile.agencies[system]?.isByStation).length,
    states: profile.states.length,
    groups: sizes.length,
    groupMembers: { min: Math.min(...sizes), max: Math.max(...sizes) },
  };
};
