import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeySpace } from './identity.ts';

const source = 'Invented for load tests: county 099 does not exist';

export const linesMax = 512;
/** Of the fixed mix: a message of a line, and where in its list of destinations a delivery goes. */
export const linesSpace: KeySpace = { lines: linesMax, places: 16 };

export const lineName = (at: number): string => `load-${String(at).padStart(3, '0')}`;
/** CA0990 and three digits of its own, from 101: the agencies written to have other numbers. */
export const lineOri = (at: number): string => `CA099${String(1001 + at)}`;

/** A directory of one agency with this many lines, and of those it writes to. */
export const writeDirectory = (folder: string, lines: number): string => {
  const path = join(folder, 'load-directory');
  mkdirSync(path, { recursive: true });
  const put = (name: string, content: object): void => {
    writeFileSync(join(path, name), JSON.stringify({ source, ...content }));
  };
  const all = Array.from({ length: lines }, (_, at) => at);
  const agency = (id: string, ori: string) => ({ id, title: `${id} (invented)`, oris: [ori], stations: [] });
  put('directory.json', { gatewayOri: 'CAGWY0000' });
  put('agencies.json', {
    agencies: [
      { id: 'ca-load', title: 'Load (invented)', oris: all.map(lineOri), stations: all.map(lineName) },
      agency('ca-marshal', 'CA0990200'),
      agency('nv-sheriff', 'NV0990300'),
      agency('nv-system', 'NV0999000'),
      agency('or-system', 'OR0999000'),
    ],
  });
  put('states.json', {
    states: [
      { code: 'NV', title: 'Nevada', system: 'nv-system' },
      { code: 'OR', title: 'Oregon', system: 'or-system' },
    ],
  });
  put('groups.json', {
    groups: [{ code: 'GBN01', title: 'Bulletin group', members: ['ca-marshal', 'nv-sheriff'] }],
  });
  put('lines.json', {
    lines: all.map((at) => ({
      name: lineName(at),
      agency: 'ca-load',
      station: lineName(at),
      host: '127.0.0.1',
      port: 1 + at,
      dialect: 'nlets-legacy',
      confirm: 'link',
      ackTimeoutMs: 20_000,
      frameTimeoutMs: 20_000,
      sessionsMax: 1,
      oris: [lineOri(at)],
      keys: 'all',
      mayBroadcast: true,
      mayAllPoints: false,
    })),
  });
  return path;
};

/** Both topics with duplicate detection, as in production, and one subscription each that takes everything. */
export const writeBusConfig = (folder: string): string => {
  const path = join(folder, 'load-bus.json');
  const topic = (name: string) => ({
    Name: name,
    Properties: {
      DefaultMessageTimeToLive: 'P1D',
      DuplicateDetectionHistoryTimeWindow: 'PT1H',
      RequiresDuplicateDetection: true,
    },
    Subscriptions: [
      {
        Name: 'all',
        Properties: {
          DeadLetteringOnMessageExpiration: true,
          DefaultMessageTimeToLive: 'P1D',
          LockDuration: 'PT30S',
          MaxDeliveryCount: 10,
        },
        Rules: [
          {
            Name: '$Default',
            Properties: { FilterType: 'Sql', SqlFilter: { SqlExpression: '1=1' } },
          },
        ],
      },
    ],
  });
  const Topics = [topic('point-to-point'), topic('broadcast')];
  writeFileSync(path, JSON.stringify({ UserConfig: { Namespaces: [{ Name: 'sbemulatorns', Topics }] } }));
  return path;
};
