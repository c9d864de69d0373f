import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Site } from '../simulate/site/site.ts';

const program = join(import.meta.dirname, '..', '..', 'loadtest', 'witness', 'witness.ts');
const UNPLUGGED = 'nv-patrol';
const PER_SECOND = 100;
const TRAFFIC_MS = 1500;
const AWAY_MS = 1500;
const ARRIVE_MS_MAX = 20_000;

type Status = {
  readonly state: string;
  readonly sent: number;
  readonly acked: number;
  readonly got: number;
  readonly stations: Readonly<Record<string, { readonly state: string }>>;
};
/** What can be wrong by the books. */
const FINDINGS = [
  'lost',
  'unmarkedDuplicates',
  'outOfOrder',
  'refusedButDelivered',
  'tooManyCopies',
  'misrouted',
  'notedButDelivered',
  'unsound',
  'holes',
] as const;
type Settled = Readonly<Record<(typeof FINDINGS)[number] | 'neverSent', { readonly total: number }>> & {
  readonly sent: number;
  readonly got: number;
};
export type WitnessSaid = Settled & { readonly ok: boolean };

/**
 * A few seconds of traffic to topics and stations by the witness, a program that knows nothing of the switch but its ports and the bus
 * keys. One station is unplugged meanwhile and comes back. Undefined when this build has no witness.
 */
export const askWitness = async (
  site: Site,
  say: (text: string) => void,
): Promise<WitnessSaid | undefined> => {
  if (!existsSync(program)) return undefined;
  const folder = join(site.folder, 'witness');
  // It reads subscriptions that keep everything: what the scenario left there is none of its own.
  const onBus = Object.entries(await lanes(site)).filter(([name]) => !name.startsWith('station.'));
  const before = onBus.reduce((sum, [, { delivered }]) => sum + delivered, 0);
  const witness = spawn(process.execPath, [program, ...options(site, folder)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const status = statusOf(witness);
  try {
    await until(() => (status.last?.got ?? 0) > 0);
    await sleep(TRAFFIC_MS);
    tell(witness, `unplug ${UNPLUGGED}`);
    await until(() => status.last?.stations[UNPLUGGED]?.state === 'unplugged');
    say(`  station ${UNPLUGGED} is unplugged`);
    await sleep(AWAY_MS);
    const held = (await lanes(site))[`station.${UNPLUGGED}-cad`]?.waiting ?? 0;
    say(`  its lane holds ${String(held)} messages; it is plugged in again`);
    tell(witness, `plug ${UNPLUGGED}`);
    await sleep(TRAFFIC_MS / 2);
    tell(witness, 'stop');
    await until(() => status.last?.state === 'stopped');
    await until(async () => Object.values(await lanes(site)).every(({ waiting }) => waiting === 0));
    await sleep(AWAY_MS / 2);
  } finally {
    const exited = new Promise((resolve) => witness.once('exit', resolve));
    witness.stdin.end('end\n');
    await Promise.race([exited, sleep(ARRIVE_MS_MAX, undefined, { ref: false })]);
    witness.kill('SIGKILL');
  }
  const settled = await settle(folder);
  const ok = settled.neverSent.total === before && FINDINGS.every((finding) => settled[finding].total === 0);
  return { ...settled, ok };
};

const options = (site: Site, folder: string): readonly string[] => {
  const at = (line: string): string => `${line}=127.0.0.1:${String(site.linePorts.get(line))}`;
  const stations = [
    `${at('nv-patrol')}/link`,
    `${at('or-sheriff')}/application/OR0990500`,
    `${at('az-police')}/none`,
  ];
  return [
    ...['--lines', `${at('ca-dispatch')}/CA0990100/broadcast,${at('ca-marshal')}/CA0990200`],
    ...['--stations', stations.join(',')],
    ...['--mix', 'both', '--per-second', String(PER_SECOND)],
    ...['--bus', `127.0.0.1:${String(site.busPort)}`, '--keys', site.busKeyFile, '--out', folder],
  ];
};

const statusOf = ({ stdout }: ChildProcess): { last: Status | undefined } => {
  const status: { last: Status | undefined } = { last: undefined };
  if (stdout !== null)
    createInterface({ input: stdout }).on('line', (line) => (status.last = JSON.parse(line) as Status));
  return status;
};

const tell = ({ stdin }: ChildProcess, command: string): void => {
  stdin?.write(`${command}\n`);
};

const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + ARRIVE_MS_MAX;
  while (!(await isSo()) && performance.now() < deadline) await sleep(50);
};

type Lanes = Readonly<Record<string, { readonly waiting: number; readonly delivered: number }>>;
const lanes = async (site: Site): Promise<Lanes> => {
  const { stdout } = await site.tenfour(['ledger', '--json']);
  return (JSON.parse(stdout) as { lanes: Lanes }).lanes;
};

/** By the witness's own arithmetic, from its files alone. */
const settle = async (folder: string): Promise<Settled> => {
  const args = [program, 'settle', folder];
  // A settlement that is not well exits with 1 and says why.
  const { stdout } = await promisify(execFile)(process.execPath, args).catch(
    (failed: unknown) => failed as { stdout: string },
  );
  return JSON.parse(stdout) as Settled;
};
