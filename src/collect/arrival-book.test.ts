import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ArrivalBook, type Book } from './arrival-book.ts';
import type { Arrived } from './arrived.ts';

const GRACE_MS = 1000;
const KEPT_MS = 60_000;
const of = (seq: number, more: Partial<Arrived> = {}): Arrived => ({
  priorityClass: 2,
  seq,
  isMarked: false,
  isAgain: false,
  ...more,
});
const nothing = { missing: 0, explained: 0, unwatched: 0 };
/** A book that is watched from the first moment. */
const opened = (): ArrivalBook => {
  const book = new ArrivalBook(undefined, GRACE_MS, 0);
  book.judge(0, KEPT_MS);
  return book;
};

test('what arrives in order or late, within its time, leaves nothing open', () => {
  const book = opened();
  const outcomes = [1, 2, 4, 5, 3].map((seq) => book.arrived(of(seq), 100));
  assert.deepEqual(outcomes, ['seen', 'seen', 'seen', 'seen', 'late']);
  assert.equal(book.open, 0);
  assert.deepEqual(book.judge(5000, KEPT_MS), nothing);
  assert.deepEqual(book.totals(), [
    { cls: 2, from: 1, to: 5, seen: 5, repeats: 0, duplicates: 0, explained: 0, missing: [], more: 0 },
  ]);
  assert.deepEqual(book.totals(), [], 'once');
});

test('a number that does not come is looked for, then missing, and late when it comes after all', () => {
  const book = opened();
  for (const seq of [1, 2, 5]) book.arrived(of(seq), 100);
  assert.equal(book.open, 2);
  assert.deepEqual(book.judge(100 + GRACE_MS - 1, KEPT_MS), nothing, 'too early');
  assert.deepEqual(book.judge(100 + GRACE_MS, KEPT_MS), { ...nothing, missing: 2 });
  assert.deepEqual(book.totals()[0]?.missing, [[3, 4]]);
  assert.equal(book.arrived(of(4), 3000), 'late');
  assert.equal(book.arrived(of(4), 3000), 'duplicate');
});

test('a number that was never sent is explained, whether the lane said so before or after the gap was seen', () => {
  const book = opened();
  book.settled(2, 1, true, 50);
  assert.ok(book.settled(2, 2, false, 60), 'news that must not be lost');
  book.arrived(of(1), 100);
  book.arrived(of(4), 100);
  book.settled(2, 3, false, 200);
  assert.deepEqual(book.judge(5000, KEPT_MS), { ...nothing, explained: 2 });
});

test('what was sent last and never seen is missing although nothing comes behind it', () => {
  const book = opened();
  for (let seq = 1; seq <= 3; seq += 1) book.settled(2, seq, true, 100 * seq);
  book.arrived(of(1), 150);
  assert.deepEqual(book.judge(200, KEPT_MS), nothing);
  assert.deepEqual(book.judge(300 + GRACE_MS, KEPT_MS), { ...nothing, missing: 2 });
  assert.deepEqual(book.totals()[0]?.missing, [[2, 3]]);
  assert.deepEqual(book.judge(900 + GRACE_MS, KEPT_MS), nothing, 'and is said once');
});

test('repeats that say so, repeats that do not, and the bus’s own to us are told apart', () => {
  const book = opened();
  book.arrived(of(1), 1);
  assert.equal(book.arrived(of(1, { isMarked: true }), 2), 'repeat');
  assert.equal(book.arrived(of(1), 2), 'duplicate');
  assert.equal(book.arrived(of(1, { isAgain: true }), 2), 'again');
  assert.equal(
    book.arrived(of(2, { isAgain: true }), 2),
    'seen',
    'it was had by a life that did not save it',
  );
});

test('of a time in which messages may have gone unseen nothing is claimed', () => {
  const book = opened();
  book.arrived(of(1), 10);
  book.judge(20, KEPT_MS);
  book.arrived(of(9), KEPT_MS + 100);
  assert.deepEqual(book.judge(2 * KEPT_MS, KEPT_MS), { ...nothing, unwatched: 7 });
});

test('the book goes on where it was when it is read from its text', () => {
  const book = opened();
  for (const seq of [1, 4]) book.arrived(of(seq), 100);
  book.settled(2, 2, false, 100);
  const stored = JSON.parse(JSON.stringify(book.stored)) as Book;
  const again = new ArrivalBook(stored, GRACE_MS, 0);
  assert.equal(again.open, 2);
  assert.deepEqual(again.judge(5000, KEPT_MS), { ...nothing, missing: 1, explained: 1 });
  assert.deepEqual(again.totals()[0]?.missing, [[3, 3]]);
});

test('more gaps than are kept are missing at once, and counted', () => {
  const book = opened();
  for (let seq = 1; seq <= 801; seq += 2) book.arrived(of(seq), 100);
  assert.equal(book.open, 256);
  assert.deepEqual(book.judge(200, KEPT_MS), { ...nothing, missing: 400 - 256 });
  const [totals] = book.totals();
  assert.deepEqual([totals?.missing.length, totals?.more], [64, 400 - 256 - 64]);
});

test('after a time nobody watched, what is looked for says nothing, however late it is judged and however it comes to light', () => {
  const early = opened();
  early.arrived(of(1), 10);
  early.judge(20, KEPT_MS);
  const back = 2 * KEPT_MS;
  early.arrived(of(9), back);
  assert.deepEqual(early.judge(back + 1, KEPT_MS), nothing, 'its time is not over');
  assert.deepEqual(early.judge(back + GRACE_MS, KEPT_MS), { ...nothing, unwatched: 7 });
  assert.equal(early.arrived(of(5), back + GRACE_MS), 'late', 'and is no duplicate when it comes after all');

  const late = opened();
  late.arrived(of(1), 10);
  late.judge(20, KEPT_MS);
  assert.deepEqual(late.judge(back, KEPT_MS), nothing);
  late.arrived(of(9), back + 1);
  assert.deepEqual(late.judge(back + 1 + GRACE_MS, KEPT_MS), { ...nothing, unwatched: 7 });
  late.arrived(of(11), back + 2000);
  assert.deepEqual(
    late.judge(back + 2000 + GRACE_MS, KEPT_MS),
    { ...nothing, missing: 1 },
    'the next is a hole',
  );
});

test('a reader that died, or broke off, may hold messages: what is looked for has its time anew', () => {
  const died = opened();
  for (const seq of [1, 4]) died.arrived(of(seq), 100);
  died.settled(2, 6, true, 100);
  const again = new ArrivalBook(died.stored, GRACE_MS, 2000);
  assert.deepEqual(again.judge(2000 + GRACE_MS - 1, KEPT_MS), nothing);
  again.interrupted(3500);
  assert.deepEqual(again.judge(3500 + GRACE_MS - 1, KEPT_MS), nothing);
  assert.deepEqual(again.judge(3500 + GRACE_MS, KEPT_MS), { ...nothing, missing: 4 });
});

test('news of the lane from before the book was read count as if it had been there', () => {
  const book = opened();
  for (const seq of [1, 2]) book.arrived(of(seq), 100);
  const early = new ArrivalBook(undefined, GRACE_MS, 0);
  for (const [seq, isSent] of [
    [3, false],
    [4, true],
    [5, false],
    [6, true],
  ] as const)
    early.settled(2, seq, isSent, 200);
  book.follow(early.stored);
  book.arrived(of(4), 300);
  assert.deepEqual(book.judge(300 + GRACE_MS, KEPT_MS), { ...nothing, explained: 1 });
  assert.deepEqual(book.judge(300 + 2 * GRACE_MS, KEPT_MS), { ...nothing, explained: 1, missing: 1 });
});

test('numbers that were never sent are no holes, however many runs of them there are', () => {
  const book = opened();
  book.arrived(of(1), 100);
  for (let seq = 2; seq <= 5000; seq += 2) book.settled(2, seq, false, 100);
  for (let seq = 3; seq <= 5001; seq += 2) book.settled(2, seq, true, 100);
  book.arrived(of(5001), 100);
  const judged = book.judge(100 + GRACE_MS, KEPT_MS);
  assert.equal(judged.missing + judged.explained, 4999);
  assert.ok((book.stored.pages[2]?.unsent.length ?? 0) <= 1000);
  assert.equal(judged.missing, 999, 'those between the runs that are kept; none of the unsent');
});

test('a gap that is filled at random stays as few ranges as are kept', () => {
  const book = opened();
  book.arrived(of(1), 100);
  book.arrived(of(10_000), 100);
  for (let seq = 3; seq < 10_000; seq += 2) book.arrived(of(seq), 100);
  const page = book.stored.pages[2];
  assert.ok((page?.gaps.length ?? 0) <= 256 && (page?.lost.length ?? 0) <= 64);
});

test('whatever is sent, lost, never sent and shuffled: missing and explained are exactly that', () => {
  const fate = fc.constantFrom('arrives', 'lost', 'unsent');
  fc.assert(
    fc.property(
      fc.array(fate, { minLength: 1, maxLength: 60 }),
      fc.infiniteStream(fc.nat()),
      (fates, random) => {
        const book = opened();
        book.arrived(of(1), 0);
        const numbers = fates.map((what, at) => ({ what, seq: at + 2 }));
        for (const { what, seq } of numbers) book.settled(2, seq, what !== 'unsent', 0);
        const shuffled = numbers
          .filter(({ what }) => what === 'arrives')
          .map((one) => ({ ...one, order: Number(random.next().value) }))
          .sort((a, b) => a.order - b.order);
        for (const { seq } of shuffled) book.arrived(of(seq), 10);
        let [missing, explained] = [0, 0];
        for (const at of [10 + GRACE_MS, 20 + 2 * GRACE_MS]) {
          const judged = book.judge(at, KEPT_MS);
          missing += judged.missing;
          explained += judged.explained;
        }
        const last = fates.findLastIndex((what) => what !== 'unsent');
        const count = (wanted: string) => fates.filter((what, at) => what === wanted && at <= last).length;
        assert.deepEqual([missing, explained], [count('lost'), count('unsent')]);
        assert.equal(book.open, 0);
      },
    ),
  );
});
