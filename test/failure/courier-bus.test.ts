import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Site } from '../../src/simulate/site/site.ts';
import { untilRecorded } from './audit-records.ts';
import { metric } from './role-metrics.ts';
import { flowsAgain } from './settled.ts';
import { shortTimes, withSite } from './trial.ts';
import { WitnessProcess } from './witness-process.ts';

const lane = 'point-to-point';

const strike = async (site: Site, order: Readonly<Record<string, string | number>>): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${String(site.busControlPort)}/fault`, {
    method: 'POST',
    body: JSON.stringify(order),
  });
  assert.equal(answer.status, 200, await answer.text());
};

test('what a courier decides about the bus is on the record, in its metrics and its log; frozen out, it still ends on SIGTERM', {
  timeout: 90_000,
}, async (t) => {
  await withSite({ settings: shortTimes }, async (site) => {
    const witness = await WitnessProcess.start(site, { perSecond: 100 });
    t.after(() => {
      witness.kill();
    });
    await strike(site, { fault: 'drop' });
    await strike(site, { fault: 'busy', entity: lane });
    const records = await untilRecorded(
      site,
      (all) =>
        ['throttled', 'link-remade'].every((what) =>
          all.some((one) => one.e === 'bus' && one.lane === lane && one.what === what),
        ),
      'throttled, and a link made anew',
    );
    const throttled = records.find((one) => one.e === 'bus' && one.what === 'throttled');
    const said = { e: 'bus', lane, what: 'throttled', code: 'ServiceBusy', n: 1, t: 0 };
    assert.deepEqual({ ...throttled, n: 1, t: 0 }, said);
    assert.ok((await metric(site.courier, `tenfour_bus_throttled_total{lane="${lane}"}`)) >= 1);
    // As the drop found it: with a batch out, or between two.
    const links = ['failed', 'detached'].map((what) =>
      metric(site.courier, `tenfour_bus_links_total{lane="${lane}",what="${what}"}`),
    );
    assert.ok((await Promise.all(links)).some((count) => count >= 1));
    assert.match(
      readFileSync(site.courier.logPath, 'utf8'),
      /"event":"bus\.throttled","lane":"point-to-point"/,
    );
    await flowsAgain(witness);

    await strike(site, { fault: 'freeze', forMs: 600_000 });
    // 0: it drained, and was not cut off at the end of its patience.
    assert.equal(await site.courier.stop(), 0);
    const { code, stdout } = await site.tenfour(['audit', 'verify']);
    assert.equal(code, 0, stdout);
  });
});
