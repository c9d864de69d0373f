import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exampleSeats, MdtFleet } from '../simulate/mdt/mdt-fleet.ts';
import { Site } from '../simulate/site/site.ts';
import { runEndless } from './demo-endless.ts';
import { runOnce } from './demo-once.ts';
import { print, readOptions } from './usage.ts';

/** The sample of an unfinished frame waits for this deadline. */
const FRAME_TIMEOUT_MS = 1000;

/**
 * The whole road on this machine. `--once` sends a fixed scenario and exits 0 only if what senders were told is what receivers got,
 * the ledger balances and the record verifies. Without it, traffic goes on until Ctrl-C.
 */
export const run = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, { once: 'boolean', json: 'boolean', out: 'string' });
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-demo-'));
  const say = options.json ? () => undefined : print;
  if (options.out !== undefined) mkdirSync(options.out, { recursive: true });
  say('starting Redis, the Service Bus stand-in, recorder, courier and gateway ...');
  const started = performance.now();
  const redisUrl = process.env['REDIS_URL'] ?? '';
  const site = await Site.start({
    folder: join(folder, 'site'),
    ...(redisUrl === '' ? {} : { redisUrl }),
    editLine: (line) => {
      line['frameTimeoutMs'] = FRAME_TIMEOUT_MS;
    },
  });
  let isWell = false;
  try {
    say(
      `up in ${((performance.now() - started) / 1000).toFixed(1)} s: six processes on loopback, data in ${site.folder}`,
    );
    for (const child of site.children) say(`  ${child.name.padEnd(9)} pid ${String(child.pid)}`);
    for (const [line, port] of site.linePorts) say(`  line ${line.padEnd(12)} port ${String(port)}`);
    const gotPath = options.out === undefined ? undefined : join(options.out, 'got.ids');
    if (gotPath !== undefined) writeFileSync(gotPath, '');
    const fleet = new MdtFleet(site.busConnectionString, site.busKeyFile, exampleSeats, gotPath);
    fleet.start();
    const code = options.once
      ? await runOnce(site, fleet, { say, json: options.json, out: options.out })
      : await runEndless(site, fleet, print);
    isWell = code === 0;
    return code;
  } finally {
    await site.stop();
    // What went wrong is in there.
    if (isWell) rmSync(folder, { recursive: true, force: true });
    else print(`left for you to look at: ${folder}`);
  }
};
