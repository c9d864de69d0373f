import { parseArgs } from 'node:util';
import { linesMax } from './installation.ts';
import { stationsMax } from './station-profile.ts';

const STATIONS_A_GENERATOR = 1_000;

export type LoadOptions = {
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Messages a second in an open loop; 0 for a closed loop. */
  readonly rate: number;
  readonly lines: number;
  /** Stations of the generated profile; 0 for the fixed lines that send to topics only. */
  readonly stations: number;
  readonly byStationPercent: number;
  readonly generators: number;
  readonly window: number;
  readonly lag: number;
  readonly durability: 'fsync' | 'everysec';
  readonly json: boolean;
  readonly help: boolean;
  readonly out: string | undefined;
  readonly profile: string | undefined;
  readonly pauses: string | undefined;
};

export const usage = `npm run load -- [--seconds 8] [--rate N] [--lines 16] [--window 512] [--lag 1024] [--warmup 2]
               [--stations N [--by-station 40] [--generators 1]]
               [--durability fsync|everysec] [--json] [--out DIR] [--profile DIR] [--pauses DIR]
  --stations N  N agencies, stations and lines instead of --lines, 1 to 5000; part of them are delivered to on their lines
  --by-station PERCENT  how many of them
  --generators N        processes that hold the stations; 1, above 1,000 stations 2
  --rate N      open loop: N messages a second, latency from the intended send time; without it a closed loop
  --window N    closed loop: messages without an answer, all lines together
  --lag N       closed loop: deliveries accepted and not yet drained, at most
  --out DIR     also writes result.json there
  --profile DIR each process of the switch writes a CPU profile there; read them with: node loadtest/profile.ts DIR
  --pauses DIR  each process of the switch writes its garbage collections and event-loop delays there`;

/** Throws with the reason when an option is unknown or out of bounds. */
export const readOptions = (args: readonly string[]): LoadOptions => {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      rate: { type: 'string' },
      lines: { type: 'string' },
      stations: { type: 'string' },
      'by-station': { type: 'string' },
      generators: { type: 'string' },
      window: { type: 'string' },
      lag: { type: 'string' },
      durability: { type: 'string' },
      json: { type: 'boolean' },
      out: { type: 'string' },
      profile: { type: 'string' },
      pauses: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const number = (name: keyof typeof values, fallback: number, min: number, max: number): number => {
    const value = Number(values[name] ?? fallback);
    if (!(value >= min && value <= max)) throw new Error(`--${name} is ${String(min)} to ${String(max)}`);
    return value;
  };
  const stations = Math.floor(number('stations', 0, 0, stationsMax));
  const lines = stations > 0 ? stations : Math.floor(number('lines', 16, 1, linesMax));
  const generators = Math.floor(number('generators', stations > STATIONS_A_GENERATOR ? 2 : 1, 1, 16));
  if (generators > Math.max(1, stations)) throw new Error('--generators is for stations, at most one each');
  const durability = values.durability ?? 'fsync';
  if (durability !== 'fsync' && durability !== 'everysec')
    throw new Error('--durability is fsync or everysec');
  return {
    seconds: number('seconds', 8, 0.5, 3_600),
    warmupSeconds: number('warmup', 2, 0, 600),
    rate: number('rate', 0, 0, 1_000_000),
    lines,
    stations,
    byStationPercent: number('by-station', 40, 0, 100),
    generators,
    window: Math.floor(number('window', 512, stations > 0 ? generators : lines, 65_536)),
    lag: Math.floor(number('lag', 1_024, 1, 1_000_000)),
    durability,
    json: values.json === true,
    help: values.help === true,
    out: values.out,
    profile: values.profile,
    pauses: values.pauses,
  };
};
