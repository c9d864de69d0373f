import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PriorityClass, priorityClasses } from '../message/delivery.ts';
import { ServerClock } from '../queue/queue.ts';
import { LaneHand } from './lane-hand.ts';
import type { Parcel } from './parcel.ts';

type Letter = Parcel<string>;

const GUARD = 16;
const runs = { numRuns: 300 };

const parcel = (priorityClass: PriorityClass, seq: number, of: Partial<Letter> = {}): Letter => ({
  priorityClass,
  seq,
  gap: 0,
  deadlineMs: 0,
  isDue: false,
  entryBytes: 1,
  delivery: undefined,
  hasSharedBody: false,
  sealed: undefined,
  handedAtMs: 0,
  cargo: 'cargo',
  fate: undefined,
  isPossibleDuplicate: false,
  isOut: false,
  tries: 1,
  ...of,
});
const DEAD = { outcome: 'dead', code: 'DELIVER_MESSAGE', busCode: '' } as const;

/** A hand with as many of each class as said, numbered from 1. */
const handOf = (counts: Partial<Record<PriorityClass, number>>, takeMax = 100, classMax = 300) => {
  const hand = new LaneHand<string>(takeMax, classMax, () => 0);
  for (const one of priorityClasses)
    for (let seq = 1; seq <= (counts[one] ?? 0); seq += 1) hand.add(parcel(one, seq));
  return hand;
};
const names = (parcels: readonly Letter[]) =>
  parcels.map(({ priorityClass, seq }) => `${String(priorityClass)}.${String(seq)}`);
const classesOf = (parcels: readonly Letter[]) => parcels.map(({ priorityClass }) => priorityClass);
const clockAt = (nowMs: number): ServerClock => {
  const clock = new ServerClock(() => undefined);
  clock.observe(nowMs);
  return clock;
};

test('service is strict by class, and one in sixteen comes from the lowest class that has something', () => {
  const front = handOf({ 1: 40, 4: 40, 6: 40 }).front(33);
  const expected = Array.from({ length: 33 }, (_, at) => ((at + 1) % GUARD === 0 ? 6 : 1));
  assert.deepEqual(classesOf(front), expected);
});

test('the guard counts on over batches, however small they are', () => {
  const hand = handOf({ 0: 60, 5: 60 });
  const served: Letter[] = [];
  while (served.length < 48) served.push(...hand.removeThrough(hand.front(1)));
  assert.deepEqual(
    classesOf(served).flatMap((one, at) => (one === 5 ? [at + 1] : [])),
    [16, 32, 48],
  );
});

test('a class that is alone is served alone, guard or not', () => {
  assert.deepEqual(
    names(handOf({ 3: 20 }).front(20)),
    Array.from({ length: 20 }, (_, at) => `3.${String(at + 1)}`),
  );
});

test('the front ends a class at a parcel that cannot be sent, and goes on with the others', () => {
  const hand = new LaneHand<string>(100, 300, () => 0);
  for (const one of [parcel(1, 1), parcel(1, 2, { fate: DEAD }), parcel(1, 3), parcel(4, 1)]) hand.add(one);
  assert.deepEqual(names(hand.front(10)), ['1.1', '4.1']);
});

test('what is removed takes what stands before it in its class with it', () => {
  const hand = new LaneHand<string>(100, 300, () => 0);
  const [poison, next] = [parcel(4, 1), parcel(4, 3)];
  for (const one of [poison, parcel(4, 2, { fate: DEAD }), next, parcel(4, 4), parcel(5, 1)]) hand.add(one);
  assert.equal(hand.sendableBeside(poison), next);
  assert.deepEqual(names(hand.removeThrough([poison, next])), ['4.1', '4.2', '4.3']);
  assert.equal(hand.size, 2);
  assert.deepEqual(names(hand.front(10)), ['4.4', '5.1']);
});

test('what can be sent besides one parcel is the first of the highest class; alone, there is none', () => {
  const hand = new LaneHand<string>(100, 300, () => 0);
  const one = parcel(2, 1);
  hand.add(one);
  hand.add(parcel(0, 1, { fate: DEAD }));
  assert.equal(hand.sendableBeside(one), undefined);
  const other = parcel(6, 1);
  hand.add(other);
  assert.equal(hand.sendableBeside(one), other);
});

test('parcels past their deadline leave as expired; those that are out, or of another minute, stay', () => {
  const hand = new LaneHand<string>(100, 300, () => 0);
  const out = parcel(2, 1, { deadlineMs: 500, isOut: true });
  const late = parcel(4, 1, { deadlineMs: 1000 });
  const early = parcel(4, 2, { deadlineMs: 1001 });
  for (const one of [out, parcel(2, 2, { deadlineMs: 500 }), late, early, parcel(5, 1)]) hand.add(one);
  assert.deepEqual(names(hand.shed(clockAt(1000))), ['4.1']);
  assert.equal(late.fate?.outcome, 'expired');
  assert.equal(late.fate.code, 'DELIVER_EXPIRED');
  assert.equal(out.fate, undefined);
  assert.equal(early.fate, undefined);
  // The one behind the one that is out is judged, but leaves only in its turn.
  assert.deepEqual(names(hand.front(10)), ['2.1', '4.2', '5.1']);
  assert.deepEqual(names(hand.removeThrough([out])), ['2.1']);
  assert.deepEqual(names(hand.shed(clockAt(1000))), ['2.2']);
  assert.equal(hand.size, 2);
});

test('a parcel past its deadline is not sent though one with a longer deadline stands before it', () => {
  const hand = new LaneHand<string>(100, 300, () => 0);
  for (const one of [parcel(4, 1), parcel(4, 2, { deadlineMs: 10 }), parcel(4, 3)]) hand.add(one);
  assert.deepEqual(hand.shed(clockAt(10)), []);
  const front = hand.front(10);
  assert.deepEqual(names(front), ['4.1']);
  hand.removeThrough(front);
  assert.deepEqual(names(hand.shed(clockAt(10))), ['4.2']);
  assert.deepEqual(names(hand.front(10)), ['4.3']);
});

test('no deadline is judged while the clock is suspended', () => {
  const hand = new LaneHand<string>(100, 300, () => 0);
  hand.add(parcel(4, 1, { deadlineMs: 1000 }));
  const clock = new ServerClock(() => undefined);
  clock.observe(1000, 0);
  clock.observe(100_000, 1);
  assert.equal(clock.isSuspended, true);
  assert.deepEqual(hand.shed(clock), []);
  assert.deepEqual(names(hand.front(1)), ['4.1']);
});

test('takes ask each class once until somebody says that there may be more, and never for more than there is room', () => {
  const hand = new LaneHand<string>(4, 6, (one) => one * 10);
  assert.deepEqual(
    hand.takes(),
    priorityClasses.map((one) => ({ priorityClass: one, after: one * 10, count: 4 })),
  );
  assert.equal(hand.canTake, false);
  assert.deepEqual(hand.takes(), []);
  for (let seq = 41; seq <= 44; seq += 1) hand.add(parcel(4, seq));
  hand.sawMore(4);
  assert.deepEqual(hand.takes(), [{ priorityClass: 4, after: 44, count: 2 }]);
  hand.add(parcel(4, 45));
  hand.add(parcel(4, 46));
  hand.sawMore(4);
  assert.equal(hand.canTake, false, 'no room');
  assert.deepEqual(hand.takes(), []);
  hand.removeThrough(hand.front(1));
  assert.equal(hand.canTake, true, 'room again, and still to be looked at');
  assert.deepEqual(hand.takes(), [{ priorityClass: 4, after: 46, count: 1 }]);
  hand.lookAgain();
  assert.equal(hand.takes().length, 7);
});

test('numbers that expired without an owner are the gap before the next one', () => {
  const hand = new LaneHand<string>(100, 300, () => 7);
  assert.equal(hand.gapBefore(3, 8), 0);
  assert.equal(hand.gapBefore(3, 11), 3);
  hand.add(parcel(3, 11));
  assert.equal(hand.gapBefore(3, 12), 0);
});

test('what may have reached somebody is known by class, and only rises', () => {
  const hand = new LaneHand<string>(100, 300, (one) => (one === 4 ? 3 : 0));
  assert.equal(hand.sentUpTo.get(4), 3);
  hand.sending([parcel(4, 5), parcel(4, 4), parcel(2, 1)]);
  assert.deepEqual([hand.sentUpTo.get(4), hand.sentUpTo.get(2), hand.sentUpTo.get(0)], [5, 1, 0]);
  hand.sending([parcel(4, 4)]);
  assert.equal(hand.sentUpTo.get(4), 5);
});

const someCounts = fc.record({
  0: fc.nat(30),
  1: fc.nat(30),
  2: fc.nat(30),
  3: fc.nat(30),
  4: fc.nat(60),
  5: fc.nat(30),
  6: fc.nat(60),
});

test('property: whatever the batches, all of a hand is served once, in order within each class, and by the rule of service', () => {
  fc.assert(
    fc.property(someCounts, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (counts, sizes) => {
      const hand = handOf(counts);
      const total = hand.size;
      const left = { ...counts };
      const served: Letter[] = [];
      for (let batch = 0; hand.size > 0; batch += 1) {
        const front = hand.front(sizes[batch % sizes.length] ?? 1);
        for (const { priorityClass, seq } of front) {
          const filled = priorityClasses.filter((one) => left[one] > 0);
          const isGuard = (served.length + 1) % GUARD === 0;
          assert.equal(priorityClass, isGuard ? filled.at(-1) : filled[0]);
          assert.equal(seq, counts[priorityClass] - left[priorityClass] + 1);
          left[priorityClass] -= 1;
          served.push(parcel(priorityClass, seq));
        }
        assert.equal(hand.removeThrough(front).length, front.length);
      }
      assert.equal(served.length, total);
    }),
    runs,
  );
});

test('property: with fates and deadlines anywhere, nothing doomed is at the front, nothing is lost, and order within a class holds', () => {
  const one = fc.record({
    priorityClass: fc.constantFrom<PriorityClass>(1, 4, 6),
    kind: fc.constantFrom('good', 'good', 'dead', 'late'),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 80 }), fc.integer({ min: 1, max: 20 }), (given, size) => {
      const hand = new LaneHand<string>(100, 300, () => 0);
      const seqs = new Map<PriorityClass, number>();
      for (const { priorityClass, kind } of given) {
        const seq = (seqs.get(priorityClass) ?? 0) + 1;
        seqs.set(priorityClass, seq);
        const of = { fate: kind === 'dead' ? DEAD : undefined, deadlineMs: kind === 'late' ? 1 : 0 };
        hand.add(parcel(priorityClass, seq, of));
      }
      const clock = clockAt(1);
      const left: Letter[] = [];
      let sent = 0;
      while (hand.size > 0) {
        left.push(...hand.shed(clock));
        const front = hand.front(size);
        assert.ok(front.every(({ fate, deadlineMs }) => fate === undefined && deadlineMs === 0));
        assert.ok(front.length > 0 || hand.size === 0, 'a hand that holds something has a front');
        sent += front.length;
        left.push(...hand.removeThrough(front));
      }
      assert.equal(left.length, given.length);
      assert.equal(sent, given.filter(({ kind }) => kind === 'good').length);
      for (const priorityClass of [1, 4, 6] as const) {
        const order = left.filter((each) => each.priorityClass === priorityClass).map(({ seq }) => seq);
        assert.deepEqual(
          order,
          order.map((_, at) => at + 1),
        );
      }
    }),
    runs,
  );
});
