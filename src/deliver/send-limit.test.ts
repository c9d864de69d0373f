import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { SendLimit } from './send-limit.ts';

test('so many are out at once and no more; who waits is served in turn, and every place comes back', async () => {
  const counts: number[] = [];
  const limit = new SendLimit(3, (out) => counts.push(out));
  const served: number[] = [];
  const leaves: (() => void)[] = [];
  let [out, most] = [0, 0];
  const send = async (n: number): Promise<void> => {
    const place = limit.enter();
    if (place !== undefined) await place;
    served.push(n);
    most = Math.max(most, (out += 1));
    await new Promise<void>((resolve) => leaves.push(resolve));
    out -= 1;
    limit.leave();
  };
  const all = Array.from({ length: 10 }, (_, n) => send(n));
  assert.deepEqual(served, [0, 1, 2]);
  while (leaves.length > 0) {
    leaves.shift()?.();
    await turn();
  }
  await Promise.all(all);
  assert.equal(most, 3);
  assert.deepEqual(served, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([counts.slice(0, 3), counts.at(-1)], [[1, 2, 3], 0]);
  assert.equal(limit.enter(), undefined, 'there is room again');
});
