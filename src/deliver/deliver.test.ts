import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceBusClient, type ServiceBusReceivedMessage } from '@azure/service-bus';
import fc from 'fast-check';
import { BusClient } from '../bus/bus-client.ts';
import type { Delivery } from '../message/delivery.ts';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { encodeBatch, encodeMessage } from './amqp-message.ts';
import { type BusMessage, busMessage, classifyBusFault, TopicBus, TopicSender } from './deliver.ts';

const topic = 'point-to-point';
const timeoutMs = 500;
const config = parseEmulatorConfig({
  UserConfig: { Namespaces: [{ Name: 'one', Topics: [{ Name: topic, Subscriptions: [{ Name: 'all' }] }] }] },
});
let standIn: ServiceBus;
let sdk: ServiceBusClient;
let bus: Opened;

before(async () => {
  standIn = await startServiceBus({ port: 0, config, messageBytesMax: 256 * 1024 });
  sdk = new ServiceBusClient(connectionString(standIn.port));
  bus = open(standIn.port);
});
after(async () => {
  await bus.close();
  await sdk.close();
  await standIn.stop();
});

type Opened = { topic(name: string): TopicSender; close(): Promise<void> };
const defaults = { timeoutMs, batchBytesMax: 240 * 1024, linkIdleMs: 240_000, sendsMax: 256 };

const open = (port: number, change: Partial<typeof defaults> = {}): Opened => {
  const options = { ...defaults, ...change };
  const client = clientFor(port, options.timeoutMs);
  const topics = new TopicBus(client, options);
  return { topic: (name) => topics.topic(name), close: () => client.close() };
};

const clientFor = (port: number, ms = timeoutMs): BusClient =>
  new BusClient(
    { kind: 'connection-string', connectionString: connectionString(port) },
    { identifier: 'tenfour-test', timeoutMs: ms },
  );

const receive = async (count: number): Promise<readonly ServiceBusReceivedMessage[]> => {
  const receiver = sdk.createReceiver(topic, 'all', {
    receiveMode: 'receiveAndDelete',
    skipParsingBodyAsJson: true,
  });
  const received: ServiceBusReceivedMessage[] = [];
  while (received.length < count) {
    const some = await receiver.receiveMessages(count - received.length, { maxWaitTimeInMs: 1000 });
    if (some.length === 0) break;
    received.push(...some);
  }
  await receiver.close();
  return received;
};

/** All that a subscriber can see of a message, without what the bus gives each one anew. */
const seen = (message: ServiceBusReceivedMessage): unknown => {
  const { _rawAmqpMessage: raw } = message;
  return {
    bytes: Buffer.from(message.body as Uint8Array).toString('base64'),
    messageId: message.messageId,
    subject: message.subject,
    contentType: message.contentType,
    properties: message.applicationProperties,
    // What the SDK leaves out and what it sends as null look the same to a receiver.
    rest: Object.entries(raw.properties ?? {}).filter(([, value]) => value !== undefined && value !== null),
    bodyType: raw.bodyType,
  };
};

const fault = async (query: string): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${String(standIn.controlPort)}/fault?${query}`, {
    method: 'POST',
  });
  assert.equal(answer.status, 200);
};

const letter = (
  messageId: string,
  body = Buffer.from('body'),
  properties: BusMessage['properties'] = {},
): BusMessage => ({
  messageId,
  subject: 'AM',
  contentType: 'application/jose',
  properties,
  body,
});

const send = (target: Opened, ...messages: readonly BusMessage[]): Promise<void> => {
  const sender = target.topic(topic);
  return sender.send(messages.map((message) => sender.ready(message)));
};

const text = fc.string({ unit: 'grapheme', maxLength: 400 });
const letters = fc.record(
  {
    messageId: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 }),
    subject: text.filter((one) => one !== ''),
    contentType: fc.constant('application/jose'),
    properties: fc.dictionary(
      // The SDK's own decoder loses a property of this one name, whoever sent it.
      fc
        .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 300 })
        .filter((name) => name !== '__proto__'),
      fc.oneof(text, fc.boolean(), fc.maxSafeInteger(), fc.integer({ min: -300, max: 300 })),
      { maxKeys: 12, noNullPrototype: true },
    ),
    body: fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

test('a receiver cannot tell our bytes from the SDK’s own, whatever the properties and the body hold', async () => {
  const samples = fc.sample(letters, 60);
  const theirs = sdk.createSender(topic);
  for (let at = 0; at < samples.length; at += 6) {
    const some = samples.slice(at, at + 6);
    await send(bus, ...some);
    await theirs.sendMessages(
      some.map(({ messageId, subject, contentType, properties, body }) => ({
        messageId,
        subject,
        contentType,
        applicationProperties: properties,
        body,
      })),
    );
    const received = (await receive(2 * some.length)).map(seen);
    assert.equal(received.length, 2 * some.length);
    assert.deepEqual(received.slice(0, some.length), received.slice(some.length));
    assert.deepEqual(
      received.slice(0, some.length),
      some.map((message) => ({
        bytes: message.body.toString('base64'),
        messageId: message.messageId,
        subject: message.subject,
        contentType: message.contentType,
        properties: message.properties,
        rest: (received[some.indexOf(message)] as { rest: unknown }).rest,
        bodyType: 'data',
      })),
    );
  }
  await theirs.close();
});

test('bodies of nothing up to 200 KB arrive byte for byte', async () => {
  for (const length of [0, 1, 255, 256, 65_535, 65_536, 200 * 1024]) {
    const body = Buffer.from(Array.from({ length }, (_, at) => (at * 31) % 256));
    await send(bus, letter(`size-${String(length)}`, body));
    const [message] = await receive(1);
    assert.ok(message !== undefined && body.equals(Buffer.from(message.body as Uint8Array)), String(length));
  }
});

test('the SDK still has the two internal names our batches are handed over by', async () => {
  const sender = sdk.createSender(topic);
  const batch = (await sender.createMessageBatch()) as unknown as Record<string, unknown>;
  assert.ok(Array.isArray(batch['_messageSpanContexts']));
  assert.equal(typeof batch['_generateMessage'], 'function');
  await sender.close();
});

test('an SDK without them gets the public array form, and a receiver sees the same', async () => {
  const properties = { n: 7, isTest: true, destination: 'CA0990100' };
  await send(bus, letter('by-bytes', undefined, properties));
  let publicForms = 0;
  const client = new Proxy(sdk, {
    get: (target, name) => {
      if (name !== 'createSender') return Reflect.get(target, name) as unknown;
      return (path: string) => {
        const sender = target.createSender(path);
        return {
          createMessageBatch: () => Promise.resolve({ count: 0 }),
          sendMessages: (messages: unknown[]) => {
            publicForms += Array.isArray(messages) ? messages.length : 0;
            return sender.sendMessages(messages as Parameters<typeof sender.sendMessages>[0]);
          },
          close: () => sender.close(),
        };
      };
    },
  });
  const { remains } = clientFor(standIn.port);
  const options = { ...defaults, timeoutMs: 5000, batchBytesMax: 1_000_000 };
  const sender = new TopicSender(
    { sdk: client, remains, renew: () => Promise.resolve('unchanged'), replace: () => false },
    topic,
    options,
  );
  await sender.send([
    sender.ready(letter('by-array', undefined, properties)),
    sender.ready(letter('second')),
  ]);
  assert.equal(publicForms, 2);
  const many = Array.from({ length: 300 }, () => sender.ready(letter('x', Buffer.alloc(1000))));
  assert.ok(sender.fitting(many) < 240, 'a link that names no limit gets what every tier takes');
  const [bytes, array] = (await receive(3)).map((message) => ({
    ...(seen(message) as object),
    messageId: '',
    rest: [],
  }));
  assert.deepEqual(array, bytes);
});

test('a batch holds what fits, and always one', () => {
  const small = open(standIn.port, { batchBytesMax: 6000 });
  const sender = small.topic(topic);
  const ready = [3000, 2000, 2000, 100].map((length) => sender.ready(letter('x', Buffer.alloc(length))));
  assert.equal(sender.fitting(ready), 2);
  assert.equal(sender.fitting(ready.slice(1)), 3);
  assert.equal(sender.fitting([sender.ready(letter('x', Buffer.alloc(50_000)))]), 1);
  assert.equal(sender.fitting([]), 0);
});

test('what fits is counted to the byte, with any properties in front', () => {
  const groups = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`g_${String(n)}`, true]));
  const sender = (batchBytesMax: number) =>
    new TopicSender(clientFor(standIn.port), topic, { ...defaults, batchBytesMax });
  for (const properties of [{}, groups]) {
    const first = letter('m', Buffer.alloc(500), properties);
    const ready = Array.from({ length: 40 }, () => sender(1).ready(first));
    for (const count of [2, 17, 39]) {
      const encoded = ready.slice(0, count).map((each) => each.encoded);
      const bytes = encodeBatch(first, encoded).length;
      assert.equal(sender(bytes).fitting(ready), count);
      assert.equal(sender(bytes - 1).fitting(ready), count - 1);
    }
  }
});

test('a batch is filled to what the link takes once it is open, and is one the bus takes', async () => {
  const wide = open(standIn.port, { batchBytesMax: 1_000_000 });
  const sender = wide.topic(topic);
  const ready = Array.from({ length: 600 }, (_, n) =>
    sender.ready(letter(`full-${String(n)}`, Buffer.alloc(900), { n })),
  );
  const before = sender.fitting(ready);
  await sender.send(ready.slice(0, before));
  const after = sender.fitting(ready);
  assert.ok(before > 200 && after > before && after < 300, `${String(before)} and ${String(after)}`);
  await sender.send(ready.slice(0, after));
  assert.equal((await receive(before + after)).length, before + after);
  await wide.close();
});

test('the setting holds where the link takes more', async () => {
  const roomy = await startServiceBus({ port: 0, config, messageBytesMax: 1024 * 1024 });
  const ready = Array.from({ length: 2000 }, () => bus.topic(topic).ready(letter('x', Buffer.alloc(900))));
  const [one] = ready;
  assert.ok(one !== undefined);
  for (const batchBytesMax of [500_000, 1_000_000]) {
    const courier = open(roomy.port, { batchBytesMax });
    const sender = courier.topic(topic);
    await sender.send([sender.ready(letter('first'))]);
    const bytes = sender.fitting(ready) * one.room;
    assert.ok(bytes < batchBytesMax && bytes > batchBytesMax - 2 * one.room, String(bytes));
    await courier.close();
  }
  await roomy.stop();
});

test('a number that is no integer cannot be encoded, which is the message’s own fault', () => {
  assert.throws(() => bus.topic(topic).ready(letter('x', Buffer.alloc(1), { share: 0.5 })), RangeError);
});

test('whole numbers are the eight bytes of their two’s complement, up to 64 bits', () => {
  const numbers = [0, 1, -1, 255, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 32) - 5, 2 ** 53 - 1, 1 - 2 ** 53];
  for (const value of [...numbers, 2 ** 62, -(2 ** 63)]) {
    const expected = Buffer.alloc(9, 0x81);
    expected.writeBigInt64BE(BigInt(value), 1);
    const encoded = encodeMessage(letter('x', Buffer.alloc(0), { value }));
    assert.deepEqual(encoded.subarray(-17, -8), expected, String(value));
  }
  for (const value of [2 ** 63, 2 ** 64, Infinity, NaN]) {
    assert.throws(() => encodeMessage(letter('x', Buffer.alloc(0), { value })), RangeError, String(value));
  }
});

test('a message is not changed by those encoded before and after it, and properties past 1 MiB are its own fault', () => {
  const wide = letter('wide', Buffer.alloc(3), { long: 'é'.repeat(40_000), short: 'ü'.repeat(100) });
  const [first, second] = [encodeMessage(letter('a')), encodeMessage(wide)];
  const copies = [Buffer.from(first), Buffer.from(second)];
  assert.deepEqual([encodeMessage(letter('a')), encodeMessage(wide)], copies);
  assert.deepEqual([first, second], copies);
  const huge = letter('huge', Buffer.alloc(1), { long: 'x'.repeat(1024 * 1024) });
  assert.throws(() => encodeMessage(huge), RangeError);
  assert.deepEqual(encodeMessage(letter('a')), copies[0]);
});

test('a message above the bus’s own limit is a fault of the message, and the next one passes', async () => {
  await assert.rejects(send(bus, letter('huge', Buffer.alloc(300 * 1024))), (error) => {
    assert.deepEqual(classifyBusFault(error), {
      class: 'message',
      code: 'DELIVER_MESSAGE',
      busCode: 'MessageSizeExceeded',
    });
    return true;
  });
  await send(bus, letter('after'));
  assert.deepEqual(
    (await receive(1)).map(({ messageId }) => messageId),
    ['after'],
  );
});

test('a topic that is not there is a fault of the entity', async () => {
  const sender = bus.topic('missing');
  await assert.rejects(
    sender.send([sender.ready(letter('x'))]),
    (error) => classifyBusFault(error).class === 'entity',
  );
});

test('a bus that refuses our token is a fault of the entity', async () => {
  const other = open(standIn.port);
  await fault('authFail=1');
  await assert.rejects(send(other, letter('x')), (error) => classifyBusFault(error).class === 'entity');
  await send(other, letter('let in'));
  await receive(1);
  await other.close();
});

test('a busy bus is a link fault, and nothing was stored', async () => {
  await fault('busy=1');
  await assert.rejects(send(bus, letter('busy')), (error) => classifyBusFault(error).class === 'link');
  await send(bus, letter('after busy'));
  assert.deepEqual(
    (await receive(1)).map(({ messageId }) => messageId),
    ['after busy'],
  );
});

/** Rejects within the limit, as a link fault; answers how long it took. */
const assertEndsInTime = async (attempt: Promise<void>): Promise<void> => {
  const startedAt = performance.now();
  await assert.rejects(attempt, (error) => {
    assert.equal(classifyBusFault(error).class, 'link', error instanceof Error ? error.name : '');
    return true;
  });
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < timeoutMs + 300, `took ${String(tookMs)} ms`);
};

test('a bus that never settles is given up in time, on the first and on later sends', async () => {
  await fault('silent=2');
  await assertEndsInTime(send(bus, letter('lost 1')));
  await assertEndsInTime(send(bus, letter('lost 2')));
  await send(bus, letter('after silence'));
  assert.deepEqual(
    (await receive(1)).map(({ messageId }) => messageId),
    ['after silence'],
  );
});

test('a dropped connection is made anew by the next sends', async () => {
  await send(bus, letter('before'));
  await fault('drop');
  const deadline = performance.now() + 5000;
  for (;;) {
    try {
      await send(bus, letter('after'));
      break;
    } catch (error) {
      assert.equal(classifyBusFault(error).class, 'link');
      assert.ok(performance.now() < deadline);
      await sleep(50);
    }
  }
  const ids = new Set((await receive(3)).map(({ messageId }) => messageId));
  assert.deepEqual(ids, new Set(['before', 'after']));
});

test('a bus nobody serves is given up in time', async () => {
  const free = await listening(() => undefined);
  await free.close();
  const dead = open(free.port);
  await assertEndsInTime(send(dead, letter('x')));
  await assertEndsInTime(send(dead, letter('x')));
  await dead.close();
});

test('a bus that takes the connection and says nothing is given up in time, and its sockets are not collected', async () => {
  const mute = await listening((socket) => socket.resume());
  const silent = open(mute.port, { timeoutMs: 150 });
  for (let tries = 0; tries < 5; tries += 1) {
    await assertEndsInTime(send(silent, letter('x')));
    assert.ok(mute.open() <= 2, `${String(mute.open())} sockets are open`);
  }
  await silent.close();
  await sleep(50);
  assert.equal(mute.open(), 0);
  await mute.close();
});

test('a bus that drops every connection, at once or politely, is a link fault in time', async () => {
  for (const drop of ['destroy', 'end'] as const) {
    const rude = await listening((socket) => socket[drop]());
    const dropping = open(rude.port);
    await assertEndsInTime(send(dropping, letter('x')));
    await assertEndsInTime(send(dropping, letter('x')));
    await dropping.close();
    await rude.close();
  }
});

test('a bus that comes back on the same port is found by the next send', async () => {
  const first = await startServiceBus({ port: 0, config });
  const courier = open(first.port);
  await send(courier, letter('1'));
  await first.stop();
  await assertEndsInTime(send(courier, letter('2')));
  const second = await startServiceBus({ port: first.port, config });
  await send(courier, letter('2'));
  assert.equal(second.stats().topics[topic]?.accepted, 1);
  await courier.close();
  await second.stop();
});

const listening = async (
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; open: () => number; close: () => Promise<void> }> => {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    open: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => {
          resolve();
        });
      }),
  };
};

const delivery: Delivery = {
  deliveryId: 'gabc-1-0',
  generation: 2,
  messageId: 'gabc-1',
  messageKey: 'AML',
  priorityClass: 1,
  originatingOri: 'CA0990100',
  destination: '',
  groups: ['CA', 'R1'],
  recipients: ['ca', 'r1'],
  agency: 'ca-dispatch',
  station: 'ca-cad',
  dialect: 'nlets-legacy',
  receivedAtMs: 1_700_000_000_000,
  receivedCount: 7,
  directoryVersion: 'v1',
  isTest: true,
  traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
  user: 'SAMPLE',
  terminal: 'T1',
  incident: 'I1',
  resentOf: 'gabc-1-0.1',
  isNotice: false,
};

test('a delivery’s id, generation and groups become what filters and duplicate detection look at', () => {
  const made = busMessage(delivery, Buffer.from('jwe'), { seq: 7, isPossibleDuplicate: true });
  assert.deepEqual(made, {
    messageId: 'gabc-1-0.2',
    subject: 'AML',
    contentType: 'application/jose',
    properties: {
      format: 1,
      messageKey: 'AML',
      class: 1,
      priority: 'urgent',
      originOri: 'CA0990100',
      destination: '',
      dialect: 'nlets-legacy',
      laneSeq: 7,
      generation: 2,
      possibleDuplicate: true,
      isTest: true,
      traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
      agency: 'ca-dispatch',
      station: 'ca-cad',
      receivedAt: 1_700_000_000_000,
      receivedCount: 7,
      directory: 'v1',
      resentOf: 'gabc-1-0.1',
      g_CA: true,
      g_R1: true,
    },
    body: Buffer.from('jwe'),
  });
  const routine = { ...delivery, priorityClass: 2, resentOf: '' } as const;
  const { properties } = busMessage(routine, Buffer.from('jwe'), { seq: 8, isPossibleDuplicate: false });
  assert.equal(properties['priority'], 'routine');
  assert.equal('resentOf' in properties, false);
});

test('user, terminal and incident stay off the bus’s open properties', () => {
  const { properties } = busMessage(delivery, Buffer.from('jwe'), { seq: 7, isPossibleDuplicate: true });
  for (const value of ['SAMPLE', 'T1', 'I1']) assert.ok(!Object.values(properties).includes(value));
});
