import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Site, type SiteOptions } from '../src/simulate/site/site.ts';
import { acceptLoop } from './accept-loop.ts';
import { cpuBetween, cpuSnapshot } from './cpu-time.ts';
import { Forked } from './forked.ts';
import { RunClock } from './identity.ts';
import { lineName, writeBusConfig, writeDirectory } from './installation.ts';
import { mixSummary } from './mix.ts';
import { observedBatches } from './observed-batches.ts';
import type { LoadOptions } from './options.ts';
import type { DrainerOrder, DrainerReport, GeneratorOrder, GeneratorReport } from './parts.ts';

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
  const directory = writeDirectory(folder, options.lines);
  const busConfig = writeBusConfig(folder);
  const fsync = options.durability === 'fsync' ? 'always' : 'everysec';
  const site = await startSite((at) => ({
    folder: join(folder, `site-${String(at)}`),
    fsync,
    directory,
    busConfig,
  }));
  const forked: Forked[] = [];
  try {
    const [generator, drainer] = await Promise.all([Forked.start('generator'), Forked.start('drainer')]);
    forked.push(generator, drainer);
    const times = await load(options, folder, site, generator, drainer);
    const { report, drained, cpu, wallMs } = times;

    const batches = await observedBatches(join(site.folder, 'record'), wallMs.from, wallMs.until);
    const loopSeconds = Math.min(ACCEPT_LOOP_SECONDS_MAX, options.seconds / 2);
    const acceptLoopPerSecond = await acceptLoop(site.redis.port, batches, loopSeconds);
    const order: DrainerOrder = {
      do: 'reconcile',
      busKeyFile: site.busKeyFile,
      ...times.window,
      expectedFile: times.expectedFile,
    };
    const found = await drainer.ask<DrainerReport>(order, REPORT_MS_MAX);
    const seconds = options.seconds;
    return {
      summary: {
        acceptedPerSecond: round(report.acceptedInTime / seconds),
        deliveredPerSecond: round(found.deliveredInTime / seconds),
        ack: report.acks,
        endToEnd: found.endToEnd,
        lost: found.lost,
        duplicates: found.duplicates,
        cpuUsPerMessage: cpu.usPerMessage,
        acceptLoopPerSecond: round(acceptLoopPerSecond),
      },
      settings: settingsOf(options),
      details: {
        accepted: report.accepted,
        refused: report.refused,
        refusedPerSecond: round(report.refusedInTime / seconds),
        otherThanTheMixSays: report.surprises,
        unanswered: report.unanswered,
        expectedDeliveries: report.expectedDeliveries,
        drained,
        unreadable: found.unreadable,
        markedDuplicates: found.markedDuplicates,
        strays: found.strays,
        lateness: report.lateness,
        batchMessagesAverage: round(
          batches.reduce((sum, { accepted }) => sum + accepted, 0) / batches.length,
        ),
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
const load = async (options: LoadOptions, folder: string, site: Site, generator: Forked, drainer: Forked) => {
  const baseNs = process.hrtime.bigint();
  const clock = new RunClock(baseNs);
  const expectedFile = join(folder, 'expected-deliveries');
  const { drainedPort } = await drainer.ask<{ drainedPort: number }>(
    { do: 'drain', baseNs: String(baseNs), busPort: site.busPort, topics: TOPICS } satisfies DrainerOrder,
    REPORT_MS_MAX,
  );
  const startUs = Math.floor(clock.nowUs() + LEAD_US + options.warmupSeconds * 1_000_000);
  const endUs = startUs + options.seconds * 1_000_000;
  const ports = Array.from({ length: options.lines }, (_, at) => site.linePorts.get(lineName(at)) ?? 0);
  const { rate, window, lag } = options;
  const order = {
    ...{ do: 'run', baseNs: String(baseNs), ports, drainedPort, rate, window, lag, startUs, endUs },
    expectedFile,
  } satisfies GeneratorOrder;
  const reported = generator.ask<GeneratorReport>(order, (endUs - clock.nowUs()) / 1000 + REPORT_MS_MAX);
  // Looked at below; until then a failure must not count as unhandled.
  reported.catch(() => undefined);

  const pids = {
    gateway: site.gateway.pid,
    courier: site.courier.pid,
    recorder: site.recorder.pid,
    redis: site.redis.pid,
    bus: site.bus.pid,
    generator: generator.pid,
    drainer: drainer.pid,
  };
  await sleep((startUs - clock.nowUs()) / 1000);
  const [from, fromMs] = [cpuSnapshot(pids), Date.now()];
  await sleep((endUs - clock.nowUs()) / 1000);
  const [until, untilMs] = [cpuSnapshot(pids), Date.now()];
  const report = await reported;
  const { drained } = await drainer.ask<{ drained: number }>(
    { do: 'finish', expectedDeliveries: report.expectedDeliveries } satisfies DrainerOrder,
    REPORT_MS_MAX,
  );
  return {
    report,
    drained,
    expectedFile,
    window: { startUs, endUs },
    wallMs: { from: fromMs, until: untilMs },
    cpu: cpuBetween(from, until, report.acceptedInTime),
  };
};

/** Everything that must be equal before two results may be compared. */
const settingsOf = (options: LoadOptions) => ({
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
  mix: mixSummary(),
});

const round = (value: number): number => (Number.isFinite(value) ? Number(value.toFixed(1)) : 0);
