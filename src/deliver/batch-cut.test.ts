import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BatchCut } from './batch-cut.ts';

/** A lane of numbers in order, sent as the cut says to a bus that refuses batches with a poison in them, and poisons alone. */
const sendAll = (
  count: number,
  full: number,
  poisons: ReadonlySet<number>,
): { readonly arrived: readonly number[]; readonly dead: readonly number[]; readonly failures: number } => {
  const lane = Array.from({ length: count }, (_, n) => n);
  const cut = new BatchCut<number>(full);
  const arrived: number[] = [];
  const dead: number[] = [];
  let failures = 0;
  for (let sends = 0; lane.length > 0; sends += 1) {
    assert.ok(sends < 100 * count + 100, 'it ends');
    const size = cut.next((message) => lane.includes(message));
    assert.ok(size >= 1 && size <= full);
    const batch = lane.slice(0, size);
    if (!batch.some((message) => poisons.has(message))) {
      cut.passed(batch);
      arrived.push(...lane.splice(0, batch.length));
    } else {
      failures += 1;
      if (batch.length > 1) cut.split(batch);
      else dead.push(...lane.splice(0, 1));
    }
  }
  return { arrived, dead, failures };
};

test('one poison of a batch costs at most log2 of it in failing sends and one more, wherever it stands', () => {
  for (let at = 0; at < 768; at += 1) {
    const { arrived, dead, failures } = sendAll(768, 768, new Set([at]));
    assert.deepEqual(dead, [at]);
    assert.equal(arrived.length, 767);
    assert.ok(failures <= Math.ceil(Math.log2(768)) + 1, `${String(at)}: ${String(failures)}`);
  }
});

test('whatever is poisonous: only that is dead, the rest arrives, and all in order', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 40 }),
      fc.uniqueArray(fc.nat({ max: 59 })),
      (count, full, some) => {
        const poisons = new Set(some.filter((n) => n < count));
        const { arrived, dead, failures } = sendAll(count, full, poisons);
        const all = Array.from({ length: count }, (_, n) => n);
        assert.deepEqual(
          arrived,
          all.filter((n) => !poisons.has(n)),
        );
        assert.deepEqual(
          dead,
          all.filter((n) => poisons.has(n)),
        );
        assert.ok(failures <= poisons.size * (Math.ceil(Math.log2(full)) + 1));
      },
    ),
  );
});

test('what was taken off the lane in the meantime is no longer suspected', () => {
  const cut = new BatchCut<string>(8);
  cut.split(['a', 'b', 'c', 'd']);
  assert.equal(
    cut.next(() => true),
    2,
  );
  assert.equal(
    cut.next((message) => message === 'd'),
    1,
  );
  assert.equal(
    cut.next(() => false),
    8,
  );
});

test('after throttling a batch is half as large, and doubles with each that passes', () => {
  const cut = new BatchCut<number>(100);
  const here = () => true;
  cut.throttled(100);
  cut.throttled(50);
  const sizes = [cut.next(here)];
  for (let passes = 0; passes < 4; passes += 1) {
    cut.passed([]);
    sizes.push(cut.next(here));
  }
  assert.deepEqual(sizes, [25, 50, 100, 100, 100]);
  cut.throttled(1);
  assert.equal(cut.next(here), 1);
});
