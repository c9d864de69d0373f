import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { z } from 'zod';
import { CheckedFolder, deepFreeze } from '../dialect/checked-file.ts';
import { Fault } from '../message/codes.ts';
import { canonical } from './canonical.ts';
import {
  checkLine,
  checkMembers,
  checkStations,
  checkUsers,
  mnemonicsOf,
  uniqueMap,
} from './cross-checks.ts';
import {
  agenciesFile,
  type carryPolicies,
  type deliveryWays,
  directoryFile,
  groupsFile,
  linesFile,
  type stationPolicies,
  statesFile,
  topicsFile,
  topicsSettings,
  usersFile,
} from './file-kinds.ts';

const TOPICS_FILE = 'topics.json';
const USERS_FILE = 'users.json';

export type Line = {
  readonly name: string;
  readonly agency: string;
  readonly station: string;
  readonly host: string;
  readonly port: number;
  readonly dialect: string;
  /** A framing of protocols/framings/; undefined: the dialect's own. */
  readonly framing: string | undefined;
  readonly confirm: 'link' | 'application' | 'none';
  readonly ackTimeoutMs: number;
  readonly frameTimeoutMs: number;
  readonly sessionsMax: number;
  readonly oris: ReadonlySet<string>;
  /** The two letters that ORIs begin with for which a network on this line may speak; empty for an ordinary line. */
  readonly upstream: ReadonlySet<string>;
  readonly keys: ReadonlySet<string> | 'all';
  readonly mayBroadcast: boolean;
  readonly mayAllPoints: boolean;
  readonly outbound: Outbound;
  /** What becomes of a message to this line's station that its dialect cannot carry wholly. */
  readonly whenNotCarried: (typeof carryPolicies)[number];
  /** A session must log on first; undefined: it need not, and cannot. */
  readonly logOn: LogOn | undefined;
};

/** What a line asks of a log-on. Times in ms; every setting is filled in. */
export type LogOn = {
  readonly users: ReadonlySet<string>;
  /** How long a session may go without being logged on. */
  readonly timeoutMs: number;
  /** Refused log-ons after which a session is closed. */
  readonly failuresMax: number;
  /** How long the answer to a refused one is held back. */
  readonly failureDelayMs: number;
};

/** How messages are sent to the station of a line. Times in ms; every setting is filled in. */
export type Outbound = {
  readonly ackTimeoutMs: number;
  /** Link lines: refusal messages are acknowledged too. */
  readonly answersAcked: boolean;
  /** Times the station may refuse one message at the link before it is given up. */
  readonly naksMax: number;
  /** Lines without confirmation: how long a session must live on after a write for it to count as sent. */
  readonly resendMs: number;
};

export type Agency = {
  readonly id: string;
  readonly title: string;
  readonly oris: readonly string[];
  readonly stations: readonly string[];
  readonly delivery: (typeof deliveryWays)[number];
  /** Which stations get a copy where `delivery` is not `topic`: the first of `stations`, or all of them. */
  readonly stationPolicy: (typeof stationPolicies)[number];
};

/** A station that at least one line serves; `lines` in the order of the file. */
export type Station = { readonly id: string; readonly agency: string; readonly lines: readonly string[] };

/** `system`: the agency that answers inquiries for the state. `isService`: a service of the network, and no part of all points. */
export type State = {
  readonly code: string;
  readonly title: string;
  readonly system: string;
  readonly isService: boolean;
};

/** One station, as its network names it. */
export type Mnemonic = { readonly agency: string; readonly station: string };

export type Group = { readonly code: string; readonly title: string; readonly members: readonly string[] };

/** `topics.json`, every setting filled in; without the file, its defaults. */
export type TopicsSettings = z.output<typeof topicsSettings>;

export type Directory = {
  /** First 16 hex digits of SHA-256 over the canonical content: the same content has the same version anywhere. */
  readonly version: string;
  readonly gatewayOri: string;
  readonly lines: ReadonlyMap<string, Line>;
  readonly agencies: ReadonlyMap<string, Agency>;
  /** ORI to the id of the agency it belongs to. */
  readonly oris: ReadonlyMap<string, string>;
  readonly states: ReadonlyMap<string, State>;
  readonly groups: ReadonlyMap<string, Group>;
  readonly mnemonics: ReadonlyMap<string, Mnemonic>;
  /** Every station that a line serves: these are the station lanes there can be, for copies and for a sender's own notices. */
  readonly stations: ReadonlyMap<string, Station>;
  readonly topics: TopicsSettings;
  /** User to the hash of the password. No part of the version: whoever reads that could try passwords against it. */
  readonly passwordHashes: ReadonlyMap<string, string>;
};

/**
 * Reads a directory folder into frozen objects. Throws DIRECTORY_INVALID naming file and JSON pointer, never a value.
 * Whether a line's dialect and framing exist is wiring's to check: it loads both.
 */
export function loadDirectory(folder: string): Directory {
  // Mostly a program that was started in another folder.
  if (!existsSync(folder)) throw new Fault('DIRECTORY_INVALID', `there is no folder ${folder}`);
  const files = new CheckedFolder(folder, 'DIRECTORY_INVALID');
  const head = files.json('directory.json', directoryFile);
  const { agencies } = files.json('agencies.json', agenciesFile);
  const { states } = files.json('states.json', statesFile);
  const { groups } = files.json('groups.json', groupsFile);
  const lines = files.json('lines.json', linesFile).lines.map(filledIn);
  const topics = topicsOf(files);
  const users = files.has(USERS_FILE) ? files.json(USERS_FILE, usersFile).users : [];
  const userByName = uniqueMap(users, 'user', '/users', USERS_FILE, files);
  const { gatewayOri } = head;

  const agencyById = uniqueMap(agencies, 'id', '/agencies', 'agencies.json', files);
  const agencyOfOri = new Map<string, string>();
  for (const [at, { id, oris }] of agencies.entries()) {
    for (const [oriAt, ori] of oris.entries()) {
      if (agencyOfOri.has(ori) || ori === gatewayOri) {
        throw files.fault('agencies.json', `/agencies/${String(at)}/oris/${String(oriAt)}`, 'is taken');
      }
      agencyOfOri.set(ori, id);
    }
  }
  checkMembers(states, groups, agencyById, files);
  for (const [at, line] of lines.entries()) checkLine(line, at, lines, agencyById, agencyOfOri, files);
  checkStations(agencies, lines, files);
  checkUsers(lines, userByName, files);

  return deepFreeze({
    version: versionOf({ gatewayOri, agencies, states, groups, lines, ...changedTopics(topics) }),
    gatewayOri,
    lines: uniqueMap(lines.map(lineOf), 'name', '/lines', 'lines.json', files),
    agencies: agencyById,
    oris: agencyOfOri,
    states: uniqueMap(states.map(stateOf), 'code', '/states', 'states.json', files),
    groups: uniqueMap(groups, 'code', '/groups', 'groups.json', files),
    mnemonics: mnemonicsOf(agencies, files),
    stations: stationsOf(lines),
    topics,
    passwordHashes: new Map(users.map(({ user, hash }) => [user, hash])),
  });
}

const defaultTopics: TopicsSettings = topicsSettings.parse({});

function topicsOf(files: CheckedFolder): TopicsSettings {
  if (!files.has(TOPICS_FILE)) return defaultTopics;
  return topicsSettings.parse(files.json(TOPICS_FILE, topicsFile));
}

/** A file that says what holds without it changes no version. */
function changedTopics(topics: TopicsSettings): { topics?: TopicsSettings } {
  return canonical(topics) === canonical(defaultTopics) ? {} : { topics };
}

function stateOf({ code, title, system, service }: z.output<typeof statesFile>['states'][number]): State {
  return { code, title, system, isService: service ?? false };
}

/** Is a network on this line, which hands on messages of others? */
export function isUpstream(line: Line): boolean {
  return line.upstream.size > 0;
}

/** May this line send as this ORI: one of its own, or one that a network on it speaks for? */
export function mayOriginate(line: Line, ori: string): boolean {
  return line.oris.has(ori) || (line.upstream.size > 0 && line.upstream.has(ori.slice(0, 2)));
}

type LineFile = Omit<Line, 'framing' | 'oris' | 'upstream' | 'keys' | 'logOn'> & {
  readonly framing?: string | undefined;
  readonly oris: string[];
  readonly upstream?: string[] | undefined;
  readonly keys: 'all' | string[];
  readonly logOn?: (Omit<LogOn, 'users'> & { readonly users: string[] }) | undefined;
};

function lineOf(line: LineFile): Line {
  const { framing, keys } = line;
  const [oris, upstream] = [new Set(line.oris), new Set(line.upstream)];
  const logOn = line.logOn && { ...line.logOn, users: new Set(line.logOn.users) };
  return { ...line, framing, oris, upstream, keys: keys === 'all' ? 'all' : new Set(keys), logOn };
}

type FileLine = z.output<typeof linesFile>['lines'][number];

/** Filled in before the version is made: a setting written out is the same content as its default. */
function filledIn(line: FileLine): LineFile {
  const { ackTimeoutMs = line.ackTimeoutMs, answersAcked = false } = line.outbound ?? {};
  const { naksMax = 3, resendMs = 3000 } = line.outbound ?? {};
  const outbound = { ackTimeoutMs, answersAcked, naksMax, resendMs };
  const { whenNotCarried = 'deliver-with-note' } = line;
  if (line.logOn === undefined) return { ...line, outbound, whenNotCarried, logOn: undefined };
  const { users, timeoutMs = 30_000, failuresMax = 3, failureDelayMs = 1000 } = line.logOn;
  return { ...line, outbound, whenNotCarried, logOn: { users, timeoutMs, failuresMax, failureDelayMs } };
}

function stationsOf(lines: readonly LineFile[]): ReadonlyMap<string, Station> {
  const stations = new Map<string, { id: string; agency: string; lines: string[] }>();
  for (const { name, station, agency } of lines) {
    const known = stations.get(station);
    if (known === undefined) stations.set(station, { id: station, agency, lines: [name] });
    else known.lines.push(name);
  }
  return stations;
}

function versionOf(content: unknown): string {
  return createHash('sha256').update(canonical(content)).digest('hex').slice(0, 16);
}
