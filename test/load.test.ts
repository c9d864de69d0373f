import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { deliveryKey, readControl, writeControl } from '../loadtest/identity.ts';
import { mixLength, mixOf, mixSummary } from '../loadtest/mix.ts';
import { reconcile } from '../loadtest/reconcile.ts';

const KEYS = [
  ...['acceptedPerSecond', 'deliveredPerSecond', 'ackP50Ms', 'ackP99Ms', 'endToEndP50Ms', 'endToEndP99Ms'],
  ...['lost', 'duplicates', 'cpuUsPerMessage', 'settings', 'acceptLoopPerSecond'],
];
const PROCESSES = ['gateway', 'courier', 'recorder', 'redis', 'bus', 'generator', 'drainer'];
const RUN_MS_MAX = 60_000;

test('a load run ends with one line of JSON that names every measure, and nothing is lost or repeated', async () => {
  const program = join(import.meta.dirname, '../loadtest/load.ts');
  const args = ['--json', '--seconds', '2', '--warmup', '0.5', '--lines', '4', '--rate', '400'];
  // Rejects on any exit code but 0.
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { timeout: RUN_MS_MAX });
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
  assert.deepEqual(Object.keys(result), KEYS);
  assert.deepEqual(Object.keys(result['cpuUsPerMessage'] ?? {}), PROCESSES);
  assert.equal(result['lost'], 0);
  assert.equal(result['duplicates'], 0);
  // 400 a second, of which 5 % are refused.
  assert.ok(Number(result['acceptedPerSecond']) > 300, 'most of the rate asked for is accepted');
  assert.ok(Number(result['deliveredPerSecond']) > 450, 'each accepted message makes 1.5 deliveries');
  assert.ok(Number(result['endToEndP50Ms']) > Number(result['ackP50Ms']) / 2, 'both latencies are measured');
  assert.ok(Number(result['acceptLoopPerSecond']) > 100, 'the bare accept script was measured beside it');
});

test('a delivery that nobody got, one that came twice and one that nobody sent are each counted', () => {
  const keys = (...values: number[]) => Float64Array.from(values).sort();
  const found = reconcile(keys(1, 2, 3, 4), keys(1, 1, 2, 9), keys(2, 3));
  assert.deepEqual(found, { lost: 1, duplicates: 1, markedDuplicates: 1, strays: 1 });
});

test('a control field says line and time again, and deliveries of different messages never share a key', () => {
  const frame = Buffer.alloc(12, '.');
  writeControl(frame, 1, 511, 3_600_000_000);
  const identity = readControl(frame.toString('latin1', 1, 11));
  assert.deepEqual(identity, { line: 511, stampUs: 3_600_000_000 });
  assert.equal(readControl('ab00000000'), undefined);
  const near = [
    { line: 0, stampUs: 1 },
    { line: 0, stampUs: 2 },
    { line: 1, stampUs: 1 },
  ].flatMap((each) => [0, 1, 4].map((destination) => deliveryKey(each, destination)));
  assert.equal(new Set(near).size, 9);
});

test('the mix is what design 8 fixes', () => {
  const { frameBytesAverage, keys, destinationsAverage, refusedShare } = mixSummary();
  assert.equal(frameBytesAverage, 400);
  assert.equal(keys.length, 8);
  assert.equal(destinationsAverage, 1.5);
  assert.equal(refusedShare, 0.05);
  assert.equal(mixOf('CA0991001').length, mixLength);
});
