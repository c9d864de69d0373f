import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  isServiceBusError,
  type ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusSessionReceiver,
} from '@azure/service-bus';
import { type Bus, clientFor, openBus, patience } from './bus-under-test.ts';
import { test } from './case.ts';

let address: string;
let client: ServiceBusClient;
let bus: Bus;

before(async () => {
  bus = await openBus();
  ({ address } = bus);
  client = clientFor(address);
});
after(async () => {
  await client.close();
  await bus.close();
});

/** Sessions of this run: another bus may still hold those of an earlier one. */
const run = String(Date.now());
const named = (name: string) => `${name}-${run}`;
const hasCode = (code: string) => (error: unknown) => isServiceBusError(error) && error.code === code;

async function send(queue: string, sessionId: string, ...messageIds: readonly string[]): Promise<void> {
  const messages = messageIds.map((messageId) => ({ messageId, sessionId, body: Buffer.from('x') }));
  await client.createSender(queue).sendMessages(messages);
}

/** Without renewal in the background: locks are to end here. */
const accept = (name: string, from = client, queue = 'sessions') =>
  from.acceptSession(queue, named(name), { maxAutoLockRenewalDurationInMs: 0 });

async function one(
  receiver: ServiceBusReceiver | ServiceBusSessionReceiver,
): Promise<ServiceBusReceivedMessage> {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: patience(5_000) });
  assert.ok(message !== undefined, 'a message came');
  return message;
}

async function completeAll(receiver: ServiceBusSessionReceiver, count: number) {
  const taken: [unknown, string | undefined][] = [];
  for (let at = 0; at < count; at++) {
    const message = await one(receiver);
    await receiver.completeMessage(message);
    taken.push([message.messageId, message.sessionId]);
  }
  return taken;
}

// Two wait for locks of five seconds, the shortest the service allows: all together, each with sessions of its own.
describe('a session', { concurrency: true }, () => {
  test('hands out its own messages in order and keeps its state from one receiver to the next', {
    needs: ['sessions'],
  }, async () => {
    const messages = Array.from({ length: 10 }, (_, at) => ({
      messageId: `m-${String(at)}`,
      sessionId: named(at % 2 === 0 ? 'even' : 'odd'),
      body: at,
    }));
    await client.createSender('sessions').sendMessages(messages);
    const even = await accept('even');
    assert.equal(even.sessionId, named('even'));
    const ofEven = ['m-0', 'm-2', 'm-4', 'm-6', 'm-8'].map((id) => [id, named('even')]);
    const peeked = await even.peekMessages(10);
    assert.deepEqual(
      peeked.map(({ messageId, sessionId }) => [messageId, sessionId]),
      ofEven,
    );
    assert.equal(await even.getSessionState(), null);
    assert.deepEqual(await completeAll(even, 3), ofEven.slice(0, 3));
    await even.setSessionState({ done: 3 });
    await even.close();
    const again = await accept('even');
    assert.deepEqual(await again.getSessionState(), { done: 3 });
    assert.deepEqual(await completeAll(again, 2), ofEven.slice(3));
    await again.close();
    const odd = await accept('odd');
    assert.equal((await completeAll(odd, 5)).length, 5);
    await odd.close();
  });

  test('held by one receiver is locked for others until that one closes, and its messages come back untried', {
    needs: ['sessions'],
  }, async () => {
    await send('sessions', named('held'), 'a', 'b');
    const holder = await accept('held');
    assert.equal((await one(holder)).messageId, 'a');
    await assert.rejects(accept('held'), hasCode('SessionCannotBeLocked'));
    await holder.close();
    const next = await accept('held');
    const first = await one(next);
    assert.deepEqual([first.messageId, first.deliveryCount], ['a', 0]);
    await next.completeMessage(first);
    assert.deepEqual(await completeAll(next, 1), [['b', named('held')]]);
    await next.close();
  });

  test('whose lock runs out is lost, and its messages come back tried once more', {
    needs: ['sessions'],
  }, async () => {
    await send('sessions', named('lost'), 'slow');
    const slow = await accept('lost');
    const message = await one(slow);
    const until = slow.sessionLockedUntilUtc.getTime();
    assert.ok(Math.abs(until - Date.now() - 5_000) < 2_000, 'a lock of five seconds');
    await wait(until + 500 - Date.now());
    await assert.rejects(slow.completeMessage(message), hasCode('SessionLockLost'));
    await assert.rejects(slow.renewSessionLock(), hasCode('SessionLockLost'));
    const next = await accept('lost');
    const again = await one(next);
    assert.deepEqual([again.messageId, again.deliveryCount], ['slow', 1]);
    await next.completeMessage(again);
    await next.close();
  });

  test('whose lock is renewed outlives the first end, and so do the locks of its messages', {
    needs: ['sessions'],
  }, async () => {
    await send('sessions', named('renewed'), 'kept');
    const receiver = await accept('renewed');
    const message = await one(receiver);
    await wait(2_500);
    const until = await receiver.renewSessionLock();
    assert.ok(until.getTime() > Date.now() + 3_000);
    await wait(3_000);
    await receiver.completeMessage(message);
    await receiver.close();
  });

  test('that is the next with messages is handed out, also when it comes later, and none in time is a time-out', {
    needs: ['sessions'],
  }, async () => {
    const patient = clientFor(address);
    await send('next-session', named('first'), 'now');
    const first = await patient.acceptNextSession('next-session');
    assert.deepEqual(await completeAll(first, 1), [['now', named('first')]]);
    const waiting = patient.acceptNextSession('next-session');
    // The first is still held: a message for it must not be handed to who waits for another.
    await send('next-session', named('first'), 'mine');
    await send('next-session', named('second'), 'late');
    const second = await waiting;
    assert.deepEqual(await completeAll(second, 1), [['late', named('second')]]);
    assert.deepEqual(await completeAll(first, 1), [['mine', named('first')]]);
    await Promise.all([first.close(), second.close()]);
    await assert.rejects(patient.acceptNextSession('next-session'), hasCode('ServiceTimeout'));
    await patient.close();
  });

  test('keeps what was deferred in it for who holds it', { needs: ['sessions'] }, async () => {
    await send('sessions', named('deferred'), 'aside');
    const receiver = await accept('deferred');
    const message = await one(receiver);
    await receiver.deferMessage(message);
    const number = message.sequenceNumber;
    assert.ok(number !== undefined);
    const [taken] = await receiver.receiveDeferredMessages(number);
    assert.ok(taken !== undefined);
    const reason = { deadLetterReason: 'SCHEMA', deadLetterErrorDescription: 'no such field' };
    await receiver.deadLetterMessage(taken, reason);
    const dead = await one(client.createReceiver('sessions', { subQueueType: 'deadLetter' }));
    assert.deepEqual([dead.messageId, dead.deadLetterReason], ['aside', 'SCHEMA']);
    await assert.rejects(receiver.receiveDeferredMessages(number), hasCode('MessageNotFound'));
    await receiver.close();
  });

  test('is what every message of its queue must name; a subscription buries those that do not', {
    needs: ['sessions'],
  }, async () => {
    const without = { messageId: 'no-session', body: 1 };
    await assert.rejects(client.createSender('sessions').sendMessages(without), /SessionId/);
    await client.createSender('session-topic').sendMessages(without);
    const plain = await client.createReceiver('session-topic', 'plain').peekMessages(100);
    assert.ok(plain.some(({ messageId }) => messageId === 'no-session'));
    const dead = await one(
      client.createReceiver('session-topic', 'sessions', {
        subQueueType: 'deadLetter',
        receiveMode: 'receiveAndDelete',
      }),
    );
    assert.deepEqual([dead.messageId, dead.deadLetterReason], ['no-session', 'Session ID is null.']);
  });

  test('and a receiver without one do not go together, either way round', {
    needs: ['sessions'],
  }, async () => {
    const sessionless = client.createReceiver('sessions');
    await assert.rejects(sessionless.receiveMessages(1, { maxWaitTimeInMs: 500 }), /requires sessions/);
    await assert.rejects(client.acceptSession('queue', named('any')));
  });

  test('of a subscription is received like that of a queue, by a subscriber too', {
    needs: ['sessions'],
  }, async () => {
    const sender = client.createSender('session-topic');
    const ids = ['s-1', 's-2', 's-3'];
    const sessionId = named('streamed');
    await sender.sendMessages(ids.map((messageId) => ({ messageId, sessionId, body: 1 })));
    const receiver = await client.acceptSession('session-topic', 'sessions', sessionId);
    const seen = await new Promise<unknown[]>((resolve, reject) => {
      const messages: unknown[] = [];
      receiver.subscribe({
        processMessage: ({ messageId }) => {
          messages.push(messageId);
          if (messages.length === ids.length) resolve(messages);
          return Promise.resolve();
        },
        processError: ({ error }) => {
          reject(error);
          return Promise.resolve();
        },
      });
    });
    assert.deepEqual(seen, ids);
    await receiver.close();
  });
});

test('a dropped connection gives its sessions back', { needs: ['sessions', 'control door'] }, async () => {
  const other = clientFor(address);
  await send('sessions', named('dropped'), 'kept');
  const held = await accept('dropped', other);
  await one(held);
  await bus.faults.fault('drop');
  // The SDK's close, called before it has seen the drop, waits for an answer that never comes.
  while (!held.isClosed) await wait(1);
  await other.close();
  const next = await accept('dropped');
  assert.deepEqual(await completeAll(next, 1), [['kept', named('dropped')]]);
  await next.close();
});
