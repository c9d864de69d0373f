import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from '../../src/simulate/site/site.ts';
import { untilRecorded } from './audit-records.ts';
import { hurriedProtocols } from './hurried-protocols.ts';
import { framed, RawLine } from './raw-line.ts';
import { exampleStations, RawStation, sendTexts, type StationSpec } from './raw-station.ts';
import { assertRecordWhole, readLedger, shortTimes, withSite } from './trial.ts';

const deadlineMs = 2_000;
const count = 40;
const controls = Array.from({ length: count }, (_, at) => `U${String(at)}`);
/** Long enough that the owner has taken all it may hold, short enough that no frame counts as sent without confirmation. */
const takenMs = 250;
/** Past its deadline a message is there until the lease of the dead gateway is over and a sweep has found it. */
const lateMsMax = 6_000;
const dispatch = { line: 'ca-dispatch', confirm: 'link', ori: 'CA0990100' } as const;
const settings = {
  ...shortTimes,
  // Of a class one may be out and one is held behind it; without confirmation eight times that.
  TENFOUR_STATION_TAKE_MAX: '1',
};
/** Two ways to have a deadline: by the message's key, or by what lanes hold at most. */
const byKey = {
  ...settings,
  TENFOUR_EXPIRY_MS: '200',
  TENFOUR_PROTOCOLS: hurriedProtocols(deadlineMs, ['AM']),
};
const byHold = { ...settings, TENFOUR_SWEEP_MS: '500', TENFOUR_LANE_HOLD_MS: String(deadlineMs) };

const laneOf = ({ line }: StationSpec): string => `station.${line}-${line === 'az-police' ? 'msc' : 'cad'}`;

/**
 * The sender is told on its own line of each, once: of so many first ones that nobody knows, of the rest that they did not come. What a
 * sweep found and what an owner held are told in any order.
 */
async function assertTold(sender: RawStation): Promise<number> {
  const told = (await sender.take(count)).map((frame) => {
    assert.ok(frame.kind === 'notice' && !frame.isMarked);
    return frame;
  });
  const kinds = new Map(told.map(({ control, of }) => [control, of]));
  const unconfirmed = controls.findLastIndex((control) => kinds.get(control) === 'unconfirmed') + 1;
  assert.deepEqual(
    controls.map((control) => kinds.get(control)),
    controls.map((_, at) => (at < unconfirmed ? 'unconfirmed' : 'expired')),
  );
  return unconfirmed;
}

async function untilEmpty(site: Site, lane: string): Promise<void> {
  const endAt = performance.now() + deadlineMs + lateMsMax;
  while (((await readLedger(site)).lanes[lane]?.waiting ?? 0) > 0) {
    assert.ok(performance.now() < endAt, 'something waits past its deadline');
    await sleep(100);
  }
}

for (const spec of exampleStations) {
  test(`what a killed gateway had handed out for ${spec.line} (${spec.confirm}) expires while the station stays away, and each sender is told what is true`, {
    timeout: 40_000,
  }, async () => {
    await withSite({ settings: byKey, isBusDurable: true }, async (site) => {
      const handedMax = spec.confirm === 'none' ? 16 : 2;
      const before = await RawStation.open(site, spec);
      await sendTexts(site, spec.ori, controls);
      await before.next();
      await sleep(takenMs);
      await site.gateway.kill9();
      await before.raw.closed();
      const seen = before.raw.answers.length;

      await site.gateway.start();
      const sender = await RawStation.open(site, dispatch);
      const unconfirmed = await assertTold(sender);
      assert.ok(
        seen <= unconfirmed && unconfirmed <= handedMax,
        `${String(unconfirmed)} of ${String(seen)} seen`,
      );
      await untilEmpty(site, laneOf(spec));

      await assertOver(site, spec, sender, unconfirmed);
    });
  });
}

for (const spec of exampleStations.filter(({ confirm }) => confirm !== 'none')) {
  test(`what ${spec.line} (${spec.confirm}) was sent and never confirms expires in its owner's hands, and only that is told as unconfirmed`, {
    timeout: 40_000,
  }, async () => {
    // The gateway waits past the deadline, then closes the session and gives the lane back.
    const editLine = (line: Record<string, unknown>): void => {
      if (line['name'] === spec.line) line['outbound'] = { ackTimeoutMs: deadlineMs + 500 };
    };
    await withSite({ settings: byHold, editLine, isBusDurable: true }, async (site) => {
      const before = await RawStation.open(site, spec);
      await sendTexts(site, spec.ori, controls);
      await before.next();
      const sender = await RawStation.open(site, dispatch);
      assert.equal(await assertTold(sender), 1);
      assert.ok(before.raw.isClosed);
      assert.equal(before.raw.answers.length, 1);
      await untilEmpty(site, laneOf(spec));
      await assertOver(site, spec, sender, 1);
    });
  });
}

/** If the station comes back nothing of it is delivered: what comes is new, and bears no mark. The record agrees. */
async function assertOver(
  site: Site,
  spec: StationSpec,
  sender: RawStation,
  unconfirmed: number,
): Promise<void> {
  const back = await RawStation.open(site, spec);
  const line = await RawLine.open(site, dispatch.line);
  line.send(framed(`AM.${dispatch.ori}.${spec.ori}.*AFTER.TXT\r\nSAMPLE TEXT`));
  const [next] = await back.take(1);
  assert.deepEqual([next?.control, next?.isMarked], ['AFTER', false]);
  await assertOnRecord(site, laneOf(spec), unconfirmed);
  assert.deepEqual([back.raw.answers.length, sender.raw.answers.length], [1, count]);
  for (const raw of [line, back.raw, sender.raw]) raw.close();
}

/** One outcome each: expired, in order, and the first of them marked as what may have come. */
async function assertOnRecord(site: Site, lane: string, unconfirmed: number): Promise<void> {
  const all = await untilRecorded(
    site,
    (records) => records.filter((record) => record.e === 'deliver' && record.lane === lane).length > count,
    'all outcomes',
  );
  const outcomes = all.flatMap((record) => (record.e === 'deliver' && record.lane === lane ? [record] : []));
  for (const { seq, o, code, pd } of outcomes) {
    if (seq > count) assert.ok(o === 'delivered' || o === 'sentUnconfirmed');
    else if (seq > unconfirmed) assert.deepEqual([o, code, pd], ['expired', 'DELIVER_EXPIRED', 0]);
    else assert.deepEqual([o, code, pd], ['expired', 'DELIVER_UNCONFIRMED', 1]);
  }
  assert.equal(outcomes.length, count + 1);
  await assertRecordWhole(site);
}
