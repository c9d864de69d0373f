import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceBusClient } from '@azure/service-bus';
import rhea, { type Connection, type EventContext, type Receiver } from 'rhea';
import { connectionString, parseEmulatorConfig, type ServiceBus, startServiceBus } from './service-bus.ts';

/** What the SDK never does and AMQP allows; the contract suite has what it does. */
const config = parseEmulatorConfig({
  UserConfig: {
    Namespaces: [
      { Name: 'ns', Queues: ['q', 'empty'].map((Name) => ({ Name, Properties: { RequiresSession: true } })) },
    ],
  },
});

let bus: ServiceBus;
let client: ServiceBusClient;
let connection: Connection;

before(async () => {
  bus = await startServiceBus({ port: 0, config });
  client = new ServiceBusClient(connectionString(bus.port));
  connection = rhea.create_container().connect({ host: '127.0.0.1', port: bus.port, username: 'test' });
});
after(async () => {
  connection.close();
  await client.close();
  await bus.stop();
});

const send = (sessionId: string) => client.createSender('q').sendMessages({ body: 'x', sessionId });
const attach = (name: string, sessionId: string | null, properties = {}, address = 'q') =>
  connection.open_receiver({
    name,
    // rhea's typings know no filters of other kinds than its own.
    source: { address, filter: { 'com.microsoft:session-filter': sessionId } } as never,
    properties,
    credit_window: 10,
    autoaccept: false,
  });

/** The session the answer to an attach names. */
const heldBy = ({ source }: Receiver) =>
  String((source.filter as Readonly<Record<string, unknown>> | undefined)?.['com.microsoft:session-filter']);

test('credit given before the session is there is used once it is, and not before the attach is answered', async () => {
  const receiver = attach('early', null);
  const order: string[] = [];
  receiver.once('receiver_open', () => order.push(`attached ${heldBy(receiver)}`));
  const message = once(receiver, 'message') as Promise<[EventContext]>;
  await send('late');
  const [{ message: received }] = await message;
  order.push(String(received?.group_id));
  assert.deepEqual(order, ['attached late', 'late']);
  assert.deepEqual(bus.stats().queues['q']?.locked, 1);
  receiver.close();
  await once(receiver, 'receiver_close');
  assert.deepEqual(bus.stats().queues['q']?.locked, 0);
});

test('a link that waits for a session is detached by the switch like any other', async () => {
  const waiting = attach('switched', null, {}, 'empty');
  const refused = once(waiting, 'receiver_error') as Promise<[EventContext]>;
  const struck = () => bus.faults().struck['detach'] ?? 0;
  for (let tries = 0; tries < 500 && struck() === 0; tries++) {
    bus.fault({ fault: 'detach', entity: 'empty', condition: 'com.microsoft:entity-disabled' });
    await sleep(20);
  }
  assert.equal(struck(), 1);
  const [{ receiver }] = await refused;
  assert.equal((receiver?.error as { condition?: string }).condition, 'com.microsoft:entity-disabled');
});

test('a link that waits is told of its time-out right behind its attach, and no session goes to it later', async () => {
  // The session of the test before still has its message.
  const holder = await client.acceptSession('q', 'late');
  const order: string[] = [];
  const waiting = attach('waiting', null, { 'com.microsoft:timeout': 100 });
  waiting.once('receiver_open', () => order.push('attached'));
  const [{ receiver: refused }] = (await once(waiting, 'receiver_error')) as [EventContext];
  order.push(String((refused?.error as { condition?: string }).condition));
  assert.deepEqual(order, ['attached', 'com.microsoft:timeout']);
  await holder.close();
  const next = await client.acceptNextSession('q');
  assert.equal(next.sessionId, 'late');
  await next.close();
});
