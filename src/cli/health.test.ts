import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { freePort } from '../simulate/redis/ping.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { serveOperations } from '../telemetry/operations.ts';
import { run } from './health.ts';
import { UsageError } from './usage.ts';

let isReady = true;
const operations = await serveOperations({
  host: '127.0.0.1',
  port: 0,
  metrics: new Metrics(),
  readiness: () => ({ ready: isReady, reasons: isReady ? [] : ['REDIS_DOWN'] }),
});
after(() => operations.close());
const port = String(operations.port);

test('a role that waits for Redis lives, and is not ready', async () => {
  assert.equal(await run(['--port', port]), 0);
  assert.equal(await run(['--ready', '--port', port]), 0);
  isReady = false;
  assert.equal(await run(['--port', port]), 0);
  assert.equal(await run(['--ready', '--port', port]), 1);
});

test('no answer is a no', async () => {
  assert.equal(await run(['--port', String(await freePort())]), 1);
});

test('without a port to ask it says what to set', async () => {
  for (const args of [[], ['--port', '0'], ['--port', 'x'], ['--port', '65536']])
    await assert.rejects(
      run(args),
      (error) => error instanceof UsageError && /TENFOUR_OPS_PORT/.test(error.message),
    );
});
