import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../src/simulate/site/site.ts';
import { readRecords } from './audit-records.ts';
import { assertRecordWhole, shortTimes, untilDelivered, withSite } from './trial.ts';
import { WitnessProcess } from './witness-process.ts';

const perSecond = 500;
/** Longer than lease and margin together: whoever sleeps so long has lost what it owned. */
const sleepMs = 1_600;

for (const role of ['courier', 'recorder'] as const) {
  test(`a ${role} that slept past its lease finds another in its place, and harms nothing when it wakes`, {
    timeout: 60_000,
  }, async (t) => {
    await withSite({ settings: shortTimes, isBusDurable: true }, async (site) => {
      const second = new Child(`${role}-two`, [role], { ...site.env, TENFOUR_INSTANCE: 'two' }, site.folder);
      // A recorder is ready only once it holds the slot, so it is not waited for yet.
      const started = second.start();
      const witness = await WitnessProcess.start(site, { perSecond });
      t.after(() => {
        witness.kill();
      });
      const first = site[role];
      for (const sleeper of [first, second, first, second]) {
        const { got } = await witness.until(() => true, 0, 'a status');
        sleeper.signal('SIGSTOP');
        await sleep(sleepMs);
        if (sleeper === first) await started;
        sleeper.signal('SIGCONT');
        await witness.until((now) => now.got > got + 100, 15_000, 'it flows again');
      }
      await witness.stopSending();
      await untilDelivered(site);
      await witness.end();
      assert.ok(first.isRunning && second.isRunning, 'both live on');
      for (const child of [first, second]) {
        const log = readFileSync(child.logPath, 'utf8');
        assert.match(log, /"code":"FENCED"/, `${child.name} was never shut out`);
        assert.doesNotMatch(log, /recorder\.finding/, `${child.name} found its own record broken`);
      }

      const settlement = witness.settle();
      t.diagnostic(`sent ${String(settlement.sent)}, told ${JSON.stringify(settlement.told)}`);
      assert.ok(settlement.ok, JSON.stringify(settlement, null, 1));
      assert.equal(settlement.holes.total, 0);
      // With one of them gone in order the other does all the work.
      assert.equal(await first.stop(), 0);
      await assertRecordWhole(site);
      assert.equal(await second.stop(), 0);
      const records = await readRecords(site);
      assert.equal(
        records.filter(({ e }) => e === 'accept').length,
        settlement.told.acked + settlement.told.silent,
      );
    });
  });
}
