import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { MessageLocks } from './receiving-locks.ts';

const lockMs = 5_000;
const hour = 3_600_000;

/** Given out at this moment by a bus whose clock differs from ours. */
function givenOut(busAheadMs: number): ServiceBusReceivedMessage {
  const busNow = Date.now() + busAheadMs;
  // Of what the bus gives, a lock reads these two alone.
  return {
    enqueuedTimeUtc: new Date(busNow - 10),
    lockedUntilUtc: new Date(busNow + lockMs),
  } as unknown as ServiceBusReceivedMessage;
}
const silent = { renew: () => Promise.resolve(), renewed: () => undefined, lost: () => undefined };

test('a lock lasts as long whether our clock is right, ahead or behind', () => {
  for (const busAheadMs of [0, -hour, hour, -lockMs + 500]) {
    const message = givenOut(busAheadMs);
    const leftMs = new MessageLocks([message], silent).untilMs(message) - Date.now();
    assert.ok(Math.abs(leftMs - lockMs) < 1_000, `${String(busAheadMs)}: ${String(leftMs)} ms left`);
  }
});

test('a lock is renewed in time also when our clock is wrong', async () => {
  for (const busAheadMs of [-hour, hour]) {
    const message = givenOut(busAheadMs);
    let renewals = 0;
    const locks = new MessageLocks([message], {
      ...silent,
      renew: () => {
        message.lockedUntilUtc = new Date(Date.now() + busAheadMs + lockMs);
        return Promise.resolve(message.lockedUntilUtc);
      },
      renewed: () => (renewals += 1),
    });
    locks.hold(60_000);
    const began = performance.now();
    while (renewals === 0 && performance.now() - began < lockMs) await sleep(20);
    const leftMs = locks.untilMs(message) - Date.now();
    locks.end();
    assert.equal(renewals, 1);
    assert.ok(Math.abs(leftMs - lockMs) < 1_000, `${String(leftMs)} ms left`);
  }
});
