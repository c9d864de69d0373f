import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { armedMax, FaultPlan, type Scope } from './fault-plan.ts';
import type { FaultOrder } from './fault-orders.ts';
import { HeldOperations } from './held-operations.ts';
import { Throttle } from './throttle.ts';

const send: Scope = { path: 'point-to-point', direction: 'send' };
const receive: Scope = { path: 'point-to-point/Subscriptions/all', direction: 'receive' };

/** Which of 200 operations are struck. */
function struckBy(order: FaultOrder, scope = send): readonly number[] {
  const plan = new FaultPlan();
  plan.arm(order);
  return Array.from({ length: 200 }, (_, at) => at).filter(() => plan.strike([order.fault], scope));
}

test('a switch strikes once unless a count, a share or a time says more', () => {
  assert.deepEqual(struckBy({ fault: 'busy' }), [0]);
  assert.deepEqual(struckBy({ fault: 'busy', count: 3 }), [0, 1, 2]);
  assert.equal(struckBy({ fault: 'busy', forMs: 60_000 }).length, 200);
  assert.equal(struckBy({ fault: 'busy', forMs: 60_000, count: 7 }).length, 7);
});

test('a share is met roughly, and the same operations are struck for the same seed', () => {
  for (const share of [0.05, 0.3, 0.9]) {
    const first = struckBy({ fault: 'busy', share, seed: 42 });
    assert.deepEqual(first, struckBy({ fault: 'busy', share, seed: 42 }));
    assert.ok(
      Math.abs(first.length / 200 - share) < 0.1,
      `${String(first.length)} of 200 for ${String(share)}`,
    );
  }
  const seeds = [1, 2, 3].map((seed) => struckBy({ fault: 'busy', share: 0.5, seed }).join());
  assert.equal(new Set(seeds).size, 3);
});

test('a time that is over ends a switch', async () => {
  const plan = new FaultPlan();
  plan.arm({ fault: 'busy', forMs: 20 });
  assert.ok(plan.strike(['busy'], send));
  await wait(40);
  assert.equal(plan.strike(['busy'], send), undefined);
  assert.deepEqual(plan.list(), []);
});

test('an entity covers what lies under it, in the directions its fault knows', () => {
  const of = (order: FaultOrder, scope: Scope) => struckBy(order, scope).length;
  assert.equal(of({ fault: 'refuse-link', entity: 'Point-To-Point' }, send), 1);
  assert.equal(of({ fault: 'refuse-link', entity: '/point-to-point' }, receive), 1);
  assert.equal(of({ fault: 'refuse-link', entity: 'point-to-point', direction: 'send' }, receive), 0);
  assert.equal(of({ fault: 'refuse-link', entity: 'point' }, send), 0);
  assert.equal(of({ fault: 'refuse-link', entity: 'point-to-point/Subscriptions/all' }, send), 0);
  assert.equal(of({ fault: 'busy' }, { ...send, direction: 'manage' }), 0);
  assert.equal(of({ fault: 'busy', direction: 'manage' }, { ...send, direction: 'manage' }), 1);
});

test('what is armed is listed with its strikes, counted by kind, and taken back', () => {
  const plan = new FaultPlan();
  plan.arm({ fault: 'busy', count: 3 });
  const id = plan.arm({ fault: 'pause', forMs: 60_000 });
  plan.strike(['busy'], send);
  assert.deepEqual(
    plan.list().map(({ order, struck, left }) => [order.fault, struck, left]),
    [
      ['busy', 1, 2],
      ['pause', 0, undefined],
    ],
  );
  assert.equal(plan.struck.get('busy'), 1);
  assert.equal(plan.struck.get('corrupt'), 0);
  plan.clear((armed) => armed.id === id);
  assert.deepEqual(
    plan.list().map(({ order }) => order.fault),
    ['busy'],
  );
  plan.clear();
  assert.equal(plan.isArmed, false);
  assert.equal(plan.struck.get('busy'), 1);
});

test('no more than the bound are armed', () => {
  const plan = new FaultPlan();
  for (let count = 0; count < armedMax; count++) assert.ok(plan.arm({ fault: 'busy' }));
  assert.equal(plan.arm({ fault: 'busy' }), undefined);
});

test('transfers are counted down to the last one', () => {
  const plan = new FaultPlan();
  plan.arm({ fault: 'drop', afterTransfers: 3, direction: 'receive' });
  const struck = [receive, send, receive, receive, receive].map((scope) => plan.afterTransfer(scope)?.fault);
  assert.deepEqual(struck, [undefined, undefined, undefined, 'drop', undefined]);
});

test('what waits for a pause is bounded by number and bytes, and goes on in order', () => {
  const held = new HeldOperations();
  const done: number[] = [];
  for (let at = 0; at < 1_500; at++) {
    held.hold(send, 10, () => {
      done.push(at);
    });
  }
  assert.equal(held.held, 1_000);
  held.resume(() => true);
  assert.deepEqual(done, []);
  held.resume(() => false);
  assert.deepEqual(
    done,
    Array.from({ length: 1_000 }, (_, at) => at),
  );
  assert.equal(
    held.hold(send, 65 * 1024 * 1024, () => undefined),
    false,
  );
});

test('what is late is bounded, and forgotten at the end', async () => {
  const held = new HeldOperations();
  let ran = 0;
  for (let at = 0; at < 10_000; at++) assert.ok(held.later(5, () => ran++));
  assert.equal(
    held.later(5, () => undefined),
    false,
  );
  held.stop();
  await wait(30);
  assert.equal(ran, 0);
});

test('credits pass while any are left, and a debt is paid before the next passes', () => {
  const nowMs = performance.now();
  const throttle = new Throttle(100);
  assert.ok(throttle.take(250, nowMs));
  assert.equal(throttle.take(1, nowMs + 1_000), false);
  assert.ok(throttle.take(1, nowMs + 1_600));
  const idle = new Throttle(2);
  assert.deepEqual(
    [1, 1, 1].map((cost) => idle.take(cost, nowMs + 60_000)),
    [true, true, false],
  );
});
