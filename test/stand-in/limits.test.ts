import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isServiceBusError, ServiceBusClient, type ServiceBusSender } from '@azure/service-bus';
import rhea, { type Connection, type Sender } from 'rhea';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  type ServiceBusOptions,
  startServiceBus,
} from '../../src/simulate/service-bus/service-bus.ts';
import { amqpHead, attachFrame, beginFrame, openFrame, partFrame } from './raw-frames.ts';

const timeout = 60_000;
const Subscriptions = [{ Name: 'one' }, { Name: 'two' }];
const Action = { SqlExpression: 'SET changed = 1' };
const ruleOf = (Name: string, SqlExpression: string, action: object = {}) => ({
  Name,
  Properties: { FilterType: 'Sql', SqlFilter: { SqlExpression }, ...action },
});
const tens = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const Topics = [
  { Name: 't', Subscriptions },
  {
    Name: 'copied',
    Subscriptions: [{ Name: 's', Rules: tens.map((at) => ruleOf(`r${String(at)}`, '1 = 1', { Action })) }],
  },
  {
    Name: 'parted',
    Subscriptions: tens.map((at) => ({
      Name: `s${String(at)}`,
      Rules: [ruleOf('r', `part = ${String(at)}`)],
    })),
  },
];
const config = parseEmulatorConfig({
  UserConfig: { Namespaces: [{ Name: 'ns', Queues: [{ Name: 'q' }], Topics }] },
});

/** A stand-in and the clients opened to it, which are closed before it stops. */
async function start(context: TestContext, options: Partial<ServiceBusOptions>): Promise<ServiceBus> {
  const bus = await startServiceBus({ port: 0, config, ...options });
  context.after(async () => {
    for (const opened of clients.splice(0)) await opened.close();
    await bus.stop();
  });
  return bus;
}

const clients: ServiceBusClient[] = [];

function client(bus: ServiceBus, maxRetries = 0): ServiceBusClient {
  const retryOptions = { maxRetries, retryDelayInMs: 50, timeoutInMs: 5_000 };
  const opened = new ServiceBusClient(connectionString(bus.port), { retryOptions });
  clients.push(opened);
  return opened;
}

function raw(bus: ServiceBus, options: object = {}): Connection {
  const container = rhea.create_container();
  for (const event of ['disconnected', 'sender_error', 'connection_error'])
    container.on(event, () => undefined);
  return container.connect({
    host: '127.0.0.1',
    port: bus.port,
    username: 'raw',
    reconnect: false,
    ...options,
  });
}

const metricsOf = async (bus: ServiceBus): Promise<string> =>
  (await fetch(`http://127.0.0.1:${String(bus.controlPort)}/metrics`)).text();

async function metric(bus: ServiceBus, line: string): Promise<number> {
  const found = (await metricsOf(bus))
    .split('\n')
    .find((one) => one.startsWith(`service_bus_stand_in_${line} `));
  return Number(found?.split(' ').at(-1) ?? NaN);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, 'did not come true in time');
    await sleep(20);
  }
}

const isFull = (error: unknown) => isServiceBusError(error) && error.code === 'QuotaExceeded';

test('the namespace full, every entity answers QuotaExceeded, until something is taken out', {
  timeout,
}, async (context) => {
  const bus = await start(context, { memoryBytesMax: 1_000_000 });
  const peer = client(bus);
  const body = 'x'.repeat(50_000);
  const [queue, topic] = [peer.createSender('q'), peer.createSender('t')];
  const fill = async (sender: ServiceBusSender): Promise<void> => {
    for (let count = 0; count < 30; count++) await sender.sendMessages({ body });
  };
  await assert.rejects(fill(topic), isFull);
  await assert.rejects(fill(queue), isFull);
  await assert.rejects(queue.scheduleMessages({ body }, new Date(Date.now() + 60_000)), isFull);
  // Each message is in two subscriptions.
  assert.ok((await metric(bus, 'bytes_held')) > 900_000);
  assert.ok((await metric(bus, 'bytes_held')) <= 1_000_000);
  assert.equal(await metric(bus, 'refused_total{condition="amqp:resource-limit-exceeded"}'), 2);
  const receiver = peer.createReceiver('t', 'one', { receiveMode: 'receiveAndDelete' });
  await receiver.receiveMessages(3);
  await queue.sendMessages({ body });
});

test('memory counts each copy a message becomes, and none that it does not', { timeout }, async (context) => {
  const bus = await start(context, { memoryBytesMax: 1_000_000 });
  const peer = client(bus);
  const messages = tens.map((part) => ({ body: 'x'.repeat(20_000), applicationProperties: { part } }));
  // 200 KB in ten copies each.
  await assert.rejects(peer.createSender('copied').sendMessages(messages), isFull);
  assert.equal(await metric(bus, 'bytes_held'), 0);
  await peer.createSender('copied').sendMessages(messages.slice(0, 4));
  assert.ok((await metric(bus, 'bytes_held')) > 800_000);
  await peer.createReceiver('copied', 's', { receiveMode: 'receiveAndDelete' }).receiveMessages(40);
  // Ten subscriptions, but each message is for one of them.
  await peer.createSender('parted').sendMessages(messages);
});

test('half-received messages of all connections together stay below the memory of the process', {
  timeout,
}, async (context) => {
  const bus = await start(context, { messageBytesMax: 60_000, memoryBytesMax: 100_000 });
  const half = [amqpHead, openFrame('half'), beginFrame(), attachFrame(0, 'q')];
  const begin = Buffer.concat([...half, partFrame(0, 1, Buffer.alloc(59_000))]);
  const dial = () => connect(bus.port, '127.0.0.1').on('error', () => undefined);
  const first = dial().resume();
  first.write(begin);
  await until(async () => (await metric(bus, 'bytes_held')) > 59_000);
  const second = dial().resume();
  const closed = new Promise((resolve) => second.on('close', resolve));
  second.write(begin);
  await closed;
  assert.equal(first.destroyed, false);
  assert.ok((await metric(bus, 'bytes_held')) < 100_000);
  first.destroy();
});

test('a connection may open and close any number of links and sessions', { timeout }, async (context) => {
  const bus = await start(context, {});
  const connection = raw(bus);
  await once(connection, 'connection_open');
  for (let opened = 0; opened < 2_600; opened += 100) {
    const sessions = Array.from({ length: 100 }, () => connection.create_session());
    for (const session of sessions) {
      session.begin();
      session.open_sender('q');
    }
    await until(() => Promise.resolve(sessions.every((session) => session.find_sender(isSendable))));
    for (const session of sessions) session.close();
    await until(() => Promise.resolve(sessions.every((session) => session.is_closed())));
  }
  assert.equal(connection.is_open(), true);
  connection.close();
});

const isSendable = (link: Sender): boolean => link.sendable();

/** Sends on a link of the connection's one session; settled or not. */
async function burst(connection: Connection, count: number): Promise<Sender> {
  const link = connection.open_sender('q');
  await once(link, 'sendable');
  for (let sent = 0; sent < count; sent++) link.send({ body: 'x' });
  return link;
}

test('sends that nobody answers cost their session nothing for good', { timeout }, async (context) => {
  const bus = await start(context, {});
  // It keeps what was not answered, too.
  const connection = raw(bus, { session_buffer_size: 20_000 });
  // Under way when the link was detached.
  for (let round = 0; round < 7; round++) {
    const link = await burst(connection, 900);
    const closed = once(link, 'sender_close');
    bus.fault({ fault: 'detach', entity: 'q' });
    await closed;
  }
  // More than a pause holds.
  for (let round = 0; round < 3; round++) {
    bus.fault({ fault: 'pause', entity: 'q' });
    for (let links = 0; links < 3; links++) await burst(connection, 1_000);
    await until(() => Promise.resolve(bus.faults().held === 1_000));
    bus.clearFaults();
  }
  const link = await burst(connection, 1);
  await once(link, 'accepted');
  connection.close();
});

test('bytes of half-received messages count, are given back, and past the limit end their connection', {
  timeout,
}, async (context) => {
  const bus = await start(context, { messageBytesMax: 60_000 });
  const socket = connect(bus.port, '127.0.0.1').on('error', () => undefined);
  socket.resume();
  const closed = new Promise((resolve) => socket.on('close', resolve));
  const part = Buffer.alloc(59_000);
  // The first link is refused; what comes on it all the same counts too.
  const refused = [attachFrame(10, 'nowhere'), partFrame(10, 0, part)];
  const taken = [attachFrame(0, 'q'), partFrame(0, 1, part)];
  socket.write(Buffer.concat([amqpHead, openFrame('half'), beginFrame(), ...refused, ...taken]));
  await until(async () => (await metric(bus, 'bytes_held')) > 118_000);
  // Past the size of one message its bytes are let go, however much follows.
  for (let count = 0; count < 20; count++) socket.write(partFrame(0, 1, part));
  for (let handle = 1; handle <= 9; handle++)
    socket.write(Buffer.concat([attachFrame(handle, 'q'), partFrame(handle, handle + 1, part)]));
  await closed;
  await until(async () => (await metric(bus, 'bytes_held')) === 0);
  assert.equal(bus.stats().connections, 0);
});

test('a link that lies idle is detached as by the service, one that waits for messages is not', {
  timeout,
}, async (context) => {
  const bus = await start(context, { idle: { linkMs: 300 } });
  const connection = raw(bus);
  const [idle, waiting] = [connection.open_sender('q'), connection.open_receiver('q')];
  await once(idle, 'sender_close');
  const error = idle.error as { condition: string; description: string };
  assert.equal(error.condition, 'amqp:link:detach-forced');
  assert.match(error.description, /AmqpMessagePublisher\.IdleTimerExpired: Idle timeout: 00:00:00/);
  const came = once(waiting, 'message');
  const again = connection.open_sender('q');
  await once(again, 'sendable');
  again.send({ body: 'still there' });
  await came;
  connection.close();
});

test('the SDK sends and receives again after its idle links were detached', { timeout }, async (context) => {
  const bus = await start(context, { idle: { linkMs: 300 } });
  // On a busy machine a new link may lie idle before anything is sent on it.
  const peer = client(bus, 5);
  const [sender, receiver] = [peer.createSender('q'), peer.createReceiver('q')];
  for (let count = 0; count < 2; count++) {
    await sender.sendMessages({ body: count });
    const [message] = await receiver.receiveMessages(1);
    assert.ok(message);
    await receiver.completeMessage(message);
    assert.equal(message.body, count);
    await until(async () => (await metric(bus, 'links{role="publisher"}')) === 0);
    await until(async () => (await metric(bus, 'links{role="consumer"}')) === 0);
  }
});

test('a connection without links is closed in the end', { timeout }, async (context) => {
  const bus = await start(context, { idle: { connectionMs: 200 } });
  const connection = raw(bus);
  await once(connection, 'connection_error');
  const error = connection.error as unknown as { condition: string };
  assert.equal(error.condition, 'amqp:connection:forced');
});

test('the metrics tell what went through, by entity and outcome, and nothing of a message', {
  timeout,
}, async (context) => {
  const bus = await start(context, { controlPort: 0 });
  const peer = client(bus);
  const messages = [1, 2, 3, 4].map((count) => ({
    body: 'unspoken',
    messageId: `unspoken-${String(count)}`,
  }));
  await peer.createSender('q').sendMessages(messages);
  await peer.createSender('q').scheduleMessages({ body: 'unspoken' }, new Date(Date.now() + 60_000));
  const receiver = peer.createReceiver('q');
  const [done, back, dead, locked] = await receiver.receiveMessages(4);
  assert.ok(done && back && dead && locked);
  await receiver.completeMessage(done);
  await receiver.abandonMessage(back);
  await receiver.deadLetterMessage(dead);
  await assert.rejects(peer.createSender('none').sendMessages({ body: 1 }));
  const expected = {
    connections: 1,
    'links{role="publisher"}': 1,
    'accepted_total{entity="q"}': 5,
    'delivered_total{entity="q"}': 4,
    'settled_total{entity="q",outcome="complete"}': 1,
    'settled_total{entity="q",outcome="abandon"}': 1,
    'settled_total{entity="q",outcome="dead-letter"}': 1,
    'dead_letters_total{entity="q/$DeadLetterQueue"}': 1,
    'messages{entity="q",state="active"}': 1,
    'messages{entity="q",state="locked"}': 1,
    'scheduled_messages{entity="q"}': 1,
    'refused_total{condition="amqp:not-found"}': 1,
  };
  for (const [line, count] of Object.entries(expected)) assert.equal(await metric(bus, line), count, line);
  assert.ok((await metric(bus, 'token_checks_total{outcome="accepted"}')) > 0);
  // Read twice, nothing is counted twice.
  assert.equal(await metric(bus, 'accepted_total{entity="q"}'), 5);
  const text = await metricsOf(bus);
  assert.doesNotMatch(text, /unspoken/);
});
