import { createHash } from 'node:crypto';
import { CheckedFolder, deepFreeze } from '../dialect/checked-file.ts';
import { canonical } from './canonical.ts';
import { uniqueMap, checkLine, checkMembers } from './cross-checks.ts';
import { agenciesFile, directoryFile, groupsFile, linesFile, statesFile } from './file-kinds.ts';

export type Line = {
  readonly name: string;
  readonly agency: string;
  readonly station: string;
  readonly host: string;
  readonly port: number;
  readonly dialect: string;
  readonly confirm: 'link' | 'application' | 'none';
  readonly ackTimeoutMs: number;
  readonly frameTimeoutMs: number;
  readonly sessionsMax: number;
  readonly oris: ReadonlySet<string>;
  readonly keys: ReadonlySet<string> | 'all';
  readonly mayBroadcast: boolean;
  readonly mayAllPoints: boolean;
};

export type Agency = {
  readonly id: string;
  readonly title: string;
  readonly oris: readonly string[];
  readonly stations: readonly string[];
};

/** `system`: the agency that answers inquiries for the state. */
export type State = { readonly code: string; readonly title: string; readonly system: string };

export type Group = { readonly code: string; readonly title: string; readonly members: readonly string[] };

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
};

/**
 * Reads a directory folder into frozen objects. Throws DIRECTORY_INVALID naming file and JSON pointer, never a value.
 * Whether a line's dialect exists is wiring's to check: it loads both.
 */
export function loadDirectory(folder: string): Directory {
  const files = new CheckedFolder(folder, 'DIRECTORY_INVALID');
  const head = files.json('directory.json', directoryFile);
  const { agencies } = files.json('agencies.json', agenciesFile);
  const { states } = files.json('states.json', statesFile);
  const { groups } = files.json('groups.json', groupsFile);
  const { lines } = files.json('lines.json', linesFile);
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

  return deepFreeze({
    version: versionOf({ gatewayOri, agencies, states, groups, lines }),
    gatewayOri,
    lines: uniqueMap(lines.map(lineOf), 'name', '/lines', 'lines.json', files),
    agencies: agencyById,
    oris: agencyOfOri,
    states: uniqueMap(states, 'code', '/states', 'states.json', files),
    groups: uniqueMap(groups, 'code', '/groups', 'groups.json', files),
  });
}

type LineFile = Omit<Line, 'oris' | 'keys'> & { readonly oris: string[]; readonly keys: 'all' | string[] };

function lineOf(line: LineFile): Line {
  return { ...line, oris: new Set(line.oris), keys: line.keys === 'all' ? 'all' : new Set(line.keys) };
}

function versionOf(content: unknown): string {
  return createHash('sha256').update(canonical(content)).digest('hex').slice(0, 16);
}
