import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Forked } from './forked.ts';
import { type KeySpace, stampsMax } from './identity.ts';
import { lineName, linesSpace, writeDirectory } from './installation.ts';
import { destinationTexts, mixSummary } from './mix.ts';
import type { LoadOptions } from './options.ts';
import type { GeneratorOrder, GeneratorReport, StationsOrder, StationsReceived } from './parts.ts';
import { senderShares } from './sender-picks.ts';
import { writeStationDirectory } from './station-directory.ts';
import { profileSummary, stationProfile, topicTextsOf } from './station-profile.ts';

const REPORT_MS_MAX = 60_000;
/** A socket and a listener for each station, and what a process needs besides. */
const FILES_BESIDES = 256;

export type SendersPlace = {
  readonly baseNs: string;
  readonly linePorts: ReadonlyMap<string, number>;
  readonly drainedPort: number;
};
export type RunTimes = { readonly firstUs: number; readonly startUs: number; readonly endUs: number };

/** Those who send in a load run, in processes of their own; on a run with stations they receive too. */
export type Senders = {
  readonly space: KeySpace;
  readonly topicTexts: readonly string[];
  readonly mix: object;
  /** Writes the directory they belong to; answers its folder. */
  writeDirectory(folder: string): string;
  start(): Promise<readonly Forked[]>;
  connect(place: SendersPlace): Promise<void>;
  run(
    times: RunTimes,
    expectedFiles: readonly string[],
    waitMsMax: number,
  ): Promise<readonly GeneratorReport[]>;
  /** What stations got, once all has come; files with their keys, one a generator. */
  finish(plainFiles: readonly string[], markedFiles: readonly string[]): Promise<readonly StationsReceived[]>;
};

export const sendersOf = (options: LoadOptions): Senders =>
  options.stations > 0 ? stationSenders(options) : lineSenders(options);

/** The fixed lines: one generator, which opens its connections with the run. */
const lineSenders = (options: LoadOptions): Senders => {
  let generator: Forked;
  let place: SendersPlace;
  return {
    space: linesSpace,
    topicTexts: destinationTexts,
    mix: mixSummary(),
    writeDirectory: (folder) => writeDirectory(folder, options.lines),
    start: async () => {
      generator = await Forked.start('generator');
      return [generator];
    },
    connect: (given) => {
      place = given;
      return Promise.resolve();
    },
    run: async ({ startUs, endUs }, [expectedFile = ''], waitMsMax) => {
      const { baseNs, drainedPort, linePorts } = place;
      const ports = Array.from({ length: options.lines }, (_, at) => linePorts.get(lineName(at)) ?? 0);
      const { rate, window, lag } = options;
      const order = {
        ...{ do: 'run', baseNs, ports, drainedPort, rate, window, lag, startUs, endUs, expectedFile },
      } satisfies GeneratorOrder;
      return [await generator.ask<GeneratorReport>(order, waitMsMax)];
    },
    finish: () => Promise.resolve([]),
  };
};

const stationSenders = (options: LoadOptions): Senders => {
  const { stations, byStationPercent, generators: count, rate, lag } = options;
  checkFiles(2 * stations + FILES_BESIDES);
  const profile = stationProfile(stations, byStationPercent);
  const seconds = Math.floor(stampsMax(profile.space) / 1_000_000) - 2;
  if (options.warmupSeconds + options.seconds > seconds)
    throw new Error(
      `with ${String(stations)} stations a run has at most ${String(seconds)} seconds, warm-up included`,
    );
  let generators: readonly Forked[] = [];
  const askEach = <T>(orderOf: (at: number) => StationsOrder, waitMsMax: number): Promise<T[]> =>
    Promise.all(generators.map((generator, at) => generator.ask<T>(orderOf(at), waitMsMax)));
  return {
    space: profile.space,
    topicTexts: topicTextsOf(profile),
    mix: { ...mixSummary(), profile: profileSummary(profile), senders: senderShares(stations) },
    writeDirectory: (folder) => writeStationDirectory(folder, profile),
    start: async () => {
      generators = await Promise.all(Array.from({ length: count }, () => Forked.start('station-generator')));
      return generators;
    },
    connect: async ({ baseNs, drainedPort, linePorts }) => {
      const ports = profile.agencies.map(({ name }) => linePorts.get(name) ?? 0);
      const order = { do: 'connect', baseNs, stations, byStationPercent, generators: count } as const;
      await askEach((generator) => ({ ...order, generator, ports, drainedPort }), REPORT_MS_MAX);
    },
    run: (times, expectedFiles, waitMsMax) => {
      const window = Math.max(1, Math.floor(options.window / count));
      const order = { do: 'run', rate, window, lag, ...times } as const;
      return askEach((at) => ({ ...order, expectedFile: expectedFiles[at] ?? '' }), waitMsMax);
    },
    finish: (plainFiles, markedFiles) =>
      askEach(
        (at) => ({ do: 'finish', plainFile: plainFiles[at] ?? '', markedFile: markedFiles[at] ?? '' }),
        REPORT_MS_MAX,
      ),
  };
};

/** Node raises the soft limit of open files to the hard one by itself, so the hard one counts. */
const checkFiles = (needed: number): void => {
  const limits = readFileSync(join('/proc', 'self', 'limits'), 'utf8');
  const [, hard = ''] = /^Max open files\s+\S+\s+(\S+)/m.exec(limits) ?? [];
  if (Number(hard) < needed)
    throw new Error(
      `this run needs ${String(needed)} open files a process and may have ${hard}: raise ulimit -Hn`,
    );
};
