import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Site, type SiteOptions } from '../../src/simulate/site/site.ts';
import type { BusStats } from '../../src/simulate/service-bus/service-bus.ts';

const exampleBus = join(import.meta.dirname, '../../examples/county-099/bus.json');

/** Leases and back-offs short enough that a take-over fits a test; the order between them stays that of production. */
export const shortTimes = {
  TENFOUR_LEASE_MS: '600',
  TENFOUR_LEASE_MARGIN_MS: '200',
  TENFOUR_HEAD_MS: '500',
  TENFOUR_ATTEMPT_TIMEOUT_MS: '1000',
  TENFOUR_BUS_TIMEOUT_MS: '2000',
  TENFOUR_BUS_THROTTLE_MS: '1000',
  TENFOUR_HOLD_BACKOFF_MS_MAX: '300',
} as const;

/** For a site's lines: without confirmation a second of quiet stands for one, so that a test need not wait three. */
export const shortResend = (line: Record<string, unknown>): void => {
  if (line['confirm'] === 'none') line['outbound'] = { resendMs: 1_000 };
};

export type Ledger = {
  readonly balanced: boolean;
  readonly lanes: Readonly<
    Record<string, { readonly in: number; readonly waiting: number; readonly dead: number }>
  >;
};

/**
 * A site in a folder of its own, with a bus that keeps only what somebody reads. Nothing of it runs on afterwards; the folder of a trial
 * that failed stays, for whoever has to find out why.
 */
export async function withSite(
  options: Omit<SiteOptions, 'folder' | 'busConfig'> & {
    readonly isRepeatSwallowed?: boolean;
    /** How long the bus waits for a settlement that was lost; ISO 8601. The example's when absent. */
    readonly lockDuration?: string;
  },
  work: (site: Site) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-trial-'));
  const { isRepeatSwallowed = true, lockDuration, ...rest } = options;
  const busConfig = writeBusConfig(folder, isRepeatSwallowed, lockDuration);
  const site = await Site.start({ ...rest, busConfig, folder: join(folder, 'site') });
  try {
    await work(site);
    // A role that hangs or limps is no survivor: each still drains when asked.
    assert.deepEqual(await site.stop(), { gateway: 0, courier: 0, recorder: 0, bus: 0 });
  } catch (error) {
    process.stderr.write(`the failed trial lies in ${folder}\n`);
    throw error;
  } finally {
    await site.stop();
  }
  rmSync(folder, { recursive: true, force: true });
}

/**
 * The example's topics with their `all` subscription alone: the others would fill up unread. Without duplicate detection a repeat that
 * the switch sends reaches the reader, and must bear its mark.
 */
function writeBusConfig(folder: string, isRepeatSwallowed: boolean, lockDuration?: string): string {
  type Options = Record<string, unknown>;
  type Topic = { Properties: Options; Subscriptions: { Name: string; Properties: Options }[] };
  type File = { UserConfig: { Namespaces: { Topics: Topic[] }[] } };
  const file = JSON.parse(readFileSync(exampleBus, 'utf8')) as File;
  for (const topic of file.UserConfig.Namespaces.flatMap(({ Topics }) => Topics)) {
    topic.Subscriptions = topic.Subscriptions.filter(({ Name }) => Name === 'all');
    topic.Properties['RequiresDuplicateDetection'] = isRepeatSwallowed;
    for (const { Properties } of topic.Subscriptions)
      if (lockDuration !== undefined) Properties['LockDuration'] = lockDuration;
  }
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'bus.json');
  writeFileSync(path, JSON.stringify(file));
  return path;
}

export async function readLedger(site: Site): Promise<Ledger> {
  const { stdout } = await site.tenfour(['ledger', '--json']);
  return JSON.parse(stdout) as Ledger;
}

export async function busStats(site: Site): Promise<BusStats> {
  const response = await fetch(`http://127.0.0.1:${String(site.busControlPort)}/stats`);
  return (await response.json()) as BusStats;
}

/** Resolves when no lane holds anything and no `all` subscription either: everything accepted has reached its reader. */
export async function untilDelivered(site: Site, msMax = 30_000): Promise<void> {
  const deadline = performance.now() + msMax;
  for (;;) {
    // First the lanes, then the bus: what leaves a lane between the two is seen there.
    const { lanes } = await readLedger(site);
    const { subscriptions } = await busStats(site);
    const atBus = Object.entries(subscriptions).filter(
      ([name, { active, locked }]) => name.endsWith('/all') && active + locked > 0,
    );
    const waiting = Object.values(lanes).reduce((sum, lane) => sum + lane.waiting, 0);
    if (atBus.length === 0 && waiting === 0) return;
    if (performance.now() > deadline)
      throw new Error(`not delivered in time: ${String(waiting)} wait, at the bus ${JSON.stringify(atBus)}`);
    await sleep(100);
  }
}

/** The switch's own word, by its own commands: the chain is whole, and the ledger agrees with the record. */
export async function assertRecordWhole(site: Site): Promise<void> {
  const verified = await site.tenfour(['audit', 'verify']);
  assert.equal(verified.code, 0, `audit verify: ${verified.stdout}${verified.stderr}`);
  const recounted = await site.tenfour(['ledger', '--recount']);
  assert.equal(recounted.code, 0, `ledger --recount: ${recounted.stdout}${recounted.stderr}`);
}
