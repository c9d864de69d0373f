import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRecord } from '../audit/records.ts';
import { BusRecords } from './bus-records.ts';

test('a decision is written once, with the time of its first; the same again within a minute is counted', () => {
  const records = new BusRecords();
  records.add('broadcast', 'throttled', 'ServiceBusy', 1000);
  records.add('broadcast', 'throttled', 'ServiceBusy', 1500);
  records.add('broadcast', 'circuit-opened', 'ServiceBusy', 1200);
  const first = records.take(2000);
  assert.deepEqual(first, [
    { e: 'bus', lane: 'broadcast', what: 'throttled', code: 'ServiceBusy', n: 2, t: 1000 },
    { e: 'bus', lane: 'broadcast', what: 'circuit-opened', code: 'ServiceBusy', n: 1, t: 1200 },
  ]);
  for (const record of first) assert.deepEqual(checkRecord(record), record);
  for (let n = 0; n < 5000; n += 1) records.add('broadcast', 'throttled', 'ServiceBusy', 3000 + n);
  assert.deepEqual(records.take(9000), []);
  const [later, ...more] = records.take(62_000);
  assert.deepEqual([later?.n, later?.t, more], [5000, 3000, []]);
});

test('at the end all that was counted is written', () => {
  const records = new BusRecords();
  records.add('broadcast', 'batch-split', 'MessageSizeExceeded', 1000);
  records.take(1000);
  records.add('broadcast', 'batch-split', 'MessageSizeExceeded', 1001);
  assert.equal(records.take(1002).length, 0);
  assert.equal(records.take(1003, true)[0]?.n, 1);
  assert.deepEqual(records.take(1004, true), []);
});
