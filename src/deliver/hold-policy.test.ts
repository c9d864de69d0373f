import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldPolicy } from './hold-policy.ts';

const limits = {
  backoffMsMax: 5000,
  unknownTriesMax: 5,
  unknownTriesMs: 60_000,
  throttleMs: 10_000,
  random: () => 1,
};

test('a fault of the message is dead at once when it was alone, and halved to find out when it was not', () => {
  const policy = new HoldPolicy(limits);
  assert.deepEqual(policy.failed('message', 1, 0), { do: 'dead', waitMs: 0 });
  assert.deepEqual(policy.failed('message', 256, 0), { do: 'split', waitMs: 0 });
  assert.equal(policy.failures, 0, 'the lane is not ill');
});

test('a missing entity and a broken link hold with a back-off that doubles up to its limit, for ever', () => {
  for (const fault of ['entity', 'link'] as const) {
    const policy = new HoldPolicy(limits);
    const waits = Array.from({ length: 40 }, () => policy.failed(fault, 256, 0));
    assert.deepEqual(
      waits.slice(0, 9).map(({ waitMs }) => waitMs),
      [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000],
    );
    assert.ok(waits.every((advice) => advice.do === 'wait'));
    assert.equal(waits.at(-1)?.waitMs, 5000);
    assert.equal(policy.failures, 40);
  }
});

test('after something passed the back-off begins anew', () => {
  const policy = new HoldPolicy(limits);
  for (let tries = 0; tries < 6; tries += 1) policy.failed('link', 1, 0);
  policy.passed();
  assert.equal(policy.failures, 0);
  assert.deepEqual(policy.failed('link', 1, 0), { do: 'wait', waitMs: 50 });
});

test('an unknown fault is tried five times over a minute, then the next message is probed', () => {
  const policy = new HoldPolicy(limits);
  let nowMs = 1_000_000;
  const advised: string[] = [];
  while (advised.at(-1) !== 'probe' && advised.length < 20) {
    const { do: what, waitMs } = policy.failed('unknown', 1, nowMs);
    advised.push(what);
    nowMs += waitMs;
  }
  assert.deepEqual(advised, ['wait', 'wait', 'wait', 'wait', 'wait', 'probe']);
  assert.equal(nowMs - 1_000_000 >= 60_000, true);
});

test('tries that came faster than a minute do not condemn a message', () => {
  const policy = new HoldPolicy(limits);
  for (let tries = 0; tries < 100; tries += 1) {
    assert.equal(policy.failed('unknown', 1, tries * 100).do, 'wait');
  }
});

test('an unknown fault of a batch is first narrowed down to its first message', () => {
  const policy = new HoldPolicy(limits);
  assert.deepEqual(policy.failed('unknown', 256, 0), { do: 'split', waitMs: 50 });
  assert.equal(policy.failed('unknown', 1, 50).do, 'wait');
});

test('what passes between clears the count of unknown tries', () => {
  const policy = new HoldPolicy(limits);
  for (let tries = 0; tries < 5; tries += 1) policy.failed('unknown', 1, tries * 15_000);
  policy.passed();
  assert.equal(policy.failed('unknown', 1, 75_000).do, 'wait');
});

test('waits are spread over their upper half, so that couriers do not come back all at once', () => {
  for (const share of [0, 0.25, 1]) {
    const policy = new HoldPolicy({ ...limits, random: () => share });
    const waits = Array.from({ length: 9 }, () => policy.failed('link', 1, 0).waitMs);
    assert.deepEqual(
      waits,
      [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000].map((longest) => (longest / 2) * (1 + share)),
    );
  }
  const spread = { ...limits, random: Math.random };
  const waits = new Set(Array.from({ length: 50 }, () => new HoldPolicy(spread).failed('link', 1, 0).waitMs));
  assert.ok(waits.size > 40);
});

test('a bus that throttles is given what it asks for, and a little more by lot, never less', () => {
  for (const share of [0, 0.5, 1]) {
    const policy = new HoldPolicy({ ...limits, random: () => share });
    assert.deepEqual(policy.throttled(), { do: 'wait', waitMs: 10_000 * (1 + 0.25 * share) });
    assert.equal(policy.failures, 1);
    assert.equal(policy.throttled(2000).waitMs, 2000 * (1 + 0.25 * share), 'as the service named it');
  }
  const slow = new HoldPolicy({ ...limits, throttleMs: 10, backoffMsMax: 400 });
  const waits = Array.from({ length: 5 }, () => slow.throttled().waitMs);
  assert.deepEqual(waits, [50, 100, 200, 400, 400], 'the back-off holds where it is longer');
});
