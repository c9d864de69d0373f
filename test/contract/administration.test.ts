import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before } from 'node:test';
import {
  isServiceBusError,
  type ServiceBusAdministrationClient,
  type ServiceBusClient,
} from '@azure/service-bus';
import { administration, type Bus, clientFor, openBus, patience } from './bus-under-test.ts';
import { entity } from './capabilities.ts';
import { test } from './case.ts';

let bus: Bus;
let client: ServiceBusClient;
let admin: ServiceBusAdministrationClient;
const made: string[] = [];

before(async () => {
  bus = await openBus();
  client = clientFor(bus.address);
  admin = administration(bus);
});
after(async () => {
  for (const name of made) await admin.deleteQueue(name).catch(() => undefined);
  await client.close();
  await bus.close();
});

const administered = { needs: ['administration'] } as const;
const hasCode = (code: string) => (error: unknown) => isServiceBusError(error) && error.code === code;

/** The names a case gives its queue: on the bus, and to a client that puts the run's prefix before every name. */
async function ownQueue(): Promise<{ readonly onBus: string; readonly name: string }> {
  const name = `own-${randomUUID().slice(0, 8)}`;
  const onBus = entity(name);
  made.push(onBus);
  await admin.createQueue(onBus, { lockDuration: 'PT30S', maxDeliveryCount: 5 });
  return { onBus, name };
}

test('a queue that is made can be used and is read back as it was made', administered, async () => {
  const { onBus, name } = await ownQueue();
  await client.createSender(name).sendMessages({ messageId: 'first', body: 1 });
  const [peeked] = await client.createReceiver(name).peekMessages(1);
  assert.equal(peeked?.messageId, 'first');
  const { lockDuration, maxDeliveryCount, requiresSession } = await admin.getQueue(onBus);
  assert.deepEqual([lockDuration, maxDeliveryCount, requiresSession], ['PT30S', 5, false]);
});

test('a disabled queue takes and gives nothing until it is active again', administered, async () => {
  const { onBus, name } = await ownQueue();
  const queue = await admin.getQueue(onBus);
  await admin.updateQueue({ ...queue, status: 'Disabled' });
  const isDisabled = hasCode('MessagingEntityDisabled');
  await assert.rejects(client.createSender(name).sendMessages({ body: 1 }), isDisabled);
  const receiving = client.createReceiver(name).receiveMessages(1, { maxWaitTimeInMs: patience(500) });
  await assert.rejects(receiving, isDisabled);
  await admin.updateQueue({ ...queue, status: 'Active' });
  await client.createSender(name).sendMessages({ messageId: 'again', body: 1 });
});

test('a removed queue is gone for senders and receivers', administered, async () => {
  const { onBus, name } = await ownQueue();
  await admin.deleteQueue(onBus);
  const isNotFound = hasCode('MessagingEntityNotFound');
  await assert.rejects(client.createSender(name).sendMessages({ body: 1 }), isNotFound);
  await assert.rejects(client.createReceiver(name).receiveMessages(1), isNotFound);
});
