import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import {
  isServiceBusError,
  type ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
} from '@azure/service-bus';
import { type Bus, clientFor, openBus, patience, takeAll } from './bus-under-test.ts';
import { entity } from './capabilities.ts';
import { test } from './case.ts';

let client: ServiceBusClient;
let bus: Bus;

before(async () => {
  bus = await openBus();
  client = clientFor(bus.address);
});
after(async () => {
  await client.close();
  await bus.close();
});

const body = Buffer.from('x');
const idsOf = (messages: readonly ServiceBusReceivedMessage[]) => messages.map(({ messageId }) => messageId);
const isNotFound = (error: unknown) => isServiceBusError(error) && error.code === 'MessageNotFound';

async function one(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: patience(10_000) });
  assert.ok(message !== undefined, 'a message came');
  return message;
}

// Each waits for a second or so, on entities of its own: together, not one after the other.
describe('the time of a message', { concurrency: true }, () => {
  test('one that outlives its time is never delivered, and is buried or dropped as its subscription says', async () => {
    await Promise.all(['buried', 'dropped', 'short'].map((name) => takeAll(client, 'expiry', name)));
    await client.createSender('expiry').sendMessages([
      { messageId: 'first', body },
      { messageId: 'brief', body, subject: 'AM', timeToLive: 1_000 },
      { messageId: 'last', body, timeToLive: 600_000 },
    ]);
    const deadLetters = (name: string) =>
      client.createReceiver('expiry', name, { subQueueType: 'deadLetter', receiveMode: 'receiveAndDelete' });
    const dead = await one(deadLetters('buried'));
    assert.deepEqual([dead.messageId, dead.subject], ['brief', 'AM']);
    assert.equal(dead.deadLetterReason, 'TTLExpiredException');
    assert.equal(dead.deadLetterSource?.toLowerCase(), `${entity('expiry')}/subscriptions/buried`);
    assert.deepEqual(idsOf(await takeAll(client, 'expiry', 'buried')), ['first', 'last']);
    assert.deepEqual(idsOf(await takeAll(client, 'expiry', 'dropped')), ['first', 'last']);
    // The subscription's own second is shorter than the hour of the topic and the ten minutes of the message.
    const short = deadLetters('short');
    const buried = [await one(short), await one(short), await one(short)];
    assert.deepEqual(idsOf(buried).sort(), ['brief', 'first', 'last']);
    assert.equal((await deadLetters('dropped').receiveMessages(1, { maxWaitTimeInMs: 100 })).length, 0);
  });

  test('a received message says when it ends, by the lower of its own time and the entity’s', async () => {
    const sender = client.createSender('queue');
    await sender.sendMessages({ messageId: 'own', body, timeToLive: 60_000 });
    await sender.sendMessages({ messageId: 'entity', body, timeToLive: 7_200_000 });
    const receiver = client.createReceiver('queue', { receiveMode: 'receiveAndDelete' });
    const lives = [await one(receiver), await one(receiver)].map(
      ({ expiresAtUtc, enqueuedTimeUtc }) => Number(expiresAtUtc) - Number(enqueuedTimeUtc),
    );
    assert.deepEqual(lives, [60_000, 3_600_000]);
  });

  test('a scheduled message is numbered, shown, enqueued at its time under a new number, or cancelled', {
    needs: ['scheduling'],
  }, async () => {
    const sender = client.createSender('schedule');
    const receiver = client.createReceiver('schedule', { receiveMode: 'receiveAndDelete' });
    const at = (ms: number) => new Date(Date.now() + ms);
    const [kept, cancelled] = await sender.scheduleMessages(
      ['kept', 'cancelled'].map((messageId) => ({ messageId, body })),
      at(2_500),
    );
    await sender.sendMessages({ messageId: 'by-property', body, scheduledEnqueueTimeUtc: at(2_000) });
    assert.ok(kept !== undefined && cancelled !== undefined && cancelled.greaterThan(kept));
    const peeked = await receiver.peekMessages(10);
    assert.deepEqual(
      peeked.map(({ messageId, state }) => [messageId, state]),
      [
        ['kept', 'scheduled'],
        ['cancelled', 'scheduled'],
        ['by-property', 'scheduled'],
      ],
    );
    await sender.cancelScheduledMessages(cancelled);
    await assert.rejects(sender.cancelScheduledMessages(cancelled), isNotFound);
    const due = peeked.map(({ scheduledEnqueueTimeUtc }) => Number(scheduledEnqueueTimeUtc));
    const received = [await one(receiver), await one(receiver)];
    assert.deepEqual(idsOf(received), ['by-property', 'kept']);
    assert.ok(received[1]?.sequenceNumber?.greaterThan(cancelled), 'enqueued under a new number');
    for (const [message, dueMs] of [
      [received[0], due[2]],
      [received[1], due[0]],
    ] as const) {
      const lateMs = Number(message?.enqueuedTimeUtc) - Number(dueMs);
      assert.ok(
        lateMs >= 0 && (bus.standIn === undefined || lateMs < 5_000),
        `enqueued ${String(lateMs)} ms late`,
      );
    }
    assert.equal((await receiver.peekMessages(1, { fromSequenceNumber: kept })).length, 0);
  });

  test('a message scheduled on a topic reaches its subscriptions at its time, and not before', {
    needs: ['scheduling'],
  }, async () => {
    await Promise.all(['one', 'two'].map((name) => takeAll(client, 'schedule-topic', name)));
    const sender = client.createSender('schedule-topic');
    const due = new Date(Date.now() + 2_000);
    await sender.sendMessages([
      { messageId: 'later', body, scheduledEnqueueTimeUtc: due },
      { messageId: 'now', body },
    ]);
    await sender.scheduleMessages({ messageId: 'in-the-past', body }, new Date(Date.now() - 60_000));
    const both = await takeAll(client, 'schedule-topic', 'one', 3);
    assert.deepEqual(idsOf(both), ['now', 'in-the-past', 'later']);
    assert.ok(Number(both[2]?.enqueuedTimeUtc) >= due.getTime());
    assert.equal((await takeAll(client, 'schedule-topic', 'two', 3)).length, 3);
  });
});

test('a deferred message waits for who knows its number, through an abandon, and is then gone', async () => {
  await client.createSender('deferral').sendMessages([
    { messageId: 'aside', body, applicationProperties: { destination: 'CA0990100' } },
    { messageId: 'next', body },
  ]);
  const receiver = client.createReceiver('deferral');
  const aside = await one(receiver);
  await receiver.deferMessage(aside, { putAsideBy: 'test', tries: 2 });
  const next = await one(receiver);
  assert.equal(next.messageId, 'next');
  const number = aside.sequenceNumber;
  assert.ok(number !== undefined && next.sequenceNumber !== undefined);
  const [peeked] = await receiver.peekMessages(1, { fromSequenceNumber: number });
  assert.deepEqual([peeked?.messageId, peeked?.state], ['aside', 'deferred']);
  const all = [number, next.sequenceNumber];
  await assert.rejects(receiver.receiveDeferredMessages(all), isNotFound);
  const [first] = await receiver.receiveDeferredMessages(number);
  assert.ok(first !== undefined);
  const { destination, putAsideBy, tries } = first.applicationProperties ?? {};
  assert.deepEqual([first.messageId, destination, putAsideBy, tries], ['aside', 'CA0990100', 'test', 2]);
  await receiver.abandonMessage(first);
  const [second] = await receiver.receiveDeferredMessages(number);
  assert.equal(
    second?.deliveryCount,
    first.deliveryCount === undefined ? undefined : first.deliveryCount + 1,
  );
  assert.ok(second !== undefined);
  await receiver.completeMessage(second);
  await assert.rejects(receiver.receiveDeferredMessages(number), isNotFound);
  await receiver.completeMessage(next);
  await receiver.close();
});

test('a queue hands out what it is sent, with the properties a receiver changed, and has its own dead letters', async () => {
  const receiver = client.createReceiver('queue', { skipParsingBodyAsJson: true });
  const applicationProperties = { destination: 'CA0990100', class: 4 };
  await client
    .createSender('queue')
    .sendMessages({ messageId: 'a', subject: 'AM', body, applicationProperties });
  const first = await one(receiver);
  await receiver.abandonMessage(first, { class: 5, seen: true });
  const again = await one(receiver);
  assert.deepEqual([again.messageId, again.deliveryCount, again.subject], ['a', 1, 'AM']);
  assert.deepEqual(again.applicationProperties, { destination: 'CA0990100', class: 5, seen: true });
  await receiver.deadLetterMessage(again, {
    deadLetterReason: 'SCHEMA',
    by: 'test',
    deadLetterErrorDescription: 'd',
  });
  const buried = client.createReceiver('queue', { subQueueType: 'deadLetter', skipParsingBodyAsJson: true });
  const [peeked] = await buried.peekMessages(1);
  assert.equal(peeked?.messageId, 'a');
  const dead = await one(buried);
  assert.deepEqual([dead.deadLetterReason, dead.deadLetterErrorDescription], ['SCHEMA', 'd']);
  assert.equal(dead.deadLetterSource?.toLowerCase(), entity('queue'));
  assert.deepEqual([dead.applicationProperties?.['by'], dead.body], ['test', body]);
  await buried.completeMessage(dead);
  assert.equal((await buried.peekMessages(1)).length, 0);
});
