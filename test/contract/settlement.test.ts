import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  isServiceBusError,
  type ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
} from '@azure/service-bus';
import { type Bus, clientFor, openBus, takeAll } from './bus-under-test.ts';
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

const receiverOf = (topic: string): ServiceBusReceiver =>
  client.createReceiver(topic, 'one', { maxAutoLockRenewalDurationInMs: 0 });

async function send(topic: string, ...messageIds: readonly string[]): Promise<void> {
  await takeAll(client, topic, 'one');
  await client
    .createSender(topic)
    .sendMessages(messageIds.map((messageId) => ({ messageId, body: Buffer.from('x') })));
}

async function one(
  receiver: ServiceBusReceiver,
  maxWaitTimeInMs = 2_000,
): Promise<ServiceBusReceivedMessage> {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs });
  assert.ok(message !== undefined, 'a message came');
  return message;
}

test('a completed message is gone, an uncompleted one is not handed out twice', async () => {
  await send('settlement', 'a', 'b');
  const receiver = receiverOf('settlement');
  const first = await one(receiver);
  const second = await one(receiver);
  assert.deepEqual([first.messageId, second.messageId], ['a', 'b']);
  await receiver.completeMessage(first);
  assert.equal((await receiver.receiveMessages(1, { maxWaitTimeInMs: 200 })).length, 0);
  await receiver.completeMessage(second);
  await receiver.close();
});

test('an abandoned message comes back ahead of later ones, and dies after MaxDeliveryCount tries', async () => {
  await send('settlement', 'tried', 'later');
  const receiver = receiverOf('settlement');
  for (let count = 0; count < 3; count++) {
    const message = await one(receiver);
    assert.deepEqual([message.messageId, message.deliveryCount], ['tried', count]);
    await receiver.abandonMessage(message);
  }
  await receiver.completeMessage(await one(receiver));
  const dead = await takeDead('settlement');
  assert.equal(dead.messageId, 'tried');
  assert.equal(dead.deadLetterReason, 'MaxDeliveryCountExceeded');
  await receiver.close();
});

test('a dead-lettered message is read from the sub-queue with its reason, body and own properties', async () => {
  await takeAll(client, 'settlement', 'one');
  const body = Buffer.from([0, 255, 13, 10]);
  const applicationProperties = { destination: 'CA0990100', class: 4 };
  await client
    .createSender('settlement')
    .sendMessages({ messageId: 'bad', subject: 'AM', body, applicationProperties });
  const receiver = receiverOf('settlement');
  await receiver.deadLetterMessage(await one(receiver), {
    deadLetterReason: 'SCHEMA',
    deadLetterErrorDescription: 'no such field',
  });
  const dead = await takeDead('settlement');
  assert.deepEqual([dead.messageId, dead.subject, dead.body], ['bad', 'AM', body]);
  assert.deepEqual([dead.deadLetterReason, dead.deadLetterErrorDescription], ['SCHEMA', 'no such field']);
  assert.equal(dead.applicationProperties?.['destination'], 'CA0990100');
  assert.equal(dead.applicationProperties['class'], 4);
  await receiver.close();
});

async function takeDead(topic: string): Promise<ServiceBusReceivedMessage> {
  const receiver = client.createReceiver(topic, 'one', {
    subQueueType: 'deadLetter',
    skipParsingBodyAsJson: true,
  });
  const message = await one(receiver);
  await receiver.completeMessage(message);
  await receiver.close();
  return message;
}

// Both wait out a lock of five seconds, the shortest the service allows: together, not one after the other.
describe('a lock', { concurrency: true }, () => {
  test('an expired lock is lost and its message comes back with a raised count', async () => {
    await send('lock-expiry', 'slow');
    const receiver = receiverOf('lock-expiry');
    const first = await one(receiver);
    assert.equal(first.deliveryCount, 0);
    const again = await one(receiver, 8_000);
    assert.deepEqual([again.messageId, again.deliveryCount], ['slow', 1]);
    const isLost = (error: unknown) => isServiceBusError(error) && error.code === 'MessageLockLost';
    await assert.rejects(receiver.completeMessage(first), isLost);
    await receiver.completeMessage(again);
    await receiver.close();
  });

  test('of two completes under way together the lost lock is told so and the live one is not', async () => {
    await send('limits', 'live', 'lost');
    const receiver = receiverOf('limits');
    const live = await one(receiver);
    const lost = await one(receiver);
    await wait(3_000);
    await receiver.renewMessageLock(live);
    await wait(2_500);
    const outcomes = await Promise.allSettled([
      receiver.completeMessage(live),
      receiver.completeMessage(lost),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    const again = await one(receiver);
    assert.deepEqual([again.messageId, again.deliveryCount], ['lost', 1]);
    await receiver.completeMessage(again);
    await receiver.close();
  });

  test('a renewed lock outlives its first end', async () => {
    await send('management', 'kept');
    const receiver = receiverOf('management');
    const message = await one(receiver);
    await wait(3_000);
    const until = await receiver.renewMessageLock(message);
    assert.ok(until.getTime() > Date.now() + 3_000);
    await wait(3_000);
    await receiver.completeMessage(message);
    await receiver.close();
  });
});

test('peeking shows waiting and locked messages in order and takes none', async () => {
  await send('receive-and-delete', 'p1', 'p2', 'p3');
  const receiver = receiverOf('receive-and-delete');
  const locked = await one(receiver);
  const peeked = await receiver.peekMessages(2);
  const more = await receiver.peekMessages(2);
  assert.deepEqual(
    [...peeked, ...more].map(({ messageId }) => messageId),
    ['p1', 'p2', 'p3'],
  );
  assert.equal((await receiver.peekMessages(2)).length, 0);
  await receiver.completeMessage(locked);
  await receiver.close();
});

test('rules are added, listed and removed while running', { needs: ['rules at run time'] }, async () => {
  const manager = client.createRuleManager('round-trip', 'two');
  const names = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { name } of manager.listRules()) found.push(name);
    return found.sort();
  };
  await manager.createRule('ori', { applicationProperties: { destination: 'CA0990100' } });
  assert.deepEqual(await names(), ['$Default', 'ori']);
  await manager.deleteRule('$Default');
  await takeAll(client, 'round-trip', 'two');
  const sender = client.createSender('round-trip');
  await sender.sendMessages([
    { messageId: 'no', body: 1 },
    { messageId: 'yes', body: 1, applicationProperties: { destination: 'CA0990100' } },
  ]);
  assert.deepEqual(
    (await takeAll(client, 'round-trip', 'two')).map(({ messageId }) => messageId),
    ['yes'],
  );
  await manager.createRule('$Default', { sqlExpression: '1=1' });
  await manager.deleteRule('ori');
  assert.deepEqual(await names(), ['$Default']);
});
