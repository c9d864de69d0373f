import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  ServiceBusClient,
  ServiceBusAdministrationClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
} from '@azure/service-bus';
import { connectionString, parseEmulatorConfig, type ServiceBus, startServiceBus } from '../service-bus.ts';
import { overPlainHttp } from './plain-http.ts';

const plainAdmin = (connection: string) =>
  overPlainHttp(new ServiceBusAdministrationClient(connection, { retryOptions: { maxRetries: 0 } }));

const config = parseEmulatorConfig({
  UserConfig: { Namespaces: [{ Name: 'ns', Queues: [{ Name: 'of-the-file' }] }] },
});
const waitMs = 10_000;

let bus: ServiceBus;
let admin: ServiceBusAdministrationClient;
let client: ServiceBusClient;
before(async () => {
  bus = await startServiceBus({ port: 0, config });
  admin = plainAdmin(connectionString(bus.port));
  client = new ServiceBusClient(connectionString(bus.port), {
    retryOptions: { maxRetries: 0, timeoutInMs: waitMs, retryDelayInMs: 10 },
  });
});
after(async () => {
  await client.close();
  await bus.stop();
});

const send = (to: string, ...bodies: readonly string[]) =>
  client.createSender(to).sendMessages(bodies.map((body) => ({ body, messageId: body })));
const receiver = (of: string, subscription?: string): ServiceBusReceiver =>
  subscription === undefined ? client.createReceiver(of) : client.createReceiver(of, subscription);
async function take(from: ServiceBusReceiver, count = 1): Promise<readonly ServiceBusReceivedMessage[]> {
  const messages: ServiceBusReceivedMessage[] = [];
  const untilMs = Date.now() + waitMs;
  while (messages.length < count && Date.now() < untilMs)
    messages.push(
      ...(await from.receiveMessages(count - messages.length, { maxWaitTimeInMs: untilMs - Date.now() })),
    );
  assert.equal(messages.length, count, 'messages came in time');
  return messages;
}
const bodies = (messages: readonly ServiceBusReceivedMessage[]) =>
  messages.map(({ body }) => body as unknown);
/** What the bus said before this on the client's connection has been heard: a send on a link just detached waits out its time. */
const heard = () => client.createReceiver('of-the-file').peekMessages(1);
const isCoded = (code: string) => (error: unknown) => {
  assert.ok(error instanceof Error && 'code' in error, String(error));
  assert.equal(error.code, code, error.message);
  return true;
};
/** The error a running receiver is told of. */
function toldOf(from: ServiceBusReceiver): Promise<{ readonly error: unknown; stop(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error('the receiver was told of no error'));
    }, waitMs);
    const subscription = from.subscribe({
      processMessage: () => Promise.resolve(),
      processError: ({ error }) => {
        clearTimeout(timer);
        resolve({ error, stop: () => subscription.close() });
        return Promise.resolve();
      },
    });
  });
}
const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  const untilMs = Date.now() + waitMs;
  while (!(await isSo())) {
    assert.ok(Date.now() < untilMs, 'it became so in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

test('what was made takes messages at once, and shows what it holds', async () => {
  await admin.createQueue('made');
  await admin.createTopic('made-topic');
  await admin.createSubscription('made-topic', 'all');
  await admin.createSubscription('made-topic', 'some', {
    defaultRuleOptions: { name: 'only-b', filter: { sqlExpression: "sys.MessageId = 'b'" } },
  });
  await send('made', 'a', 'b', 'c');
  await send('made-topic', 'a', 'b');
  await client.createSender('made').scheduleMessages([{ body: 'later' }], new Date(Date.now() + 3_600_000));
  const from = receiver('made');
  const [a, b] = await take(from, 2);
  assert.ok(a !== undefined && b !== undefined);
  await from.deadLetterMessage(a);
  await from.deferMessage(b);
  const queue = await admin.getQueueRuntimeProperties('made');
  assert.deepEqual(
    [
      queue.activeMessageCount,
      queue.deadLetterMessageCount,
      queue.scheduledMessageCount,
      queue.totalMessageCount,
    ],
    [2, 1, 1, 4],
  );
  assert.ok((queue.sizeInBytes ?? 0) > 0);
  const some = await admin.getSubscriptionRuntimeProperties('made-topic', 'some');
  assert.deepEqual([some.activeMessageCount, some.totalMessageCount], [1, 1]);
  assert.deepEqual(bodies(await take(receiver('made-topic', 'some'))), ['b']);
});

test('an entity that is deleted ends its links, and one of its name begins empty', async () => {
  await admin.createQueue('gone');
  const sender = client.createSender('gone');
  await sender.sendMessages({ body: 'lost with it' });
  const locking = receiver('gone');
  const [locked] = await take(locking);
  assert.ok(locked !== undefined);
  const told = toldOf(receiver('gone'));
  const bytes = (await admin.getQueueRuntimeProperties('gone')).sizeInBytes ?? 0;
  assert.ok(bytes > 0);
  await admin.deleteQueue('gone');
  const heardOf = await told;
  isCoded('MessagingEntityNotFound')(heardOf.error);
  await heardOf.stop();
  await heard();
  await assert.rejects(sender.sendMessages({ body: 'x' }), isCoded('MessagingEntityNotFound'));
  await assert.rejects(locking.completeMessage(locked));
  await admin.createQueue('gone');
  assert.equal((await admin.getQueueRuntimeProperties('gone')).totalMessageCount, 0);
  await send('gone', 'new');
  assert.deepEqual(bodies(await take(receiver('gone'))), ['new']);
  await assert.rejects(locking.completeMessage(locked), isCoded('MessageLockLost'));
});

test('who waits for a session of an entity hears when it is deleted', async () => {
  await admin.createQueue('waited', { requiresSession: true });
  const waiting = assert.rejects(client.acceptNextSession('waited'), isCoded('MessagingEntityNotFound'));
  // An entity with a link attached is in use; who waits for a session has one, though it is not answered yet.
  await until(async () => {
    const { createdAt, accessedAt } = await admin.getQueueRuntimeProperties('waited');
    return accessedAt > createdAt;
  });
  await admin.deleteQueue('waited');
  await waiting;
});

test('a changed lock time and number of tries hold for what is received next', async () => {
  const made = await admin.createQueue('tried', { lockDuration: 'PT1M', maxDeliveryCount: 10 });
  const from = receiver('tried');
  await send('tried', 'x');
  const [first] = await take(from);
  assert.ok(first?.lockedUntilUtc !== undefined && first.lockedUntilUtc.getTime() - Date.now() > 30_000);
  await from.abandonMessage(first);
  await admin.updateQueue({ ...made, lockDuration: 'PT5S', maxDeliveryCount: 2 });
  const [second] = await take(from);
  assert.ok(second?.lockedUntilUtc !== undefined && second.lockedUntilUtc.getTime() - Date.now() <= 5_000);
  await from.abandonMessage(second);
  const [dead] = await take(client.createReceiver('tried', { subQueueType: 'deadLetter' }));
  assert.equal(dead?.deadLetterReason, 'MaxDeliveryCountExceeded');
});

test('a shortened time to live ends what waits, as a dead letter where that was switched on', async () => {
  await admin.createTopic('lives');
  const made = await admin.createSubscription('lives', 's');
  await send('lives', 'x');
  await admin.updateSubscription({
    ...made,
    defaultMessageTimeToLive: 'PT1S',
    deadLetteringOnMessageExpiration: true,
  });
  const [dead] = await take(client.createReceiver('lives', 's', { subQueueType: 'deadLetter' }));
  assert.deepEqual([dead?.body, dead?.deadLetterReason], ['x', 'TTLExpiredException']);
});

test('a changed duplicate window holds for ids seen before', async () => {
  const made = await admin.createTopic('twice', {
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: 'P1D',
  });
  await send('twice', 'a');
  await send('twice', 'a');
  assert.equal(bus.stats().topics['twice']?.duplicates, 1);
  await admin.updateTopic({ ...made, duplicateDetectionHistoryTimeWindow: 'PT1S' });
  await until(async () => {
    await send('twice', 'a');
    return bus.stats().topics['twice']?.accepted === 2;
  });
});

test('a status closes an entity to senders or receivers, those attached too, until it is active again', async () => {
  const made = await admin.createQueue('closed');
  const sender = client.createSender('closed');
  await sender.sendMessages({ body: 'before' });
  const disabled = isCoded('MessagingEntityDisabled');

  const told = toldOf(receiver('closed'));
  await until(async () => (await admin.getQueueRuntimeProperties('closed')).totalMessageCount === 0);
  await admin.updateQueue({ ...made, status: 'ReceiveDisabled' });
  const heardOf = await told;
  disabled(heardOf.error);
  await heardOf.stop();
  await sender.sendMessages({ body: 'kept' });
  await assert.rejects(receiver('closed').receiveMessages(1), disabled);
  await assert.rejects(receiver('closed').peekMessages(1));

  await admin.updateQueue({ ...made, status: 'SendDisabled' });
  await heard();
  await assert.rejects(sender.sendMessages({ body: 'refused' }), disabled);
  await assert.rejects(client.createSender('closed').scheduleMessages({ body: 'no' }, new Date()));
  const from = receiver('closed');
  const [kept] = await take(from);
  assert.equal(kept?.body, 'kept');
  await from.completeMessage(kept);

  await admin.updateQueue({ ...made, status: 'Disabled' });
  await heard();
  await assert.rejects(sender.sendMessages({ body: 'refused' }), disabled);
  await assert.rejects(receiver('closed').receiveMessages(1), disabled);

  await admin.updateQueue({ ...made, status: 'Active' });
  await send('closed', 'after');
  assert.deepEqual(bodies(await take(receiver('closed'))), ['after']);
});

test('an entity has no more room than its size, and takes no message larger than its limit', async () => {
  const made = await admin.createQueue('small', {
    maxSizeInMegabytes: 1,
    maxMessageSizeInKilobytes: 100,
  });
  const sender = client.createSender('small');
  await assert.rejects(
    sender.sendMessages({ body: Buffer.alloc(101 * 1024) }),
    isCoded('MessageSizeExceeded'),
  );
  const body = Buffer.alloc(90 * 1024);
  for (let at = 0; at < 11; at++) await sender.sendMessages({ body });
  await assert.rejects(sender.sendMessages({ body }), isCoded('QuotaExceeded'));
  await admin.updateQueue({ ...made, maxSizeInMegabytes: 2 });
  await sender.sendMessages({ body });
});

test('a message that a rule cannot be computed for becomes a dead letter where the subscription says so', async () => {
  await admin.createTopic('computed');
  const rule = { name: 'r', filter: { sqlExpression: '1 / n = 1' } };
  await admin.createSubscription('computed', 'kept', { defaultRuleOptions: rule });
  await admin.createSubscription('computed', 'dropped', {
    defaultRuleOptions: rule,
    deadLetteringOnFilterEvaluationExceptions: false,
  });
  await client.createSender('computed').sendMessages([
    { body: 'bad', applicationProperties: { n: 0 } },
    { body: 'good', applicationProperties: { n: 1 } },
  ]);
  const [dead] = await take(client.createReceiver('computed', 'kept', { subQueueType: 'deadLetter' }));
  assert.deepEqual([dead?.body, dead?.deadLetterReason], ['bad', 'FilterEvaluationException']);
  assert.deepEqual(bodies(await take(receiver('computed', 'kept'))), ['good']);
  const dropped = await admin.getSubscriptionRuntimeProperties('computed', 'dropped');
  assert.deepEqual([dropped.activeMessageCount, dropped.deadLetterMessageCount], [1, 0]);
});

test('rules are the same ones over both of their ways', async () => {
  await admin.createTopic('ways');
  await admin.createSubscription('ways', 's');
  const rules = client.createRuleManager('ways', 's');
  await rules.createRule('by-amqp', { subject: 'x', applicationProperties: { n: 2 } });
  const byAmqp = await admin.getRule('ways', 's', 'By-Amqp');
  assert.ok('subject' in byAmqp.filter);
  assert.deepEqual([byAmqp.filter.subject, byAmqp.filter.applicationProperties], ['x', { n: 2 }]);
  await admin.createRule('ways', 's', 'by-atom', { sqlExpression: '1 = 0' });
  await admin.deleteRule('ways', 's', '$Default');
  const names = [];
  for await (const { name } of rules.listRules()) names.push(name);
  assert.deepEqual(names, ['by-amqp', 'by-atom']);
  await rules.deleteRule('BY-ATOM');
  assert.equal(await admin.ruleExists('ways', 's', 'by-atom'), false);
  await assert.rejects(rules.createRule('BY-AMQP', { subject: 'y' }));
  const sender = client.createSender('ways');
  await sender.sendMessages([
    { body: 'not', subject: 'x' },
    { body: 'it', subject: 'x', applicationProperties: { n: 2 } },
  ]);
  assert.deepEqual(bodies(await take(receiver('ways', 's'))), ['it']);
});
