import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { isServiceBusError, type ServiceBusClient } from '@azure/service-bus';
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

const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, value) => value));

async function emptied(topic: string, ...subscriptions: readonly string[]) {
  await Promise.all(subscriptions.map((name) => takeAll(client, topic, name)));
  return client.createSender(topic);
}

test('a single message reaches every subscription with its body byte for byte and its properties', async () => {
  const sender = await emptied('round-trip', 'one', 'two');
  await sender.sendMessages({
    body: everyByte,
    messageId: 'round-1',
    correlationId: 'c-1',
    subject: 'AM',
    contentType: 'application/octet-stream',
    to: 'CA0990100',
    replyTo: 'NV0990300',
    applicationProperties: {
      destination: 'CA0990100',
      class: 1,
      possibleDuplicate: false,
      ratio: 0.5,
      empty: '',
    },
  });
  for (const name of ['one', 'two']) {
    const [message] = await takeAll(client, 'round-trip', name, 1);
    assert.deepEqual(message?.body, everyByte);
    assert.equal(message.messageId, 'round-1');
    assert.equal(message.correlationId, 'c-1');
    assert.equal(message.subject, 'AM');
    assert.equal(message.contentType, 'application/octet-stream');
    assert.equal(message.to, 'CA0990100');
    assert.equal(message.replyTo, 'NV0990300');
    assert.deepEqual(message.applicationProperties, {
      destination: 'CA0990100',
      class: 1,
      possibleDuplicate: false,
      ratio: 0.5,
      empty: '',
    });
    assert.ok(
      Math.abs(Date.now() - Number(message.enqueuedTimeUtc)) < 60_000,
      'has the time it was enqueued',
    );
  }
});

test('a batch arrives whole, in order, each message with its own properties', async () => {
  const sender = await emptied('round-trip', 'one', 'two');
  const batch = await sender.createMessageBatch();
  for (let at = 0; at < 100; at++) {
    const body = Buffer.from([at]);
    assert.ok(batch.tryAddMessage({ body, messageId: `batch-${String(at)}`, applicationProperties: { at } }));
  }
  await sender.sendMessages(batch);
  const messages = await takeAll(client, 'round-trip', 'one', 100);
  assert.deepEqual(
    messages.map(({ messageId, body, applicationProperties }) => [
      messageId,
      [...(body as Buffer)],
      applicationProperties,
    ]),
    Array.from({ length: 100 }, (_, at) => [`batch-${String(at)}`, [at], { at }]),
  );
  const sequences = messages.map(({ sequenceNumber }) => sequenceNumber?.toNumber() ?? 0);
  assert.ok(sequences.every((sequence, at) => at === 0 || sequence > (sequences[at - 1] ?? 0)));
});

test('a message sent without an id is given one', async () => {
  const sender = await emptied('round-trip', 'one', 'two');
  await sender.sendMessages({ body: everyByte });
  const [message] = await takeAll(client, 'round-trip', 'one', 1);
  assert.ok(String(message?.messageId).length >= 8);
  assert.deepEqual(message?.body, everyByte);
});

test('correlation rules select by text, by boolean, by several conditions and by any of several rules', async () => {
  const names = ['all', 'ori', 'group', 'two-conditions', 'either'];
  const sender = await emptied('rules', ...names);
  const body = Buffer.from('x');
  await sender.sendMessages([
    { body, messageId: 'ori', applicationProperties: { destination: 'CA0990100' } },
    { body, messageId: 'group', applicationProperties: { g_CA: true } },
    { body, messageId: 'not-group', applicationProperties: { g_CA: false } },
    { body, messageId: 'text-group', applicationProperties: { g_CA: 'true' } },
    { body, messageId: 'half', applicationProperties: { destination: 'NV0990300' } },
    { body, messageId: 'both', subject: 'AM', applicationProperties: { destination: 'NV0990300' } },
    { body, messageId: 'other-case', applicationProperties: { destination: 'ca0990100' } },
    { body, messageId: 'none' },
  ]);
  const seen = await Promise.all(
    names.map(async (name) => (await takeAll(client, 'rules', name)).map(({ messageId }) => messageId)),
  );
  assert.deepEqual(seen, [
    ['ori', 'group', 'not-group', 'text-group', 'half', 'both', 'other-case', 'none'],
    ['ori'],
    ['group'],
    ['both'],
    ['ori', 'half', 'both'],
  ]);
});

test('receive-and-delete hands each message out once', async () => {
  const sender = await emptied('receive-and-delete', 'one', 'two');
  await sender.sendMessages(
    Array.from({ length: 20 }, (_, at) => ({ body: at, messageId: `rd-${String(at)}` })),
  );
  assert.equal((await takeAll(client, 'receive-and-delete', 'one', 20)).length, 20);
  assert.equal((await takeAll(client, 'receive-and-delete', 'one')).length, 0);
});

test('a repeated message id inside the window is swallowed, alone and in a batch', {
  needs: ['duplicate detection'],
}, async () => {
  const sender = await emptied('duplicates', 'one');
  const run = String(Date.now());
  const message = (id: string, body: string) => ({ messageId: `${run}-${id}`, body: Buffer.from(body) });
  await sender.sendMessages(message('a', 'first'));
  await sender.sendMessages(message('a', 'again'));
  await sender.sendMessages([message('a', 'in a batch'), message('b', 'first'), message('b', 'same batch')]);
  const messages = await takeAll(client, 'duplicates', 'one');
  assert.deepEqual(
    messages.map(({ messageId, body }) => [messageId, String(body)]),
    [
      [`${run}-a`, 'first'],
      [`${run}-b`, 'first'],
    ],
  );
});

test('a message over the size limit is refused and the sender goes on', async () => {
  const sender = await emptied('limits', 'one', 'two');
  const { maxSizeInBytes } = await sender.createMessageBatch();
  const refused = sender.sendMessages({ body: Buffer.alloc(maxSizeInBytes + 1), messageId: 'too-large' });
  await assert.rejects(refused, (error) => isServiceBusError(error) && error.code === 'MessageSizeExceeded');
  await sender.sendMessages({ body: Buffer.from('fits'), messageId: 'fits' });
  assert.deepEqual(
    (await takeAll(client, 'limits', 'one')).map(({ messageId }) => messageId),
    ['fits'],
  );
});

// The service may detach the link of a sender that passes the size limit, and then fails its neighbours too.
test('of sends under way together each is told its own outcome', { needs: ['control door'] }, async () => {
  const sender = await emptied('limits', 'one', 'two');
  const { maxSizeInBytes } = await sender.createMessageBatch();
  const outcomes = await Promise.allSettled(
    ['small', 'large', 'small', 'small', 'large', 'small'].map((size, at) => {
      const body = Buffer.alloc(size === 'large' ? maxSizeInBytes + 1 : 10);
      return sender.sendMessages({ messageId: `${size}-${String(at)}`, body });
    }),
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
  const ids = (await takeAll(client, 'limits', 'one')).map(({ messageId }) => messageId);
  assert.deepEqual(ids, ['small-0', 'small-2', 'small-3', 'small-5']);
});

test('a message of many frames arrives byte for byte', async () => {
  const sender = await emptied('limits', 'one', 'two');
  const body = Buffer.alloc(200 * 1024, everyByte);
  await sender.sendMessages({ body, messageId: 'large' });
  const [message] = await takeAll(client, 'limits', 'one', 1);
  assert.ok(body.equals(message?.body as Buffer));
});

test('an unknown topic or subscription is MessagingEntityNotFound', async () => {
  const isNotFound = (error: unknown) => isServiceBusError(error) && error.code === 'MessagingEntityNotFound';
  await assert.rejects(client.createSender('no-such-topic').sendMessages({ body: 1 }), isNotFound);
  await assert.rejects(client.createReceiver('round-trip', 'none').receiveMessages(1), isNotFound);
});

test('asking for more messages than there are returns promptly with those', async () => {
  const sender = await emptied('drain', 'one', 'two');
  await sender.sendMessages([{ body: 1 }, { body: 2 }]);
  const receiver = client.createReceiver('drain', 'one');
  const startedAt = performance.now();
  const messages = await receiver.receiveMessages(50, { maxWaitTimeInMs: 10_000 });
  const tookMs = performance.now() - startedAt;
  assert.equal(messages.length, 2);
  // The SDK waits a second for more after the first message, then drains; unanswered, it would take 10 s.
  for (const message of messages) await receiver.completeMessage(message);
  assert.ok(tookMs < 2_500, `took ${String(tookMs)} ms`);
  await receiver.close();
});

test('an empty subscription answers at the end of the wait, again and again on one link', async () => {
  await emptied('drain', 'one', 'two');
  const receiver = client.createReceiver('drain', 'one');
  const startedAt = performance.now();
  for (let round = 0; round < 5; round++) {
    assert.equal((await receiver.receiveMessages(5, { maxWaitTimeInMs: 100 })).length, 0);
  }
  const tookMs = performance.now() - startedAt;
  // 200 ms more a round where a drain is not answered.
  if (bus.standIn !== undefined) assert.ok(tookMs < 1_000, `took ${String(tookMs)} ms`);
  await receiver.close();
});
