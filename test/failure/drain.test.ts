import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusalCodes, untilRecorded } from './audit-records.ts';
import { assertRecordWhole, shortTimes, untilDelivered, withSite } from './trial.ts';
import { WitnessProcess } from './witness-process.ts';

const perSecond = 1_200;

for (const name of ['gateway', 'courier', 'recorder'] as const) {
  test(`SIGTERM under load: ${name} finishes what it began, ends with 0, and its successor goes on`, {
    timeout: 40_000,
  }, async (t) => {
    await withSite({ settings: shortTimes }, async (site) => {
      const witness = await WitnessProcess.start(site, { perSecond, window: 200 });
      t.after(() => {
        witness.kill();
      });
      for (let round = 0; round < 3; round += 1) {
        await sleep(500);
        const startedAt = performance.now();
        assert.equal(await site[name].stop(), 0);
        assert.ok(performance.now() - startedAt < 5_000, 'a drain is not a wait');
        await site[name].start();
      }
      const { acked, got } = await witness.until(() => true, 0, 'a status');
      await witness.until((now) => now.acked > acked + 200 && now.got > got + 200, 15_000, 'it flows again');
      await witness.stopSending();
      await untilDelivered(site);
      await witness.end();

      const settlement = witness.settle();
      t.diagnostic(
        `sent ${String(settlement.sent)}, told ${JSON.stringify(settlement.told)}, got ${String(settlement.got)}`,
      );
      assert.ok(settlement.ok, JSON.stringify(settlement, null, 1));
      assert.deepEqual(settlement.holes.total, 0);
      // What was read was answered: nobody is left wondering about a message that went through.
      assert.deepEqual(settlement.silentButDelivered, { total: 0, first: [] });
      // Nothing repeats either: an owner that leaves in order has settled what it sent.
      assert.equal(settlement.repeats, 0);
      // And what was answered stands on the record, once each.
      const { acked: yes, refused: no } = settlement.told;
      await untilRecorded(
        site,
        (records) => {
          const refusals = refusalCodes(records, 'ca-dispatch');
          const more = refusalCodes(records, 'ca-marshal');
          const refused = [...Object.values(refusals), ...Object.values(more)].reduce((sum, n) => sum + n, 0);
          return records.filter(({ e }) => e === 'accept').length === yes && refused === no;
        },
        `${String(yes)} accepted and ${String(no)} refused`,
      );
      await assertRecordWhole(site);
    });
  });
}
