import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentIds } from './recent-ids.ts';

test('knows an id until its window is over', () => {
  const recent = new RecentIds(1_000, 10);
  recent.add('a', 0);
  assert.equal(recent.has('a', 999), true);
  assert.equal(recent.has('a', 1_000), false);
  assert.equal(recent.has('b', 0), false);
});

test('an id seen again counts from then on', () => {
  const recent = new RecentIds(1_000, 10);
  recent.add('a', 0);
  recent.add('b', 500);
  recent.add('a', 900);
  recent.add('c', 1_400);
  assert.deepEqual(
    ['a', 'b', 'c'].map((id) => recent.has(id, 1_450)),
    [true, true, true],
  );
  recent.add('d', 1_600);
  assert.deepEqual(
    ['a', 'b', 'c'].map((id) => recent.has(id, 1_600)),
    [true, false, true],
  );
  assert.equal(recent.size, 3);
});

test('holds no more ids than its limit, and the newest of them', () => {
  const recent = new RecentIds(1_000_000, 3);
  for (let id = 0; id < 1_000; id += 1) recent.add(String(id), id);
  assert.equal(recent.size, 3);
  assert.deepEqual(
    ['996', '997', '998', '999'].map((id) => recent.has(id, 1_000)),
    [false, true, true, true],
  );
});
