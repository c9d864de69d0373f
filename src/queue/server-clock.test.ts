import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerClock } from './server-clock.ts';

/** A clock that has seen Redis at `START`, when our own monotonic clock stood at 1000. */
const START = 1_700_000_000_000;
const started = (): { clock: ServerClock; jumps: number[] } => {
  const jumps: number[] = [];
  const clock = new ServerClock((jumpMs) => {
    jumps.push(jumpMs);
  });
  clock.observe(START, 1000);
  return { clock, jumps };
};

test('a deadline is past only when a reply of Redis has said so', () => {
  const { clock, jumps } = started();
  assert.equal(clock.isPast(START - 1), true);
  assert.equal(clock.isPast(START), true);
  assert.equal(clock.isPast(START + 1), false);
  clock.observe(START + 500, 1500);
  assert.equal(clock.isPast(START + 500), true);
  assert.equal(clock.isPast(START + 501), false);
  assert.equal(clock.isPast(0), false, 'no deadline is never past');
  assert.deepEqual(jumps, []);
});

test('before the first reply no deadline is past', () => {
  const clock = new ServerClock(() => undefined);
  assert.equal(clock.isPast(1), false);
  assert.equal(clock.isSuspended, false);
});

test('a jump of over 30 s, either way, suspends expiry and is told once; a clock that comes back ends it', () => {
  for (const jumpMs of [30_001, -30_001, 3_600_000]) {
    const { clock, jumps } = started();
    for (const laterMs of [1000, 2000]) {
      clock.observe(START + laterMs + jumpMs, 1000 + laterMs);
      assert.equal(clock.isSuspended, true);
      assert.equal(clock.isPast(START - 1), false);
    }
    assert.deepEqual(jumps, [jumpMs]);
    clock.observe(START + 3000, 4000);
    assert.equal(clock.isSuspended, false);
    assert.equal(clock.isPast(START + 3000), true);
    clock.observe(START + 4000 + jumpMs, 5000);
    assert.deepEqual(jumps, [jumpMs, jumpMs], 'a second jump is told again');
  }
});

test('a jump of 30 s is none, and drift that is slow never becomes one', () => {
  const { clock, jumps } = started();
  clock.observe(START + 30_000, 1000);
  assert.equal(clock.isSuspended, false);
  for (let hour = 1; hour < 48; hour += 1) {
    clock.observe(START + 30_000 + hour * 3_610_000, 1000 + hour * 3_600_000);
  }
  assert.equal(clock.isSuspended, false);
  assert.deepEqual(jumps, []);
});
