import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeySpace } from './identity.ts';
import { gatewayOri } from './station-directory.ts';

const source = 'Invented for load tests: county 099 does not exist';
export const heldLinesMax = 64;
export const heldSpace: KeySpace = { lines: heldLinesMax, places: 1 };

/** Stations that are away at first: one whose lane grows deep, two whose lanes stay small, one for what is sent before measuring. */
export const awayStations = ['deep', 'small-before', 'small-after', 'warm-up'] as const;
export type AwayStation = (typeof awayStations)[number];

export const awayOri = (station: AwayStation): string =>
  `NV099${String(1_001 + awayStations.indexOf(station))}`;
export const sendingLine = (at: number): string => `send-${String(at).padStart(2, '0')}`;
export const sendingOri = (at: number): string => `CA099${String(1_001 + at)}`;

/** A directory of some sending lines and the stations that are away. Answers its folder. */
export const writeHeldDirectory = (folder: string, lines: number): string => {
  const path = join(folder, 'held-directory');
  mkdirSync(path, { recursive: true });
  const put = (name: string, content: object): void => {
    writeFileSync(join(path, name), JSON.stringify({ source, ...content }));
  };
  const senders = Array.from({ length: lines }, (_, at) => ({ name: sendingLine(at), ori: sendingOri(at) }));
  const away = awayStations.map((name) => ({ name, ori: awayOri(name) }));
  put('directory.json', { gatewayOri });
  put('states.json', { states: [] });
  put('groups.json', { groups: [] });
  put('agencies.json', {
    agencies: [
      ...senders.map(({ name, ori }) => agencyOf(name, ori, 'topic')),
      ...away.map(({ name, ori }) => agencyOf(name, ori, 'station')),
    ],
  });
  put('lines.json', {
    lines: [...senders, ...away].map(({ name, ori }, at) => ({
      name,
      agency: name,
      station: name,
      host: '127.0.0.1',
      // A site gives each line a free port of its own.
      port: 1 + at,
      dialect: 'nlets-legacy',
      confirm: 'link',
      ackTimeoutMs: 20_000,
      frameTimeoutMs: 20_000,
      sessionsMax: 1,
      oris: [ori],
      keys: 'all',
      mayBroadcast: false,
      mayAllPoints: false,
    })),
  });
  return path;
};

const agencyOf = (id: string, ori: string, delivery: 'topic' | 'station') => ({
  id,
  title: `${id} (invented)`,
  oris: [ori],
  stations: [id],
  delivery,
});
