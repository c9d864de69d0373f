import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StationProfile } from './station-profile.ts';

const source = 'Invented for load tests: county 099 does not exist';
export const gatewayOri = 'CAGWY0000';

/** The directory of a profile: one agency, one station and one line for each of its stations. Answers the folder. */
export const writeStationDirectory = (folder: string, profile: StationProfile): string => {
  const path = join(folder, 'load-directory');
  mkdirSync(path, { recursive: true });
  const put = (name: string, content: object): void => {
    writeFileSync(join(path, name), JSON.stringify({ source, ...content }));
  };
  const { agencies, states, groups, stations } = profile;
  put('directory.json', { gatewayOri });
  put('agencies.json', {
    agencies: agencies.map(({ at, id, ori, name, isByStation }) => ({
      id,
      title: `${id} (invented)`,
      oris: [ori],
      stations: at < stations ? [name] : [],
      delivery: isByStation ? 'station' : 'topic',
    })),
  });
  put('states.json', {
    states: states.map(({ code, system }) => ({ code, title: code, system: agencies[system]?.id })),
  });
  put('groups.json', {
    groups: groups.map(({ code, members }) => ({
      code,
      title: `Bulletin group ${code}`,
      members: members.map((member) => agencies[member]?.id),
    })),
  });
  put('lines.json', {
    lines: agencies.slice(0, stations).map(({ at, id, ori, name, confirm }) => ({
      name,
      agency: id,
      station: name,
      host: '127.0.0.1',
      // A site gives each line a free port of its own.
      port: 1 + at,
      dialect: 'nlets-legacy',
      confirm,
      ackTimeoutMs: 20_000,
      frameTimeoutMs: 20_000,
      sessionsMax: 1,
      oris: [ori],
      keys: 'all',
      mayBroadcast: true,
      mayAllPoints: false,
    })),
  });
  return path;
};
