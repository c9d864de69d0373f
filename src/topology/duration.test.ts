import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isoDuration, secondsOf } from './duration.ts';

test('writes whole seconds as the service does', () => {
  const cases: [seconds: number, text: string][] = [
    [0, 'PT0S'],
    [20, 'PT20S'],
    [300, 'PT5M'],
    [3600, 'PT1H'],
    [5400, 'PT1H30M'],
    [86_400, 'P1D'],
    [90_061, 'P1DT1H1M1S'],
  ];
  for (const [seconds, text] of cases) assert.equal(isoDuration(seconds), text);
});

test('reads what it writes, the time spans of the service, and nothing else', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000_000), (seconds) => {
      assert.equal(secondsOf(isoDuration(seconds)), seconds);
    }),
  );
  assert.equal(secondsOf('P10675199DT2H48M5.4775807S'), Infinity);
  assert.equal(secondsOf('PT1.5S'), 1.5);
  assert.equal(secondsOf('PT90S'), 90);
  for (const text of ['', '1H', 'PT1X', `PT${'1'.repeat(60)}S`]) assert.equal(secondsOf(text), undefined);
});
