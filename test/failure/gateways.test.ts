import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from '../../src/simulate/site/site.ts';
import { readRecords } from './audit-records.ts';
import { exampleStations } from './raw-station.ts';
import { type Forsaken, Relay } from './relay.ts';
import { atStations, flowsAgain, settledWhole } from './settled.ts';
import { shortResend, shortTimes, withSite } from './trial.ts';
import { type Gateway, twoGateways } from './two-gateways.ts';
import { WitnessProcess } from './witness-process.ts';

const perSecond = 200;
const stations = exampleStations.map(({ line }) => line);
const leaseMs = Number(shortTimes.TENFOUR_LEASE_MS);
const marginMs = Number(shortTimes.TENFOUR_LEASE_MARGIN_MS);
/** Renewed at each third, so a lease has at least this left when its owner falls asleep. */
const leaseLeftMsMin = (leaseMs * 2) / 3;
/** A lane that is held is asked for at least once a second. */
const claimMsMax = 1_000;
const wakeMsMax = 1_000;

const portOf = ({ linePorts }: Gateway, line: string): number => linePorts.get(line) ?? 0;

type Town = {
  readonly gateways: readonly [Gateway, Gateway];
  readonly relays: ReadonlyMap<string, Relay>;
  readonly witness: WitnessProcess;
};

/** Two gateways with a sending line each, and three stations that are with the first. */
async function town(t: TestContext, site: Site): Promise<Town> {
  const gateways = await twoGateways(site);
  const [first, second] = gateways;
  t.after(() => second.child.kill9());
  const relays = new Map<string, Relay>();
  for (const name of stations) relays.set(name, await Relay.open(portOf(first, name)));
  t.after(() => {
    for (const relay of relays.values()) relay.close();
  });
  const linePorts = new Map([
    ['ca-dispatch', portOf(first, 'ca-dispatch')],
    ['ca-marshal', portOf(second, 'ca-marshal')],
    ...[...relays].map(([name, { port }]) => [name, port] as const),
  ]);
  const { folder, busPort, busKeyFile } = site;
  const witness = await WitnessProcess.start(
    { folder, busPort, busKeyFile, linePorts },
    { ...atStations, perSecond },
  );
  t.after(() => {
    witness.kill();
  });
  return { gateways, relays, witness };
}

const until = async (is: () => boolean, what: string, msMax: number): Promise<void> => {
  const deadline = performance.now() + msMax;
  while (!is()) {
    assert.ok(performance.now() < deadline, `not in time: ${what}`);
    await sleep(5);
  }
};

async function moveAll(relays: Town['relays'], to: Gateway): Promise<ReadonlyMap<string, Forsaken>> {
  const forsaken = new Map<string, Forsaken>();
  for (const [name, relay] of relays) forsaken.set(name, relay.moveTo(portOf(to, name)));
  for (const [name, relay] of relays)
    await until(() => relay.heardAt !== undefined, `${name} is served where it is now`, 8_000);
  return forsaken;
}

/** What every lane says of every number, once: a stale owner that settled something would say it again. */
async function assertSettledOnce(site: Site): Promise<void> {
  const seen = new Set<string>();
  for (const record of await readRecords(site)) {
    if (record.e !== 'deliver') continue;
    const place = `${record.lane} ${String(record.cls)} ${String(record.seq)}`;
    assert.ok(!seen.has(place), `settled twice: ${place}`);
    seen.add(place);
  }
  assert.ok(seen.size > 100);
}

const sessionsClosed = ({ child }: Gateway, line: string, code: string): number =>
  readFileSync(child.logPath, 'utf8')
    .split('\n')
    .filter((text) => text.includes('"session.closed"'))
    .map((text) => JSON.parse(text) as { line: string; code: string })
    .filter((event) => event.line === line && event.code === code).length;

test('stations whose gateway falls asleep are served by the other after lease and margin, and the sleeper is shut out', {
  timeout: 60_000,
}, async (t) => {
  const options = { settings: shortTimes, editLine: shortResend, isBusDurable: true };
  await withSite(options, async (site) => {
    const { gateways, relays, witness } = await town(t, site);
    const [first, second] = gateways;
    const rounds = [
      [first, second],
      [second, first],
    ] as const;
    for (const [sleeper, other] of rounds) {
      await sleep(500);
      sleeper.child.signal('SIGSTOP');
      const asleepAt = performance.now();
      const forsaken = await moveAll(relays, other);
      for (const [name, { heardAt = 0 }] of relays) {
        const afterMs = heardAt - asleepAt;
        t.diagnostic(
          `${name} is with ${other.child.name} ${afterMs.toFixed(0)} ms after its gateway fell asleep`,
        );
        assert.ok(afterMs >= leaseLeftMsMin + marginMs - 50, `${name} was taken from a live owner`);
        assert.ok(afterMs <= leaseMs + marginMs + claimMsMax + 1_000, `${name} waited too long`);
      }
      const said = new Map([...forsaken].map(([name, { bytes }]) => [name, bytes]));
      sleeper.child.signal('SIGCONT');
      for (const [name, old] of forsaken) {
        await until(() => old.isClosed, `${name} is given up by the sleeper`, wakeMsMax);
        assert.equal(old.bytes, said.get(name), `${name} was sent something by a stale owner`);
        await until(() => sessionsClosed(sleeper, name, 'FENCED') === 1, `${name} FENCED`, wakeMsMax);
      }
      await flowsAgain(witness);
    }
    const { expired, unconfirmed, dead, holes } = await settledWhole(t, site, witness);
    assert.deepEqual([expired, unconfirmed, dead, holes.total], [0, 0, 0, 0]);
    await assertSettledOnce(site);
    assert.equal(await second.child.stop(), 0);
  });
});

test('stations that go to another gateway while the old one still waits for them are served there once it gives up', {
  timeout: 60_000,
}, async (t) => {
  // Without confirmation nobody would notice that a station has gone; only the other two can be missed.
  const editLine = (line: Record<string, unknown>): void => {
    line['outbound'] = { ackTimeoutMs: 800, resendMs: 500 };
  };
  await withSite({ settings: shortTimes, editLine, isBusDurable: true }, async (site) => {
    const { gateways, relays, witness } = await town(t, site);
    const [first, second] = gateways;
    const confirming = new Map([...relays].filter(([name]) => name !== 'az-police'));
    await sleep(500);
    for (const [from, to] of [
      [first, second],
      [second, first],
    ] as const) {
      const forsaken = await moveAll(confirming, to);
      for (const [name, old] of forsaken) {
        assert.ok(old.isClosed);
        assert.ok(sessionsClosed(from, name, 'DELIVER_SILENT') >= 1);
      }
      await flowsAgain(witness);
    }
    const { expired, unconfirmed, dead, holes } = await settledWhole(t, site, witness);
    assert.deepEqual([expired, unconfirmed, dead, holes.total], [0, 0, 0, 0]);
    await assertSettledOnce(site);
    assert.equal(await second.child.stop(), 0);
  });
});
