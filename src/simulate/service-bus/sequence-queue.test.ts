import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SequenceQueue } from './sequence-queue.ts';
import type { Held } from './stored-message.ts';

const nothing = Buffer.alloc(0);
const held = (sequence: number): Held => ({
  message: {
    sequence,
    enqueuedAtMs: 0,
    expiresAtMs: 0,
    messageId: '',
    annotations: nothing,
    annotationCount: 0,
    bare: nothing,
    deadLetterSource: '',
  },
  deliveryCount: 0,
});

test('hands out in sequence order however messages come back', () => {
  const step = fc.oneof(
    fc.constant('new' as const),
    fc.constant('take' as const),
    fc.nat(10),
    fc.record({ count: fc.nat(5), divisor: fc.integer({ min: 1, max: 4 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new SequenceQueue();
      const expected: number[] = [];
      const taken: Held[] = [];
      let last = 0;
      for (const one of steps) {
        if (one === 'new') {
          queue.add(held(++last));
          expected.push(last);
        } else if (one === 'take') {
          const first = queue.shift();
          assert.equal(first?.message.sequence, expected.shift());
          if (first !== undefined) taken.push(first);
        } else if (typeof one === 'object') {
          const isWanted = ({ message }: Held) => message.sequence % one.divisor === 0;
          for (const { message } of queue.takeNext(one.count, isWanted)) {
            assert.equal(message.sequence % one.divisor, 0);
            expected.splice(expected.indexOf(message.sequence), 1);
          }
        } else {
          const [back] = taken.splice(one % Math.max(1, taken.length), 1);
          if (back === undefined) continue;
          queue.add(back);
          expected.push(back.message.sequence);
          expected.sort((a, b) => a - b);
        }
        assert.equal(queue.length, expected.length);
      }
      const peeked = queue.from(3, 4).map(({ message }) => message.sequence);
      peeked.sort((a, b) => a - b);
      assert.deepEqual(peeked.slice(0, 4), expected.filter((sequence) => sequence >= 3).slice(0, 4));
    }),
  );
});

test('takes the wanted out of the middle, some at a time, until all were looked at', () => {
  const queue = new SequenceQueue();
  for (let sequence = 1; sequence <= 1_000; sequence++) queue.add(held(sequence));
  const isOdd = ({ message }: Held) => message.sequence % 2 === 1;
  const taken = Array.from({ length: 10 }, () => queue.takeNext(100, isOdd).length);
  assert.deepEqual(
    taken,
    Array.from({ length: 10 }, () => 50),
  );
  assert.equal(queue.length, 500);
  for (let sequence = 2; sequence <= 1_000; sequence += 2) {
    assert.equal(queue.shift()?.message.sequence, sequence);
  }
  assert.equal(queue.shift(), undefined);
});

test('stays small while many pass through', () => {
  const queue = new SequenceQueue();
  for (let sequence = 1; sequence <= 100_000; sequence++) {
    queue.add(held(sequence));
    assert.equal(queue.shift()?.message.sequence, sequence);
  }
  assert.equal([...queue].length, 0);
});
