import type { CheckedFolder } from '../dialect/checked-file.ts';

type Named<K extends string> = Readonly<Record<K, string>>;
type AgencyEntry = { readonly stations: readonly string[]; readonly delivery: 'topic' | 'station' | 'both' };
type NamedStations = {
  readonly id: string;
  readonly stations: readonly string[];
  readonly mnemonics?: Readonly<Record<string, string>> | undefined;
};
type LineEntry = {
  readonly agency: string;
  readonly station: string;
  readonly host: string;
  readonly port: number;
  readonly oris: readonly string[];
};

/** Entries by one of their names; throws where two share it. */
export function uniqueMap<K extends string, T extends Named<K>>(
  entries: readonly T[],
  key: K,
  pointer: string,
  file: string,
  files: CheckedFolder,
): Map<string, T> {
  const map = new Map<string, T>();
  for (const [at, entry] of entries.entries()) {
    if (map.has(entry[key])) throw files.fault(file, `${pointer}/${String(at)}/${key}`, 'is taken');
    map.set(entry[key], entry);
  }
  return map;
}

/** States and groups name agencies that exist. */
export function checkMembers(
  states: readonly { readonly system: string }[],
  groups: readonly { readonly members: readonly string[] }[],
  agencies: ReadonlyMap<string, AgencyEntry>,
  files: CheckedFolder,
): void {
  for (const [at, { system }] of states.entries()) {
    if (!agencies.has(system)) {
      throw files.fault('states.json', `/states/${String(at)}/system`, 'is not an agency');
    }
  }
  for (const [at, { members }] of groups.entries()) {
    const unknown = members.findIndex((member) => !agencies.has(member));
    if (unknown !== -1) {
      throw files.fault(
        'groups.json',
        `/groups/${String(at)}/members/${String(unknown)}`,
        'is not an agency',
      );
    }
  }
}

/**
 * A line belongs to a station of an agency and has an address of its own. Its ORIs must exist but may be other
 * agencies': a county's line serves those behind it (domain sheet section 1).
 */
export function checkLine(
  line: LineEntry,
  at: number,
  lines: readonly LineEntry[],
  agencies: ReadonlyMap<string, AgencyEntry>,
  oris: ReadonlyMap<string, string>,
  files: CheckedFolder,
): void {
  const wrong = (name: string, text: string) =>
    files.fault('lines.json', `/lines/${String(at)}/${name}`, text);
  const agency = agencies.get(line.agency);
  if (agency === undefined) throw wrong('agency', 'is not an agency');
  if (!agency.stations.includes(line.station)) throw wrong('station', 'is not a station of the agency');
  const unknown = line.oris.findIndex((ori) => !oris.has(ori));
  if (unknown !== -1) throw wrong(`oris/${String(unknown)}`, 'is no agency’s ORI');
  if (lines.findIndex(({ host, port }) => host === line.host && port === line.port) !== at) {
    throw wrong('port', 'is taken on this host');
  }
}

/**
 * A station belongs to one agency: a lane is named after it. An agency that delivers to stations has some, and each is
 * served by a line, or copies would wait where nobody comes for them.
 */
export function checkStations(
  agencies: readonly AgencyEntry[],
  lines: readonly LineEntry[],
  files: CheckedFolder,
): void {
  const wrong = (pointer: string, text: string) => files.fault('agencies.json', `/agencies/${pointer}`, text);
  const served = new Set(lines.map(({ station }) => station));
  const taken = new Set<string>();
  for (const [at, { stations, delivery }] of agencies.entries()) {
    if (delivery !== 'topic' && stations.length === 0) {
      throw wrong(`${String(at)}/stations`, 'must name a station: the agency delivers to stations');
    }
    for (const [stationAt, station] of stations.entries()) {
      const pointer = `${String(at)}/stations/${String(stationAt)}`;
      if (taken.has(station)) throw wrong(pointer, 'is taken');
      taken.add(station);
      if (delivery !== 'topic' && !served.has(station)) throw wrong(pointer, 'is served by no line');
    }
  }
}

/** Mnemonics to the stations they name. Each names a station of its own agency, and no two agencies have the same. */
export function mnemonicsOf(
  agencies: readonly NamedStations[],
  files: CheckedFolder,
): Map<string, { readonly agency: string; readonly station: string }> {
  const named = new Map<string, { readonly agency: string; readonly station: string }>();
  for (const [at, { id, stations, mnemonics = {} }] of agencies.entries()) {
    for (const [mnemonic, station] of Object.entries(mnemonics)) {
      const wrong = (text: string) =>
        files.fault('agencies.json', `/agencies/${String(at)}/mnemonics/${mnemonic}`, text);
      if (named.has(mnemonic)) throw wrong('is taken');
      if (!stations.includes(station)) throw wrong('is not a station of the agency');
      named.set(mnemonic, { agency: id, station });
    }
  }
  return named;
}

/** A line that nobody can log on to would take no message at all. */
export function checkUsers(
  lines: readonly { readonly logOn?: { readonly users: readonly string[] } | undefined }[],
  users: ReadonlyMap<string, unknown>,
  files: CheckedFolder,
): void {
  for (const [at, { logOn }] of lines.entries()) {
    const unknown = logOn?.users.findIndex((user) => !users.has(user)) ?? -1;
    if (unknown === -1) continue;
    const pointer = `/lines/${String(at)}/logOn/users/${String(unknown)}`;
    throw files.fault('lines.json', pointer, 'is no user of users.json');
  }
}
