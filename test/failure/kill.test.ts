import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from '../../src/simulate/site/site.ts';
import { seeded } from './seeded.ts';
import { atStations, flowsAgain, settledWhole } from './settled.ts';
import { shortResend, shortTimes, withSite } from './trial.ts';
import { WitnessProcess } from './witness-process.ts';

const kills = 4;
const pauseMinMs = 200;
const pauseSpanMs = 1_200;
const perSecond = 400;

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** How each process dies and comes back, on the same ports and with the same files. */
const victims: Readonly<Record<string, (site: Site) => Promise<unknown>>> = {
  gateway: async ({ gateway }) => {
    await gateway.kill9();
    return await gateway.start();
  },
  courier: async ({ courier }) => {
    await courier.kill9();
    return await courier.start();
  },
  recorder: async ({ recorder }) => {
    await recorder.kill9();
    return await recorder.start();
  },
  bus: async ({ bus }) => {
    await bus.kill9();
    return await bus.start();
  },
  Redis: async ({ redis }) => {
    redis.kill9();
    await redis.restart();
  },
};

for (const [at, [name, killAndRestart]] of Object.entries(victims).entries()) {
  test(`loses nothing, repeats nothing unmarked and keeps order when ${name} is killed ${String(kills)} times under load`, {
    timeout: 60_000,
  }, async (t) => {
    const random = seeded(seed + at);
    t.diagnostic(`SEED=${String(seed)}`);
    // After these two die it is unknown what the bus has, so it is sent again. A bus that lets repeats through shows their marks.
    const isRepeatSwallowed = name !== 'courier' && name !== 'bus';
    const options = {
      settings: shortTimes,
      isBusDurable: true,
      isRepeatSwallowed,
      editLine: shortResend,
    };
    await withSite(options, async (site) => {
      const witness = await WitnessProcess.start(site, { ...atStations, perSecond });
      t.after(() => {
        witness.kill();
      });
      for (let kill = 0; kill < kills; kill += 1) {
        await sleep(pauseMinMs + random() * pauseSpanMs);
        await killAndRestart(site);
      }
      await flowsAgain(witness);
      const { told, expired, unconfirmed, dead, holes } = await settledWhole(t, site, witness);
      assert.ok(told.acked > 300 && told.refused > 10, 'there was load');
      assert.deepEqual(holes, { total: 0, first: [] });
      assert.deepEqual([expired, unconfirmed, dead], [0, 0, 0]);
      for (const [station, { got }] of Object.entries(witness.status?.stations ?? {}))
        assert.ok(got > 50, `${station} got only ${String(got)}`);
    });
  });
}
