import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusedMessages, untilRecorded } from './audit-records.ts';
import { atStations, flowsAgain, repeatsByPlace, settledWhole } from './settled.ts';
import { shortResend, shortTimes, withSite } from './trial.ts';
import { WitnessProcess } from './witness-process.ts';

const perSecond = 500;
const rounds = 3;

for (const name of ['gateway', 'courier', 'recorder'] as const) {
  test(`SIGTERM under load: ${name} finishes what it began, ends with 0, and its successor goes on`, {
    timeout: 40_000,
  }, async (t) => {
    await withSite({ settings: shortTimes, editLine: shortResend }, async (site) => {
      const witness = await WitnessProcess.start(site, { ...atStations, perSecond, window: 200 });
      t.after(() => {
        witness.kill();
      });
      for (let round = 0; round < rounds; round += 1) {
        await sleep(500);
        const startedAt = performance.now();
        assert.equal(await site[name].stop(), 0);
        assert.ok(performance.now() - startedAt < 5_000, 'a drain is not a wait');
        await site[name].start();
      }
      await flowsAgain(witness);
      const settlement = await settledWhole(t, site, witness);
      const { expired, unconfirmed, dead, holes } = settlement;
      assert.deepEqual([expired, unconfirmed, dead, holes.total], [0, 0, 0, 0]);
      // What was read was answered: nobody is left wondering about a message that went through.
      assert.deepEqual(settlement.silentButDelivered, { total: 0, first: [] });
      // Nothing repeats either: an owner that leaves in order has settled what it sent.
      assert.deepEqual(repeatsByPlace(witness), {});
      for (const [station, { got, marked }] of Object.entries(witness.status?.stations ?? {})) {
        assert.ok(got > 50, `${station} got only ${String(got)}`);
        assert.equal(marked, 0, `marked at ${station}`);
      }
      // And what was answered stands on the record, once each.
      const { acked: yes, refused: no } = settlement.told;
      await untilRecorded(
        site,
        (records) =>
          records.filter(({ e }) => e === 'accept').length === yes && refusedMessages(records) === no,
        `${String(yes)} accepted and ${String(no)} refused`,
      );
    });
  });
}
