import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settlement } from '../../loadtest/witness/settle.ts';
import type { Site } from '../../src/simulate/site/site.ts';
import { untilRecorded } from './audit-records.ts';
import { hurriedProtocols } from './hurried-protocols.ts';
import { seeded } from './seeded.ts';
import { atStations, flowsAgain, settledWhole } from './settled.ts';
import { TimerWiper } from './timer-wiper.ts';
import { shortResend, shortTimes, withSite } from './trial.ts';
import { WitnessProcess } from './witness-process.ts';

const perSecond = 200;
const absences = 4;
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const ownDeadlineMs = 2_000;
const holdMs = 1_500;
/** How long past its deadline a copy may still be there: a sweep, a lost schedule put back by the next, the lease of a dead courier. */
const lateMsMax = 6_000;
/** Only waits of a second and more are BullMQ's. */
const backoffMsMax = 2_000;
/** Past this a wake-up that did not come is made up for; then the bus is connected to. */
const lostTimerMs = 3_000;
const clocks = {
  ...shortTimes,
  TENFOUR_EXPIRY_MS: '200',
  TENFOUR_SWEEP_MS: '500',
  TENFOUR_HOLD_BACKOFF_MS_MAX: String(backoffMsMax),
} as const;

const protocols = hurriedProtocols(ownDeadlineMs, ['RQ', 'DQ', 'YQ']);

async function started(t: TestContext, site: Site): Promise<{ witness: WitnessProcess; wiper: TimerWiper }> {
  const wiper = new TimerWiper(site);
  t.after(() => {
    wiper.close();
  });
  const witness = await WitnessProcess.start(site, { ...atStations, perSecond });
  t.after(() => {
    witness.kill();
  });
  wiper.start();
  return { witness, wiper };
}

/** The keys were there to be deleted, and are again: nobody has to restart anything. */
async function assertTimersBack(t: TestContext, wiper: TimerWiper): Promise<void> {
  await wiper.stop();
  t.diagnostic(`${String(wiper.deleted)} keys deleted in ${String(wiper.rounds)} rounds`);
  assert.ok(wiper.rounds >= 5);
  const deadline = performance.now() + 5_000;
  while ((await wiper.keys()).length === 0) {
    assert.ok(performance.now() < deadline, 'no schedule came back');
    await sleep(50);
  }
}

/** By lane, copies that left it past their deadline: those nobody had been given, and those that may have come. */
type Gone = Readonly<Record<string, { readonly expired: number; readonly unconfirmed: number }>>;

/** Of each copy that expired there is one record, and one notice that its sender got, which says the same of it. */
async function expiredAndTold(
  t: TestContext,
  site: Site,
  { expired, unconfirmed, dead }: Settlement,
): Promise<Gone> {
  assert.equal(dead, 0);
  const records = await untilRecorded(
    site,
    (all) => all.filter((record) => record.e === 'notice').length === expired + unconfirmed,
    `${String(expired)} and ${String(unconfirmed)} notices`,
  );
  const gone: Record<string, { expired: number; unconfirmed: number }> = {};
  for (const record of records) {
    if (record.e !== 'deliver' || record.o !== 'expired') continue;
    const kind = record.code === 'DELIVER_UNCONFIRMED' ? 'unconfirmed' : 'expired';
    assert.equal(record.pd, kind === 'unconfirmed' ? 1 : 0);
    const counts = (gone[record.lane] ??= { expired: 0, unconfirmed: 0 });
    counts[kind] += 1;
  }
  t.diagnostic(`expired ${JSON.stringify(gone)}`);
  const sum = (kind: 'expired' | 'unconfirmed'): number =>
    Object.values(gone).reduce((total, counts) => total + counts[kind], 0);
  assert.deepEqual([sum('expired'), sum('unconfirmed')], [expired, unconfirmed]);
  return gone;
}

test('with every BullMQ key deleted again and again, a bus that is down holds its lanes, deadlines pass, and all of it flows again', {
  timeout: 60_000,
}, async (t) => {
  const settings = { ...clocks, TENFOUR_PROTOCOLS: protocols };
  await withSite({ settings, editLine: shortResend, isBusDurable: true }, async (site) => {
    const { witness, wiper } = await started(t, site);
    await witness.unplug('nv-patrol');
    await site.bus.kill9();
    const { expired } = await witness.until(() => true, 0, 'a status');
    await sleep(ownDeadlineMs);
    await witness.until((now) => now.expired > expired + 40, lateMsMax, 'senders are told of what expired');

    await site.bus.start();
    const backAt = performance.now();
    await witness.plug('nv-patrol');
    // A wake-up that is gone is made up for a second late.
    for (const lane of ['point-to-point', 'broadcast'])
      while (lastSaid(site, lane) !== 'lane.flowing') {
        assert.ok(performance.now() - backAt < backoffMsMax + lostTimerMs, `${lane} does not flow`);
        await sleep(50);
      }
    t.diagnostic(`flows ${(performance.now() - backAt).toFixed(0)} ms after the bus is back`);
    await flowsAgain(witness, 50);
    await assertTimersBack(t, wiper);
    const settlement = await settledWhole(t, site, witness);
    // Both kinds: what a topic held and what waited for the station.
    const gone = await expiredAndTold(t, site, settlement);
    const [topic, patrol] = [gone['point-to-point'], gone['station.nv-patrol-cad']];
    assert.ok((topic?.expired ?? 0) > 10 && (patrol?.expired ?? 0) > 10);
    // Only the batch that was on its way when the bus died may have come; what is tried without a link has not.
    assert.ok((topic?.unconfirmed ?? 0) < perSecond / 4);
  });
});

test('with every BullMQ key deleted again and again, and the courier killed meanwhile, what lanes have held long enough expires', {
  timeout: 60_000,
}, async (t) => {
  const settings = { ...clocks, TENFOUR_LANE_HOLD_MS: String(holdMs) };
  await withSite({ settings, editLine: shortResend, isBusDurable: true }, async (site) => {
    const { witness, wiper } = await started(t, site);
    await witness.unplug('nv-patrol');
    await sleep(holdMs / 2);
    await site.courier.kill9();
    await sleep(holdMs / 2);
    await site.courier.start();
    const { expired } = await witness.until(() => true, 0, 'a status');
    await witness.until((now) => now.expired > expired + 40, lateMsMax, 'senders are told of what expired');
    await witness.plug('nv-patrol');
    await flowsAgain(witness, 50);
    await assertTimersBack(t, wiper);
    const settlement = await settledWhole(t, site, witness);
    const gone = await expiredAndTold(t, site, settlement);
    assert.ok((gone['station.nv-patrol-cad']?.expired ?? 0) > 40);
  });
});

test('a station that comes and goes while deadlines pass gets each message, or its sender is told that it expired, and both only of what was out', {
  timeout: 60_000,
}, async (t) => {
  const random = seeded(seed);
  t.diagnostic(`SEED=${String(seed)}`);
  const settings = {
    ...clocks,
    TENFOUR_EXPIRY_MS: '100',
    TENFOUR_STATION_TAKE_MAX: '16',
    TENFOUR_PROTOCOLS: protocols,
  };
  await withSite({ settings, editLine: shortResend }, async (site) => {
    const witness = await WitnessProcess.start(site, { ...atStations, perSecond });
    t.after(() => {
      witness.kill();
    });
    for (let absence = 0; absence < absences; absence += 1) {
      await witness.unplug('nv-patrol');
      // Some are past their deadline when it comes back, some just before.
      await sleep(ownDeadlineMs + random() * 800);
      await witness.plug('nv-patrol');
      await sleep(random() * 150);
    }
    const settlement = await settledWhole(t, site, witness);
    const { 'station.nv-patrol-cad': patrol } = await expiredAndTold(t, site, settlement);
    assert.ok((patrol?.expired ?? 0) > 10);
    // It is given back in order: only the frame that was out when it left may have come.
    assert.ok((patrol?.unconfirmed ?? 0) <= absences);
  });
});

/** What the courier's log says last about a lane. */
function lastSaid(site: Site, lane: string): string | undefined {
  const events = readFileSync(site.courier.logPath, 'utf8')
    .split('\n')
    .filter((text) => text.includes(`"lane":"${lane}"`))
    .map((text) => (JSON.parse(text) as { event: string }).event);
  return events.at(-1);
}
