import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, type Site } from '../../src/simulate/site/site.ts';
import { readRecords } from './audit-records.ts';
import { atStations, settledWhole } from './settled.ts';
import { shortResend, shortTimes, withSite } from './trial.ts';
import { WitnessProcess } from './witness-process.ts';

const perSecond = 400;
/** Longer than lease and margin together: whoever sleeps so long has lost what it owned. */
const sleepMs = 1_600;

/** A second process in the same role, which gets its turn when the first loses it. */
const secondOf = (site: Site, role: 'courier' | 'recorder'): Child =>
  new Child(`${role}-two`, [role], { ...site.env, TENFOUR_INSTANCE: 'two' }, site.folder);

test('a courier that slept past its lease is shut out, and what it still holds is sent by nobody twice without a mark', {
  timeout: 60_000,
}, async (t) => {
  // Only duplicate detection can swallow a batch that was half way to the bus when its sender fell asleep: it leaves, unmarked, when the
  // sender wakes up and before it can know.
  const options = {
    settings: shortTimes,
    editLine: shortResend,
    isBusDurable: true,
    isRepeatSwallowed: true,
  };
  await withSite(options, async (site) => {
    const [first, second] = [site.courier, secondOf(site, 'courier')];
    t.after(() => second.kill9());
    await second.start();
    const witness = await WitnessProcess.start(site, { ...atStations, perSecond });
    t.after(() => {
      witness.kill();
    });
    for (const sleeper of [first, second, first, second]) {
      sleeper.signal('SIGSTOP');
      await sleep(sleepMs);
      const { got } = await witness.until(() => true, 0, 'a status');
      await witness.until((now) => now.got > got + 100, 15_000, 'it flows without the sleeper');
      sleeper.signal('SIGCONT');
      await sleep(300);
    }
    const { holes, expired, unconfirmed, dead } = await settledWhole(t, site, witness);
    assert.deepEqual([holes.total, expired, unconfirmed, dead], [0, 0, 0, 0]);
    for (const child of [first, second]) {
      assert.ok(child.isRunning, `${child.name} lives on`);
      assert.match(
        readFileSync(child.logPath, 'utf8'),
        /"code":"FENCED"/,
        `${child.name} was never shut out`,
      );
    }
    assert.equal(await second.stop(), 0);
  });
});

test('a recorder that dies is replaced by the one that waits, in the same folder, and no page is missing or found broken', {
  timeout: 60_000,
}, async (t) => {
  await withSite({ settings: shortTimes, editLine: shortResend }, async (site) => {
    let [holder, standby] = [site.recorder, secondOf(site, 'recorder')];
    const second = standby;
    t.after(() => second.kill9());
    // It is ready only once it holds the slot.
    let standbyReady = standby.start();
    const witness = await WitnessProcess.start(site, { ...atStations, perSecond });
    t.after(() => {
      witness.kill();
    });
    for (let round = 0; round < 4; round += 1) {
      await sleep(400);
      await holder.kill9();
      await standbyReady;
      [holder, standby] = [standby, holder];
      standbyReady = standby.start();
    }
    const { told, holes } = await settledWhole(t, site, witness);
    assert.equal(holes.total, 0);
    assert.equal(await holder.stop(), 0);
    await standbyReady;
    const accepted = (await readRecords(site)).filter(({ e }) => e === 'accept').length;
    assert.equal(accepted, told.acked);
    for (const { logPath } of [holder, standby])
      assert.doesNotMatch(readFileSync(logPath, 'utf8'), /recorder\.finding/);
    assert.equal(await standby.stop(), 0);
  });
});
