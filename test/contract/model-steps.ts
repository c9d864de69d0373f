import assert from 'node:assert/strict';
import { mock } from 'node:test';
import fc from 'fast-check';
import rhea from 'rhea';
import { type BusInProcess, bytesIn, type Seen, type SubscriptionInProcess } from './bus-in-process.ts';
import {
  type Ending,
  type Kept,
  type Offer,
  type SubscriptionModel,
  type TopicModel,
} from './subscription-model.ts';

/** How often each step did something, over all runs. */
export const ran = new Map<string, number>();

type Act<A> = (model: TopicModel, real: BusInProcess, argument: A) => void;
type Can<A> = (model: Readonly<TopicModel>, argument: A) => boolean;

/** One step on both sides; what they answer is compared by the step, what they then hold by `agree`. */
class Step<A> implements fc.Command<TopicModel, BusInProcess> {
  readonly #name: string;
  readonly #argument: A;
  readonly #act: Act<A>;
  readonly #can: Can<A>;

  constructor(name: string, argument: A, act: Act<A>, can: Can<A>) {
    this.#name = name;
    this.#argument = argument;
    this.#act = act;
    this.#can = can;
  }

  check(model: Readonly<TopicModel>): boolean {
    return this.#can(model, this.#argument);
  }

  run(model: TopicModel, real: BusInProcess): void {
    ran.set(this.#name, (ran.get(this.#name) ?? 0) + 1);
    this.#act(model, real, this.#argument);
    // Both look at their clocks: what a step gave back may have outlived its time while it was locked.
    model.pass(0);
    real.sweep();
    agree(model, real);
  }

  toString(): string {
    return `${this.#name}(${JSON.stringify(this.#argument)})`;
  }
}

const step = <A>(
  name: string,
  argument: fc.Arbitrary<A>,
  act: Act<A>,
  can: Can<A> = () => true,
): fc.Arbitrary<fc.Command<TopicModel, BusInProcess>> =>
  argument.map((value) => new Step(name, value, act, can));

const seen = (kept: Iterable<Kept> | undefined): readonly Seen[] | undefined =>
  kept === undefined ? undefined : [...kept].map(({ sequence, id, tries }) => [sequence, id, tries]);

function agree(model: TopicModel, real: BusInProcess): void {
  assert.equal(real.topic.lastSequence, model.lastSequence, 'the last number given');
  assert.deepEqual(
    [...real.topic.schedule.all()].map(({ message }) => message.sequence),
    model.scheduled.map(({ sequence }) => sequence),
    'scheduled',
  );
  sameSubscription('plain', model.plain, real.plain);
  sameSubscription('sessions', model.sessions, real.sessions);
}

function sameSubscription(
  name: string,
  model: SubscriptionModel,
  { queue, heldSessions }: SubscriptionInProcess,
): void {
  const all = queue.peek(0, 10_000);
  const peeked = all.map(({ message, deliveryCount, state }) => [
    message.sequence,
    message.messageId,
    deliveryCount,
    state,
  ]);
  // Under a lock a message does not end, but it is not shown after its time.
  const kept = model
    .at('waiting', 'locked', 'deferred')
    .filter(({ expiresAtMs }) => expiresAtMs > Date.now());
  assert.deepEqual(
    peeked,
    kept.map(({ sequence, id, tries, where }) => [sequence, id, tries, where === 'deferred' ? 1 : 0]),
    `${name}: peeked`,
  );
  const { active, locked, deferred } = queue.stats;
  assert.deepEqual(
    [active, locked, deferred],
    [model.at('waiting').length, model.at('locked').length, model.at('deferred').length],
    `${name}: waiting, locked, deferred`,
  );
  assert.deepEqual(
    queue.deadLetters
      ?.peek(0, 10_000)
      .map(({ message, deliveryCount }) => [
        message.sequence,
        message.messageId,
        deliveryCount,
        reasonOf(message),
      ]),
    model.at('dead').map(({ sequence, id, tries, reason }) => [sequence, id, tries, reason]),
    `${name}: dead letters`,
  );
  assert.deepEqual([...heldSessions].sort(), [...model.holds.keys()].sort(), `${name}: held sessions`);
  assert.equal(queue.bytes, bytesIn(queue), `${name}: room taken`);
}

function reasonOf({ bare }: { readonly bare: Buffer }): unknown {
  const properties = rhea.message.decode(bare).application_properties as Record<string, unknown> | undefined;
  return properties?.['DeadLetterReason'];
}

const session = fc.constantFrom('a', 'b', 'c');
const few = fc.integer({ min: 1, max: 4 });
const offers: fc.Arbitrary<Offer[]> = fc.array(
  fc.record({
    id: fc.nat({ max: 30 }).map(String),
    // One in `freq` has none.
    session: fc.option(session, { nil: undefined, freq: 8 }),
    ttlMs: fc.option(fc.constantFrom(1_000, 7_000, 30_000), { nil: undefined, freq: 2 }),
  }),
  { minLength: 1, maxLength: 5, size: 'max' },
);
const ending = fc.constantFrom<Ending>('complete', 'abandon', 'abandon', 'defer', 'defer', 'dead-letter');
const isOfSessions = fc.boolean();
const nth = fc.nat({ max: 1_000 });

const sides = (model: TopicModel, real: BusInProcess, ofSessions: boolean) =>
  ofSessions ? ([model.sessions, real.sessions] as const) : ([model.plain, real.plain] as const);
/** One of the sessions held, by any number. */
const heldAt = (model: TopicModel, at: number): string | undefined => {
  const held = [...model.sessions.holds.keys()];
  return held[at % Math.max(1, held.length)];
};
const holdsAny = (model: Readonly<TopicModel>): boolean => model.sessions.holds.size > 0;
/** One of the newest locks mostly, so that live ones are met. */
const lockAt = (model: SubscriptionModel, back: number): number => {
  const { length } = model.locks;
  return Math.max(0, length - 1 - (back % Math.min(Math.max(1, length), 6)));
};

export const steps: fc.Arbitrary<fc.Command<TopicModel, BusInProcess>>[] = [
  ...[0, 1, 2].map(() =>
    step('send', offers, (model, real, batch) => {
      assert.deepEqual(real.publish(batch), model.publish(batch));
    }),
  ),
  step('schedule', fc.tuple(offers, fc.constantFrom(500, 4_000, 10_000)), (model, real, [batch, inMs]) => {
    const dueAtMs = model.nowMs + inMs;
    assert.deepEqual(real.publish(batch, dueAtMs), model.publish(batch, dueAtMs));
  }),
  step('cancel', fc.tuple(nth, isOfSessions), (model, real, [at, isDouble]) => {
    const first = model.scheduled[at % Math.max(1, model.scheduled.length)]?.sequence ?? 999_999;
    const sequences = isDouble ? [first, 999_999] : [first];
    assert.equal(real.topic.cancel(sequences), model.cancel(sequences));
  }),
  ...[0, 1].map(() =>
    step('receive', few, (model, real, count) => {
      assert.deepEqual(real.plain.take(count, false), seen(model.plain.lock(count, model.nowMs)));
    }),
  ),
  step('receive and delete', few, (model, real, count) => {
    assert.deepEqual(real.plain.take(count, true), seen(model.plain.take(count)));
  }),
  step('take dead letters', fc.tuple(few, isOfSessions), (model, real, [count, ofSessions]) => {
    const [expected, asked] = sides(model, real, ofSessions);
    assert.deepEqual(asked.takeDead(count), seen(expected.takeDead(count)));
  }),
  ...[0, 1].map(() =>
    step(
      'receive of a session',
      fc.tuple(few, nth, isOfSessions),
      (model, real, [count, at, isPresettled]) => {
        const held = heldAt(model, at);
        const expected = isPresettled
          ? model.sessions.take(count, held)
          : model.sessions.lock(count, model.nowMs, held);
        assert.deepEqual(real.sessions.take(count, isPresettled, held), seen(expected));
      },
      holdsAny,
    ),
  ),
  ...[0, 1, 2, 3, 4].map(() =>
    step(
      'settle',
      fc.tuple(ending, nth, isOfSessions),
      (model, real, [kind, back, ofSessions]) => {
        const [expected, asked] = sides(model, real, ofSessions);
        const at = lockAt(expected, back);
        const lock = expected.locks[at];
        assert.ok(lock !== undefined);
        assert.equal(asked.settle(at, kind), expected.settle(lock, kind));
      },
      (model, [, , ofSessions]) => (ofSessions ? model.sessions : model.plain).locks.length > 0,
    ),
  ),
  step(
    'renew',
    nth,
    (model, real, back) => {
      const at = lockAt(model.plain, back);
      const lock = model.plain.locks[at];
      assert.ok(lock !== undefined);
      assert.equal(real.plain.renew(at), !lock.isOver);
      lock.untilMs = model.nowMs + 5_000;
    },
    (model) => model.plain.locks.length > 0,
  ),
  step('receive deferred', fc.tuple(nth, few, isOfSessions), (model, real, [at, count, isOneMissing]) => {
    const numbers = model.plain.at('deferred').map(({ sequence }) => sequence);
    const wanted = [
      ...numbers.slice(at % Math.max(1, numbers.length)).slice(0, count),
      ...(isOneMissing ? [0] : []),
    ];
    assert.deepEqual(real.plain.takeDeferred(wanted), seen(model.plain.lockDeferred(wanted, model.nowMs)));
  }),
  step(
    'receive deferred of a session',
    fc.tuple(nth, nth),
    (model, real, [at, which]) => {
      const numbers = model.sessions.at('deferred').map(({ sequence }) => sequence);
      const wanted = numbers.slice(which % Math.max(1, numbers.length)).slice(0, 1);
      const held = heldAt(model, at);
      const expected = model.sessions.lockDeferred(wanted, model.nowMs, held);
      assert.deepEqual(real.sessions.takeDeferred(wanted, held), seen(expected));
    },
    holdsAny,
  ),
  ...[0, 1].map(() =>
    step('accept a session', session, (model, real, name) => {
      assert.equal(real.sessions.accept(name), model.sessions.hold(name, model.nowMs));
    }),
  ),
  step('accept the next session', fc.constant(null), (model, real) => {
    const free = model.sessions.freeSessions();
    const taken = real.sessions.acceptNext();
    // Which of the free ones is the bus's to choose.
    assert.ok(
      taken === undefined ? free.length === 0 : free.includes(taken),
      `${String(taken)} of ${free.join()}`,
    );
    if (taken !== undefined) model.sessions.hold(taken, model.nowMs);
  }),
  step(
    'let a session go',
    nth,
    (model, real, at) => {
      const held = heldAt(model, at) ?? '';
      real.sessions.letGo(held);
      model.sessions.letGo(held, false);
    },
    holdsAny,
  ),
  step(
    'renew a session',
    nth,
    (model, real, at) => {
      const held = heldAt(model, at) ?? '';
      real.sessions.renewSession(held);
      model.sessions.holds.set(held, model.nowMs + 5_000);
    },
    holdsAny,
  ),
  step(
    'state of a session',
    fc.tuple(nth, fc.option(fc.constantFrom('x', 'y'), { nil: undefined })),
    (model, real, [at, state]) => {
      const held = heldAt(model, at) ?? '';
      assert.equal(real.sessions.stateOf(held), model.sessions.states.get(held));
      real.sessions.setState(held, state);
      if (state === undefined) model.sessions.states.delete(held);
      else model.sessions.states.set(held, state);
    },
    holdsAny,
  ),
  ...[0, 1, 2].map(() =>
    step('time passes', fc.constantFrom(200, 900, 3_000, 5_000, 6_000, 20_000, 25_000), (model, real, ms) => {
      mock.timers.setTime(model.nowMs + ms);
      model.pass(ms);
      real.sweep();
    }),
  ),
];

/** For a bus with a log. */
export const restart = step('restart', fc.constant(null), (model, real) => {
  for (const subscription of model.subscriptions) subscription.restart();
  real.restart();
});
