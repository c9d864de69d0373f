import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { LaneReport } from './lane-report.ts';

const lane = 'broadcast';
const shown = async (metrics: Metrics) => (await metrics.registry.metrics()).split('\n');

test('dead and expired letters are shown as 0 before there is one, so that the first is seen to come', async () => {
  const metrics = new Metrics();
  new LaneReport(lane, new Log('error'), metrics).waiting(0);
  const lines = await shown(metrics);
  for (const outcome of ['dead', 'expired'])
    assert.ok(lines.includes(`tenfour_deliveries_total{lane="${lane}",outcome="${outcome}"} 0`), outcome);
});

test('a lane that is another’s now neither waits nor holds here', async () => {
  const metrics = new Metrics();
  const report = new LaneReport(lane, new Log('error'), metrics);
  report.waiting(7);
  report.holding({ code: 'DELIVER_SILENT', busCode: '' }, 1);
  const [waiting, holding] = ['tenfour_lane_waiting_messages', 'tenfour_lane_holding'];
  const before = await shown(metrics);
  assert.ok(
    before.includes(`${waiting}{lane="${lane}"} 7`) && before.includes(`${holding}{lane="${lane}"} 1`),
  );
  report.left();
  const after = await shown(metrics);
  assert.ok(after.includes(`${waiting}{lane="${lane}"} 0`) && after.includes(`${holding}{lane="${lane}"} 0`));
});
