import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Site, type SiteOptions } from '../src/simulate/site/site.ts';
import { acceptLoop } from './accept-loop.ts';
import { cpuBetween, cpuSnapshot } from './cpu-time.ts';
import { Forked } from './forked.ts';
import { RunClock } from './identity.ts';
import { writeBusConfig } from './installation.ts';
import { Latency } from './latency.ts';
import { observedBatches } from './observed-batches.ts';
import type { LoadOptions } from './options.ts';
import type { DrainerOrder, DrainerReport } from './parts.ts';
import { type Senders, sendersOf } from './senders.ts';

const TOPICS = ['point-to-point', 'broadcast'];
/** Until generator and drainer have connected and all is quiet. */
const LEAD_US = 300_000;
const REPORT_MS_MAX = 60_000;
const ACCEPT_LOOP_SECONDS_MAX = 2;
const SITE_TRIES_MAX = 3;

export type LoadResult = Awaited<ReturnType<typeof measure>>;

/** One load run from an empty folder to a reconciled result. Ends everything it started, also when it fails. */
export const measure = async (options: LoadOptions, folder: string) => {
  mkdirSync(folder, { recursive: true });
  const senders = sendersOf(options);
  const directory = senders.writeDirectory(folder);
  const busConfig = writeBusConfig(folder);
  const fsync = options.durability === 'fsync' ? 'always' : 'everysec';
  const startedAt = performance.now();
  const site = await startSite((at) => ({
    folder: join(folder, `site-${String(at)}`),
    fsync,
    directory,
    busConfig,
  }));
  const siteStartMs = Math.round(performance.now() - startedAt);
  const forked: Forked[] = [];
  try {
    const [drainer, generators] = await Promise.all([Forked.start('drainer'), senders.start()]);
    forked.push(drainer, ...generators);
    const ran = await load(options, folder, site, senders, generators, drainer);
    const { total, cpu, wallMs, stations } = ran;

    const batches = await observedBatches(join(site.folder, 'record'), wallMs.from, wallMs.until);
    const loopSeconds = Math.min(ACCEPT_LOOP_SECONDS_MAX, options.seconds / 2);
    // Copies to stations may hold their bodies by reference, which the record does not say: that loop would not be the same bytes.
    const acceptLoopPerSecond =
      options.stations > 0 ? 0 : await acceptLoop(site.redis.port, batches, loopSeconds);
    const order: DrainerOrder = {
      ...{
        do: 'reconcile',
        busKeyFile: site.busKeyFile,
        space: senders.space,
        topicTexts: senders.topicTexts,
      },
      ...ran.window,
      ...ran.files,
    };
    const found = await drainer.ask<DrainerReport>(order, REPORT_MS_MAX);
    const seconds = options.seconds;
    return {
      summary: {
        acceptedPerSecond: round(total('acceptedInTime') / seconds),
        deliveredPerSecond: round((found.deliveredInTime + stations.deliveredInTime) / seconds),
        deliveredByTopicPerSecond: round(found.deliveredInTime / seconds),
        deliveredByStationPerSecond: round(stations.deliveredInTime / seconds),
        ack: Latency.sumOf(ran.reports.map(({ acks }) => acks)).summary(),
        endToEnd: found.endToEnd,
        stationEndToEnd: stations.endToEnd,
        lost: found.lost,
        duplicates: found.duplicates,
        cpuUsPerMessage: cpu.usPerMessage,
        acceptLoopPerSecond: round(acceptLoopPerSecond),
      },
      settings: settingsOf(options, senders.mix),
      details: {
        accepted: total('accepted'),
        refused: total('refused'),
        refusedPerSecond: round(total('refusedInTime') / seconds),
        otherThanTheMixSays: total('surprises'),
        unanswered: total('unanswered'),
        expectedDeliveries: total('expectedDeliveries'),
        drained: ran.arrived - stations.received,
        receivedByStations: stations.received,
        notices: stations.notices,
        connectionsTurnedAway: stations.turnedAway,
        unreadable: found.unreadable + stations.unreadable,
        markedDuplicates: found.markedDuplicates,
        strays: found.strays,
        lateness: Latency.sumOf(ran.reports.map(({ lateness }) => lateness)).summary(),
        batchMessagesAverage: round(
          batches.reduce((sum, { accepted }) => sum + accepted, 0) / batches.length,
        ),
        siteStartMs,
        connectMs: ran.connectMs,
        cpuPercentOfACore: cpu.percentOfACore,
        othersPercent: cpu.othersPercent,
        stealPercent: cpu.stealPercent,
      },
    };
  } finally {
    for (const each of forked) each.stop();
    await site.stop();
  }
};

/** A site chooses free ports first and takes them later; on a busy machine another process may have come between. */
const startSite = async (optionsOf: (attempt: number) => SiteOptions): Promise<Site> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await Site.start(optionsOf(attempt));
    } catch (error) {
      if (attempt === SITE_TRIES_MAX) throw error;
    }
  }
};

/** Warm-up, measured time, and the wait for everything under way. */
const load = async (
  options: LoadOptions,
  folder: string,
  site: Site,
  senders: Senders,
  generators: readonly Forked[],
  drainer: Forked,
) => {
  const baseNs = String(process.hrtime.bigint());
  const clock = new RunClock(BigInt(baseNs));
  const fileOf = (what: string) => generators.map((_, at) => join(folder, `${what}-${String(at)}`));
  const { drainedPort } = await drainer.ask<{ drainedPort: number }>(
    { do: 'drain', baseNs, busPort: site.busPort, topics: TOPICS } satisfies DrainerOrder,
    REPORT_MS_MAX,
  );
  const connectingAt = performance.now();
  await senders.connect({ baseNs, linePorts: site.linePorts, drainedPort });
  const connectMs = Math.round(performance.now() - connectingAt);
  const firstUs = Math.floor(clock.nowUs() + LEAD_US);
  const startUs = Math.floor(firstUs + options.warmupSeconds * 1_000_000);
  const endUs = startUs + options.seconds * 1_000_000;
  const files = {
    expectedFiles: fileOf('expected'),
    plainFiles: [] as string[],
    markedFiles: [] as string[],
  };
  const waitMsMax = (endUs - clock.nowUs()) / 1000 + REPORT_MS_MAX;
  const reported = senders.run({ firstUs, startUs, endUs }, files.expectedFiles, waitMsMax);
  // Looked at below; until then a failure must not count as unhandled.
  reported.catch(() => undefined);

  const pids = pidsOf(site, generators, drainer);
  await sleep((startUs - clock.nowUs()) / 1000);
  const [from, fromMs] = [cpuSnapshot(pids), Date.now()];
  await sleep((endUs - clock.nowUs()) / 1000);
  const [until, untilMs] = [cpuSnapshot(pids), Date.now()];
  const reports = await reported;
  const total = (what: Exclude<keyof (typeof reports)[number], 'acks' | 'lateness'>): number =>
    reports.reduce((sum, report) => sum + report[what], 0);
  const { arrived } = await drainer.ask<{ arrived: number }>(
    { do: 'finish', expectedDeliveries: total('expectedDeliveries') } satisfies DrainerOrder,
    REPORT_MS_MAX,
  );
  const received = await senders.finish(fileOf('plain'), fileOf('marked'));
  if (received.length > 0)
    Object.assign(files, { plainFiles: fileOf('plain'), markedFiles: fileOf('marked') });
  const sum = (what: 'received' | 'deliveredInTime' | 'unreadable' | 'notices' | 'turnedAway'): number =>
    received.reduce((all, each) => all + each[what], 0);
  return {
    reports,
    total,
    arrived,
    files,
    connectMs,
    stations: {
      received: sum('received'),
      deliveredInTime: sum('deliveredInTime'),
      unreadable: sum('unreadable'),
      notices: sum('notices'),
      turnedAway: sum('turnedAway'),
      endToEnd: Latency.sumOf(received.map(({ endToEnd }) => endToEnd)).summary(),
    },
    window: { startUs, endUs },
    wallMs: { from: fromMs, until: untilMs },
    cpu: cpuBetween(from, until, total('acceptedInTime')),
  };
};

const pidsOf = (site: Site, generators: readonly Forked[], drainer: Forked): Record<string, number> => ({
  gateway: site.gateway.pid,
  courier: site.courier.pid,
  recorder: site.recorder.pid,
  redis: site.redis.pid,
  bus: site.bus.pid,
  ...Object.fromEntries(
    generators.map(({ pid }, at) => [at === 0 ? 'generator' : `generator-${String(at + 1)}`, pid]),
  ),
  drainer: drainer.pid,
});

/** Everything that must be equal before two results may be compared. */
const settingsOf = (options: LoadOptions, mix: object) => ({
  loop: options.rate > 0 ? ('open' as const) : ('closed' as const),
  ratePerSecond: options.rate,
  window: options.rate > 0 ? 0 : options.window,
  lag: options.rate > 0 ? 0 : options.lag,
  seconds: options.seconds,
  warmupSeconds: options.warmupSeconds,
  lines: options.lines,
  durability: options.durability,
  sealed: true,
  recorder: true,
  subscriptionsATopic: 1,
  ...(options.stations === 0
    ? {}
    : {
        stations: options.stations,
        byStationPercent: options.byStationPercent,
        generators: options.generators,
      }),
  mix,
});

const round = (value: number): number => (Number.isFinite(value) ? Number(value.toFixed(1)) : 0);
