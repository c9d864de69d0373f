import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  isServiceBusError,
  type RetryOptions,
  ServiceBusClient,
  type ServiceBusReceiver,
} from '@azure/service-bus';
import rhea from 'rhea';
import { ConnectionRemains } from '../../src/bus/connection-remains.ts';
import {
  connectionString,
  type FaultOrder,
  loadEmulatorConfig,
  parseFaultScript,
  type ServiceBus,
  startServiceBus,
} from '../../src/simulate/service-bus/service-bus.ts';

/** What the unmodified SDK makes of each fault switch, and what only the wire shows. The stand-in's own: no other bus has them. */
let bus: ServiceBus;
const clients: ServiceBusClient[] = [];
/** What the SDK leaves behind of a broken connection, which would keep the process. */
const remains: ConnectionRemains[] = [];
const config = await loadEmulatorConfig(new URL('bus.json', import.meta.url).pathname);
const topic = 'faults';
const one = `${topic}/Subscriptions/one`;

before(async () => {
  bus = await startServiceBus({ port: 0, config });
});
after(async () => {
  await bus.stop();
});
afterEach(async () => {
  bus.clearFaults();
  // A client whose connection was cut an instant ago never ends its close; the process does not wait for it.
  await Promise.race([
    Promise.all(clients.map((client) => client.close().catch(() => undefined))),
    pause(500),
  ]);
  for (const left of remains) {
    left.tidy();
    left.close();
  }
  clients.length = 0;
  remains.length = 0;
  await Promise.all([emptied('one'), emptied('two')]);
});

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref());

function clientOf(to = bus, retryOptions: RetryOptions = {}): ServiceBusClient {
  const options = { maxRetries: 0, retryDelayInMs: 50, timeoutInMs: 4_000, ...retryOptions };
  const client = new ServiceBusClient(connectionString(to.port), { retryOptions: options });
  clients.push(client);
  remains.push(new ConnectionRemains(client));
  return client;
}

const message = (messageId: string) => ({ messageId, body: Buffer.from('x') });

function set(order: FaultOrder): void {
  for (const left of remains) left.tidy();
  assert.ok(bus.fault(order));
}

const struck = (fault: string): number => bus.faults().struck[fault] ?? 0;

const receiving = (client: ServiceBusClient, subscription = 'one'): ServiceBusReceiver =>
  client.createReceiver(topic, subscription, { receiveMode: 'receiveAndDelete' });

/** Everything that is there, taken off it. */
async function emptied(subscription: string): Promise<readonly unknown[]> {
  if (bus.stats().subscriptions[`${topic}/${subscription}`]?.active === 0) return [];
  const client = new ServiceBusClient(connectionString(bus.port), { retryOptions: { timeoutInMs: 4_000 } });
  const receiver = receiving(client, subscription);
  const ids: unknown[] = [];
  for (;;) {
    const messages = await receiver.receiveMessages(100, { maxWaitTimeInMs: 100 });
    ids.push(...messages.map(({ messageId }) => messageId));
    if (messages.length === 0) break;
  }
  await client.close();
  return ids;
}

const hasCode = (code: string) => (error: unknown) => isServiceBusError(error) && error.code === code;
async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (isSo()) return;
    await pause(20);
  }
  assert.fail(`${what} within 8 s`);
}

test('a send that is lost and one that is stored look the same to the sender, but only one is there', async () => {
  const sent = async (fault: 'lose' | 'no-ack', entity: string) => {
    const sender = clientOf(bus, { timeoutInMs: 1_500 }).createSender(entity);
    await sender.sendMessages(message('before'));
    set({ fault, entity });
    await assert.rejects(sender.sendMessages(message(fault)), hasCode('ServiceTimeout'));
    assert.equal(struck(fault), 1);
  };
  const before = accepted('drain');
  await Promise.all([sent('lose', topic), sent('no-ack', 'drain')]);
  assert.deepEqual(await emptied('one'), ['before']);
  assert.equal(accepted('drain'), before + 2);
});

test('a resend after a missing answer is there twice, unless the topic detects duplicates', async () => {
  const client = clientOf(bus, { maxRetries: 3, timeoutInMs: 1_000 });
  set({ fault: 'no-ack', count: 1, entity: topic });
  set({ fault: 'no-ack', count: 1, entity: 'duplicates' });
  await Promise.all(
    [topic, 'duplicates'].map((name) => client.createSender(name).sendMessages(message('again'))),
  );
  assert.deepEqual(await emptied('one'), ['again', 'again']);
  assert.equal(bus.stats().topics['duplicates']?.accepted, 1);
  assert.equal(bus.stats().topics['duplicates']?.duplicates, 1);
});

test('a late answer keeps the sender waiting while the message is there already', async () => {
  const sender = clientOf().createSender(topic);
  await sender.sendMessages(message('before'));
  set({ fault: 'late-ack', delayMs: 400, entity: topic });
  const begunAt = performance.now();
  const sent = sender.sendMessages(message('late'));
  assert.deepEqual(await emptied('one'), ['before', 'late']);
  assert.ok(performance.now() - begunAt < 400 || bus.faults().late === 0);
  await sent;
  assert.ok(performance.now() - begunAt >= 390);
});

test('a share of the sends is refused, the same ones for the same seed', async () => {
  const sender = clientOf().createSender(topic);
  const refusedBy = async (seed: number) => {
    set({ fault: 'busy', entity: topic, share: 0.4, seed });
    const refused: number[] = [];
    for (let at = 0; at < 20; at++) {
      await sender.sendMessages(message(String(at))).catch((error: unknown) => {
        assert.ok(hasCode('ServiceBusy')(error));
        refused.push(at);
      });
    }
    bus.clearFaults();
    return refused;
  };
  const first = await refusedBy(5);
  assert.ok(first.length > 2 && first.length < 18, `${String(first.length)} of 20`);
  assert.deepEqual(await refusedBy(5), first);
  assert.notDeepEqual(await refusedBy(6), first);
});

test('a bus that is busy for a time is waited out by the SDK, and another entity is not', async () => {
  set({ fault: 'busy', entity: topic, forMs: 300 });
  const client = clientOf(bus, { maxRetries: 10, retryDelayInMs: 100 });
  const begunAt = performance.now();
  const before = struck('busy');
  await client.createSender('limits').sendMessages(message('elsewhere'));
  assert.equal(struck('busy'), before);
  await client.createSender(topic).sendMessages(message('late'));
  assert.ok(performance.now() - begunAt >= 250);
});

const refusedAs: Readonly<Record<string, string>> = {
  'server-busy': 'ServiceBusy',
  'entity-disabled': 'MessagingEntityDisabled',
  'not-found': 'MessagingEntityNotFound',
  'unauthorized-access': 'UnauthorizedAccess',
  'resource-limit-exceeded': 'QuotaExceeded',
  'message-size-exceeded': 'MessageSizeExceeded',
  'internal-error': 'GeneralError',
  timeout: 'ServiceTimeout',
};

test('a send is refused with each condition, by the code the SDK has for it', async () => {
  const sender = clientOf().createSender(topic);
  const shown: Record<string, unknown> = {};
  for (const condition of Object.keys(refusedAs)) {
    set({ fault: 'reject', entity: topic, condition: whole(condition) });
    await sender.sendMessages(message(condition)).then(
      () => assert.fail('it was accepted'),
      (error: unknown) => {
        shown[condition] = isServiceBusError(error) ? error.code : error;
      },
    );
  }
  assert.deepEqual(shown, refusedAs);
  assert.deepEqual(await emptied('one'), []);
});

test('a new link is refused with each condition, by the code the SDK has for it', async () => {
  const shown: Record<string, unknown> = {};
  const conditions = ['entity-disabled', 'not-found', 'unauthorized-access', 'server-busy'];
  for (const condition of conditions) {
    set({ fault: 'refuse-link', entity: topic, direction: 'send', condition: whole(condition) });
    await clientOf()
      .createSender(topic)
      .sendMessages(message('x'))
      .catch((error: unknown) => {
        shown[condition] = isServiceBusError(error) ? error.code : error;
      });
  }
  assert.deepEqual(shown, Object.fromEntries(conditions.map((name) => [name, refusedAs[name]])));
});

/** The whole names of the conditions above. */
function whole(name: string): string {
  const own = ['server-busy', 'entity-disabled', 'timeout'];
  if (own.includes(name)) return `com.microsoft:${name}`;
  return name === 'message-size-exceeded' ? `amqp:link:${name}` : `amqp:${name}`;
}

test('a link detached while nothing is under way is opened again by the next send and receive, whatever the condition', async () => {
  const conditions = [
    'amqp:link:detach-forced',
    'com.microsoft:timeout',
    'amqp:not-found',
    'com.microsoft:entity-disabled',
    'amqp:unauthorized-access',
    'amqp:internal-error',
    'com.microsoft:server-busy',
    'com.microsoft:message-lock-lost',
    'amqp:link:stolen',
    'amqp:connection:forced',
  ];
  await Promise.all(
    conditions.map(async (condition) => {
      const client = clientOf(bus, { timeoutInMs: 4_000, maxRetries: 2 });
      const sender = client.createSender(topic);
      await sender.sendMessages(message(condition));
    }),
  );
  for (const condition of conditions) set({ fault: 'detach', entity: topic, condition });
  assert.ok(struck('detach') >= conditions.length);
  await pause(50);
  const open = clients.map((client) => client.createSender(topic).sendMessages(message('after')));
  assert.equal((await Promise.all(open)).length, conditions.length);
});

test('a receiver whose link is detached while it waits shows the condition by its code', async () => {
  const shown: Record<string, string> = {};
  const conditions = ['amqp:link:detach-forced', 'com.microsoft:entity-disabled', 'amqp:unauthorized-access'];
  for (const condition of conditions) {
    const receiver = receiving(clientOf());
    const received = receiver.receiveMessages(1, { maxWaitTimeInMs: 700 }).then(
      (messages) => `${String(messages.length)} messages`,
      (error: unknown) => (isServiceBusError(error) ? error.code : 'other'),
    );
    await until(() => struckNow({ fault: 'detach', entity: one, condition }), 'no link to detach');
    shown[condition] = await received;
  }
  assert.deepEqual(shown, {
    'amqp:link:detach-forced': 'GeneralError',
    'com.microsoft:entity-disabled': 'MessagingEntityDisabled',
    'amqp:unauthorized-access': 'UnauthorizedAccess',
  });
});

/** Does it, and says whether anything was struck. */
function struckNow(order: FaultOrder): boolean {
  const before = struck(order.fault);
  set(order);
  return struck(order.fault) > before;
}

test('a connection dropped after three sends has stored the third, which nobody was told', async () => {
  const sender = clientOf().createSender(topic);
  set({ fault: 'drop', entity: topic, direction: 'send', afterTransfers: 3 });
  await sender.sendMessages(message('1'));
  await sender.sendMessages(message('2'));
  await assert.rejects(sender.sendMessages(message('3'), { abortSignal: AbortSignal.timeout(500) }));
  await sender.sendMessages(message('4'));
  assert.deepEqual(await emptied('one'), ['1', '2', '3', '4']);
});

test('a drop limited to an entity leaves the connections without a link to it alone', async () => {
  const [here, there] = [clientOf(), clientOf()];
  await here.createSender(topic).sendMessages(message('x'));
  await there.createSender('limits').sendMessages(message('x'));
  const before = bus.stats().connections;
  set({ fault: 'drop', entity: 'limits' });
  await until(() => bus.stats().connections === before - 1, 'the connection was not cut');
  assert.equal(struck('drop') > 0, true);
});

test('deliveries are late in their order, and so are the answers of $management', async () => {
  const client = clientOf(bus, { timeoutInMs: 4_000 });
  const receiver = receiving(client);
  await client.createSender(topic).sendMessages([message('a'), message('b'), message('c')]);
  set({ fault: 'delay', entity: one, direction: 'receive', delayMs: 300, count: 1 });
  const begunAt = performance.now();
  const messages = await receiver.receiveMessages(3, { maxWaitTimeInMs: 2_000 });
  assert.ok(performance.now() - begunAt >= 290);
  assert.equal(messages[0]?.messageId, 'a');
  set({ fault: 'delay', entity: one, direction: 'manage', delayMs: 300 });
  const askedAt = performance.now();
  await receiver.peekMessages(1);
  assert.ok(performance.now() - askedAt >= 290);
});

test('a paused entity takes nothing and gives nothing until the pause is over, and loses nothing', async () => {
  const client = clientOf(bus, { timeoutInMs: 5_000 });
  const sender = client.createSender(topic);
  await sender.sendMessages(message('before'));
  set({ fault: 'pause', entity: topic, forMs: 700 });
  const begunAt = performance.now();
  const seen: unknown[] = [];
  const subscription = receiving(client).subscribe({
    processMessage: ({ messageId }) => Promise.resolve(void seen.push(messageId)),
    processError: () => Promise.resolve(),
  });
  const sent = sender.sendMessages(message('while'));
  await client.createSender('limits').sendMessages(message('elsewhere'));
  await until(() => bus.faults().held === 1, 'the send was not held');
  assert.deepEqual(seen, []);
  await sent;
  assert.ok(performance.now() - begunAt >= 690);
  await until(() => seen.length === 2, 'nothing came after the pause');
  assert.deepEqual(seen, ['before', 'while']);
  await subscription.close();
});

test('a silent connection stays open and answers nothing until it is let go', async () => {
  const client = clientOf(bus, { timeoutInMs: 5_000 });
  const sender = client.createSender(topic);
  await sender.sendMessages(message('before'));
  const [connections, stored] = [bus.stats().connections, accepted()];
  set({ fault: 'freeze', entity: topic });
  let isSent = false;
  const sent = sender.sendMessages(message('during')).then(() => (isSent = true));
  await pause(300);
  assert.equal(isSent, false);
  assert.equal(bus.stats().connections, connections);
  assert.equal(accepted(), stored);
  bus.clearFaults();
  await sent;
  assert.deepEqual(await emptied('one'), ['before', 'during']);
});

const accepted = (name = topic): number => bus.stats().topics[name]?.accepted ?? 0;

test('new connections are refused for a time, at once, and taken again after it', async () => {
  set({ fault: 'refuse-connection', forMs: 400 });
  const client = clientOf();
  const sender = client.createSender(topic);
  const begunAt = performance.now();
  await assert.rejects(sender.sendMessages(message('x')));
  assert.ok(performance.now() - begunAt < 5_000);
  await until(() => bus.faults().armed.length === 0, 'the time did not end');
  await sender.sendMessages(message('after'));
  assert.ok(struck('refuse-connection') > 0);
});

test('a refused token and one that is never answered are told apart by their codes', async () => {
  set({ fault: 'refuse-token', entity: topic });
  await assert.rejects(
    clientOf().createSender(topic).sendMessages(message('x')),
    hasCode('UnauthorizedAccess'),
  );
  set({ fault: 'ignore-token', entity: topic });
  await clientOf().createSender('limits').sendMessages(message('x'));
  const heard: unknown[] = [];
  const worker = sdkApart(
    `client.createSender('${topic}').sendMessages({ body: 'x' }).catch(({ code }) => parentPort.postMessage(code));`,
    (code) => heard.push(code),
  );
  await until(() => heard.length === 1, 'it neither ended nor failed');
  assert.deepEqual(heard, ['ServiceTimeout']);
  await worker.terminate();
  assert.deepEqual([struck('refuse-token'), struck('ignore-token')], [1, 1]);
});

test('a settlement whose answer is lost has taken effect, and one that is lost itself has not', async () => {
  const settled = async (fault: 'lose-settle' | 'no-settle-answer', entity: string, left: number) => {
    const client = clientOf(bus, { timeoutInMs: 1_500 });
    await client.createSender(entity).sendMessages(message(fault));
    const receiver = client.createReceiver(entity, 'one');
    const [received] = await receiver.receiveMessages(1);
    assert.ok(received !== undefined);
    set({ fault, entity });
    await assert.rejects(receiver.completeMessage(received), hasCode('ServiceTimeout'));
    assert.equal((await receiver.peekMessages(5)).length, left, fault);
  };
  await Promise.all([settled('lose-settle', 'settlement', 1), settled('no-settle-answer', 'round-trip', 0)]);
});

test('a refused settlement is MessageLockLost, or what was asked for, and has no effect', async () => {
  const client = clientOf();
  await client.createSender('lock-expiry').sendMessages(['a', 'b', 'c'].map(message));
  const receiver = client.createReceiver('lock-expiry', 'one');
  const [first, second, third] = await receiver.receiveMessages(3);
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  set({ fault: 'refuse-settle', entity: 'lock-expiry/Subscriptions/one' });
  await assert.rejects(receiver.completeMessage(first), hasCode('MessageLockLost'));
  set({ fault: 'refuse-settle', condition: 'amqp:internal-error' });
  await assert.rejects(receiver.completeMessage(second), hasCode('GeneralError'));
  await receiver.completeMessage(third);
  assert.equal(bus.stats().subscriptions['lock-expiry/one']?.locked, 2);
});

test('a session that loses its lock ends its receiver, and can be accepted again with its messages', async () => {
  const client = clientOf(bus, { timeoutInMs: 4_000 });
  const sender = client.createSender('sessions');
  await sender.sendMessages([
    { ...message('a'), sessionId: 'lost' },
    { ...message('b'), sessionId: 'held' },
  ]);
  const [lost, held] = await Promise.all([
    client.acceptSession('sessions', 'lost'),
    client.acceptSession('sessions', 'held'),
  ]);
  const [received] = await lost.receiveMessages(1);
  assert.ok(received !== undefined);
  set({ fault: 'lose-session', entity: 'sessions', session: 'lost' });
  assert.equal(struck('lose-session'), 1);
  // A settlement that crosses the detach waits for 60 s in the SDK, whatever its time-out is.
  await until(() => lost.isClosed, 'the receiver did not see it');
  await assert.rejects(lost.completeMessage(received), hasCode('SessionLockLost'));
  const [other] = await held.receiveMessages(1);
  assert.ok(other !== undefined);
  await held.completeMessage(other);
  const again = await client.acceptSession('sessions', 'lost');
  const [repeated] = await again.receiveMessages(1);
  assert.deepEqual([repeated?.messageId, repeated?.deliveryCount], ['a', 1]);
  if (repeated !== undefined) await again.completeMessage(repeated);
});

test('a damaged frame costs the connection and its message, and the SDK makes another connection', async () => {
  const seen: unknown[] = [];
  const receiver = receiving(clientOf(bus, { maxRetries: 3 }), 'two');
  const subscription = receiver.subscribe({
    processMessage: ({ messageId }) => Promise.resolve(void seen.push(messageId)),
    processError: () => Promise.resolve(),
  });
  const sender = clientOf(bus, { maxRetries: 3 }).createSender(topic);
  const strikes: readonly FaultOrder[] = [
    { fault: 'corrupt', entity: `${topic}/Subscriptions/two`, how: 'performative' },
    { fault: 'corrupt', entity: `${topic}/Subscriptions/two`, how: 'size' },
  ];
  for (const [at, order] of strikes.entries()) {
    await sender.sendMessages(message(`before-${String(at)}`));
    await until(() => seen.includes(`before-${String(at)}`), 'the receiver did not receive');
    set(order);
    await sender.sendMessages(message('damaged'));
    for (let tries = 0; tries < 40 && !seen.includes(`after-${String(at)}`); tries++) {
      await sender.sendMessages(message(`after-${String(at)}`));
      await pause(100);
    }
    assert.ok(seen.includes(`after-${String(at)}`), `nothing came after ${order.fault}`);
  }
  assert.equal(seen.includes('damaged'), false);
  assert.equal(struck('corrupt'), 2);
  await subscription.close();
});

/** A raw peer that takes what the subscription has. */
async function rawReceiver(address: string) {
  const container = rhea.create_container();
  container.on('error', () => undefined);
  const connection = container.connect({
    host: '127.0.0.1',
    port: bus.port,
    username: 'raw',
    reconnect: false,
  });
  for (const event of ['protocol_error', 'connection_error']) connection.on(event, () => undefined);
  const taken: unknown[] = [];
  connection.on('message', ({ message: { message_id } }: { message: { message_id: unknown } }) => {
    taken.push(message_id);
  });
  const ended = once(connection, 'disconnected');
  connection.open_receiver({ source: { address }, credit_window: 10, snd_settle_mode: 1 });
  await once(connection, 'receiver_open');
  return { connection, taken, ended };
}

test('on the wire: a connection dropped after two deliveries ends with two', async () => {
  set({ fault: 'drop', entity: one, direction: 'receive', afterTransfers: 2 });
  const ids = ['1', '2', '3', '4'];
  await clientOf().createSender(topic).sendMessages(ids.map(message));
  const { taken, ended } = await rawReceiver(one);
  await ended;
  assert.ok(taken.length <= 2, `${String(taken.length)} came`);
  assert.equal(struck('drop') > 0, true);
});

test('on the wire: a frame that says it is longer than it is silences its connection without ending it', async () => {
  const { connection, taken } = await rawReceiver(one);
  const sender = clientOf().createSender(topic);
  const before = struck('corrupt');
  set({ fault: 'corrupt', entity: one, how: 'long-size' });
  await sender.sendMessages([message('damaged'), message('behind')]);
  await until(() => struck('corrupt') > before, 'no frame was damaged');
  await pause(200);
  assert.deepEqual(taken, []);
  assert.equal(connection.is_open(), true);
  connection.close();
});

test('rubbish on the socket is taken for the size of a frame, and the SDK goes silent without an error', async () => {
  const heard: unknown[] = [];
  const worker = sdkApart(
    `const receiver = client.createReceiver('${topic}', 'one', { receiveMode: 'receiveAndDelete' });
    receiver.subscribe({
      processMessage: async ({ messageId }) => parentPort.postMessage(messageId),
      processError: async () => parentPort.postMessage('error'),
    });`,
    (said) => heard.push(said),
  );
  const sender = clientOf().createSender(topic);
  await sender.sendMessages(message('before'));
  await until(() => heard.length === 1, 'nothing came before');
  const connections = bus.stats().connections;
  set({ fault: 'rubbish', entity: one });
  await sender.sendMessages(message('after'));
  await pause(400);
  assert.deepEqual(heard, ['before']);
  assert.equal(bus.stats().connections, connections);
  await worker.terminate();
});

/** The SDK on a thread that can be ended: some of its waits last 60 s whatever its options say. */
function sdkApart(does: string, onMessage: (said: unknown) => void): Worker {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
    const { ServiceBusClient } = require('@azure/service-bus');
    const retryOptions = { maxRetries: 0, timeoutInMs: 1_000 };
    const client = new ServiceBusClient(workerData, { retryOptions });
    ${does}`,
    { eval: true, workerData: connectionString(bus.port) },
  );
  worker.on('message', onMessage);
  return worker;
}

test('the control door sets, lists and takes back switches, and says what is wrong with an order', async () => {
  const door = `http://127.0.0.1:${String(bus.controlPort)}`;
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${door}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return [answer.status, await answer.json()] as [number, Record<string, unknown>];
  };
  const [byQuery] = await ask('POST', '/fault?fault=late-ack&delayMs=10&entity=limits');
  const [byBody] = await ask('POST', '/fault', { fault: 'pause', entity: 'limits', forMs: 60_000 });
  assert.deepEqual([byQuery, byBody], [200, 200]);
  const [, listed] = await ask('GET', '/faults');
  const armed = listed['armed'] as { id: number; struck: number; order: FaultOrder }[];
  assert.deepEqual(
    armed.map(({ order, struck: times }) => [order.fault, times]),
    [
      ['late-ack', 0],
      ['pause', 0],
    ],
  );
  assert.deepEqual(await ask('DELETE', `/faults?id=${String(armed[0]?.id)}`), [200, { cleared: 1 }]);
  assert.deepEqual(await ask('DELETE', '/faults'), [200, { cleared: 1 }]);
  const [status, { error }] = await ask('POST', '/fault', { fault: 'late-ack' });
  assert.equal(status, 400);
  assert.match(String(error), /delayMs/);
  assert.equal((await ask('POST', '/fault?busi=1'))[0], 400);
});

test('a script strikes by the clock, and a namespace past its credits is busy until they come back', async () => {
  const script = parseFaultScript(
    JSON.stringify([
      { atMs: 0, fault: 'lose', entity: topic },
      { atMs: 100, fault: 'reject', condition: 'amqp:internal-error', entity: topic },
    ]),
    'script',
  );
  const own = await startServiceBus({ port: 0, config, faultScript: script, operationsPerSecondMax: 5 });
  try {
    await until(() => own.faults().armed.length === 2, 'the script was not done');
    const sender = clientOf(own).createSender(topic);
    const abortSignal = AbortSignal.timeout(500);
    await assert.rejects(sender.sendMessages(message('lost'), { abortSignal }), { name: 'AbortError' });
    await assert.rejects(sender.sendMessages(message('refused')), hasCode('GeneralError'));
    const outcomes: string[] = [];
    const many = ['1', '2', '3', '4', '5'].map(message);
    for (let tries = 0; tries < 30 && !outcomes.includes('busy'); tries++) {
      await sender.sendMessages(many).then(
        () => outcomes.push('sent'),
        (error: unknown) => outcomes.push(hasCode('ServiceBusy')(error) ? 'busy' : 'other'),
      );
    }
    assert.deepEqual(new Set(outcomes), new Set(['sent', 'busy']));
    assert.equal(own.faults().struck['throttle'], 1);
    const patient = clientOf(own, { maxRetries: 10, retryDelayInMs: 100 }).createSender(topic);
    await patient.sendMessages(message('patient'));
  } finally {
    await own.stop();
  }
});
