import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Schedule, type Scheduled } from './schedule.ts';

const nothing = Buffer.alloc(0);
const scheduled = (sequence: number, dueAtMs: number): Scheduled => ({
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
  dueAtMs,
  ttlMs: 0,
});

const numbers = (schedule: Schedule) => [...schedule.all()].map(({ message }) => message.sequence);

test('gives what is due by time and then by number, never what was cancelled', () => {
  const step = fc.record({ due: fc.nat(20), isCancelled: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(20), (steps, nowMs) => {
      const schedule = new Schedule();
      for (const [at, { due }] of steps.entries()) schedule.add(scheduled(at + 1, due));
      for (const [at, { isCancelled }] of steps.entries()) if (isCancelled) schedule.remove(at + 1);
      const expected = steps
        .map(({ due, isCancelled }, at) => ({ due, isCancelled, sequence: at + 1 }))
        .filter(({ due, isCancelled }) => !isCancelled && due <= nowMs)
        .sort((a, b) => a.due - b.due || a.sequence - b.sequence)
        .map(({ sequence }) => sequence);
      const given: number[] = [];
      for (let due = schedule.firstDue(nowMs); due !== undefined; due = schedule.firstDue(nowMs)) {
        given.push(due.message.sequence);
        schedule.remove(due.message.sequence);
      }
      assert.deepEqual(given, expected);
      assert.ok([...schedule.all()].every(({ dueAtMs }) => dueAtMs > nowMs));
    }),
  );
});

test('does not grow while messages are scheduled and cancelled, and counts their bytes', () => {
  const schedule = new Schedule();
  schedule.add(scheduled(1, 5));
  for (let sequence = 2; sequence < 50_000; sequence++) {
    schedule.add(scheduled(sequence, 10_000 - (sequence % 100)));
    schedule.remove(sequence);
  }
  assert.deepEqual([schedule.length, schedule.bytes, numbers(schedule)], [1, 200, [1]]);
  assert.ok(schedule.slots < 1_100, `${String(schedule.slots)} slots for one message`);
  assert.equal(schedule.firstDue(4), undefined);
  assert.equal(schedule.firstDue(5)?.message.sequence, 1);
});
