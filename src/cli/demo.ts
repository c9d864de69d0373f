import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exampleSeats, MdtFleet } from '../simulate/mdt/mdt-fleet.ts';
import { Site, type SiteOptions } from '../simulate/site/site.ts';
import { liveSite } from './demo/live-site.ts';
import { runLive } from './demo/live.ts';
import { isLive } from './demo/terminal.ts';
import { runOnce } from './demo-once.ts';
import { print, readOptions, UsageError } from './usage.ts';

/** The sample of an unfinished frame waits for this deadline. */
const FRAME_TIMEOUT_MS = 1000;
/** How long the tour leaves each thing to be looked at. */
const TOUR_PAUSE_MS = '4000';

/**
 * The whole road on this machine. `--once` sends a fixed scenario and exits 0 only if what senders were told is what receivers got,
 * the ledger balances and the record verifies. Without it, traffic goes on until somebody quits: a screen with a tour by keys on a
 * terminal, plain lines in a pipe or with `--plain`; `--tour` gives the tour by itself. Exits 0 only if everything balanced.
 */
export const run = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, {
    once: 'boolean',
    json: 'boolean',
    out: 'string',
    plain: 'boolean',
    tour: 'boolean',
    'pause-ms': 'string',
  });
  if (!options.once && (options.json || options.out !== undefined))
    throw new UsageError('--json and --out go with --once');
  const pauseMs = numberOf(options['pause-ms'] ?? TOUR_PAUSE_MS);
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-demo-'));
  const say = options.json ? () => undefined : print;
  if (options.out !== undefined) mkdirSync(options.out, { recursive: true });
  let isWell = false;
  let site: Site | undefined;
  try {
    site = await start(folder, options.once, say);
    const isScreen = !options.plain && isLive(process, process.env);
    const code = options.once
      ? await once(site, { say, json: options.json, out: options.out })
      : await runLive(site, { isScreen, isTour: options.tour, pauseMs });
    isWell = code === 0;
    return code;
  } finally {
    await site?.stop();
    // What went wrong is in there.
    if (isWell) rmSync(folder, { recursive: true, force: true });
    else print(`left for you to look at: ${folder}`);
  }
};

const start = async (folder: string, isOnce: boolean, say: (text: string) => void): Promise<Site> => {
  say('starting Redis, the Service Bus stand-in, recorder, courier and gateway ...');
  const started = performance.now();
  const redisUrl = process.env['REDIS_URL'] ?? '';
  const options: SiteOptions = {
    folder: join(folder, 'site'),
    ...(redisUrl === '' ? {} : { redisUrl }),
  };
  const site = await Site.start(isOnce ? { ...options, editLine: shortFrames } : liveSite(options));
  say(
    `up in ${((performance.now() - started) / 1000).toFixed(1)} s: Redis and four processes on loopback, data in ${site.folder}`,
  );
  for (const child of site.children) say(`  ${child.name.padEnd(9)} pid ${String(child.pid)}`);
  for (const [line, port] of site.linePorts) say(`  line ${line.padEnd(12)} port ${String(port)}`);
  return site;
};

const shortFrames = (line: Record<string, unknown>): void => {
  line['frameTimeoutMs'] = FRAME_TIMEOUT_MS;
};

const once = async (site: Site, output: Parameters<typeof runOnce>[2]): Promise<number> => {
  const fleet = fleetOf(site, output.out);
  try {
    return await runOnce(site, fleet, output);
  } finally {
    // Cars that nobody stops look for their bus for ever, and keep the process.
    await fleet.stop();
  }
};

const fleetOf = (site: Site, out: string | undefined): MdtFleet => {
  const gotPath = out === undefined ? undefined : join(out, 'got.ids');
  if (gotPath !== undefined) writeFileSync(gotPath, '');
  const fleet = new MdtFleet(site.busConnectionString, site.busKeyFile, exampleSeats, gotPath);
  fleet.start();
  return fleet;
};

const numberOf = (text: string): number => {
  if (!/^\d{1,6}$/.test(text)) throw new UsageError('--pause-ms is 0 to 999999');
  return Number(text);
};
