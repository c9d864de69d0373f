import fc from 'fast-check';
import type { LaneCommand } from './lane-command.ts';
import { classes, laneNames, type Outcome } from './lane-model.ts';
import { Crash, Fail, Release, Revive, Settle, TakeOver } from './owner-commands.ts';
import { Accept, Expire, Redrive } from './slot-commands.ts';

const lane = fc.constantFrom(...laneNames);
const counts = fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 5 }));
const isResent = fc.boolean();
const offered = fc.record({
  lane,
  priorityClass: fc.constantFrom(...classes),
  deadline: fc.constantFrom('none' as const, 'short' as const, 'long' as const),
  body: fc.nat({ max: 2 }),
});
const accept = fc
  .tuple(fc.array(offered, { minLength: 1, maxLength: 8, size: 'max' }), fc.boolean(), isResent)
  .map(([entries, isHoldShort, again]) => new Accept(entries, isHoldShort, again));
const outcomes = fc.array(
  fc.constantFrom<Outcome>('delivered', 'sentUnconfirmed', 'dead', 'dead', 'expired'),
  { minLength: 1, maxLength: 6, size: 'max' },
);
const settle = fc
  .tuple(lane, counts, fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat({ max: 5 })), outcomes, isResent)
  .map((arguments_) => new Settle(...arguments_));
const expire = fc
  .tuple(
    fc.constantFrom('deadline' as const, 'hold' as const, 'hold' as const, 'handed' as const),
    fc.option(lane, { nil: undefined }),
    isResent,
  )
  .map((arguments_) => new Expire(...arguments_));

const redrive = fc
  .tuple(fc.integer({ min: 1, max: 4 }), isResent)
  .map((arguments_) => new Redrive(...arguments_));

/** Accepting and settling come more often than the rest: without them nothing is on the lanes. */
export const laneCommands: fc.Arbitrary<LaneCommand>[] = [
  accept,
  accept,
  accept,
  settle,
  settle,
  settle,
  settle,
  settle,
  settle,
  settle,
  expire,
  expire,
  expire,
  lane.map((name) => new Fail(name)),
  lane.map((name) => new Crash(name)),
  lane.map((name) => new Revive(name)),
  lane.map((name) => new TakeOver(name)),
  redrive,
  redrive,
  redrive,
  fc.tuple(lane, counts).map((arguments_) => new Release(...arguments_)),
];
