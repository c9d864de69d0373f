import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { isServiceBusError } from '@azure/service-bus';
import { type Bus, clientFor, openBus, takeAll } from './bus-under-test.ts';
import { test } from './case.ts';

let address: string;
let bus: Bus;

before(async () => {
  bus = await openBus();
  ({ address } = bus);
});
after(async () => {
  await bus.close();
});

const faulty = { needs: ['control door'] } as const;
const message = (messageId: string) => ({ messageId, body: Buffer.from('x') });

test('a sender reconnects by itself after the connection drops', faulty, async () => {
  const client = clientFor(address, 3);
  const sender = client.createSender('faults');
  await sender.sendMessages(message('before'));
  await bus.faults.fault('drop');
  await wait(100);
  await sender.sendMessages(message('after'));
  const ids = (await takeAll(client, 'faults', 'one')).map(({ messageId }) => messageId);
  assert.deepEqual(ids, ['before', 'after']);
  await client.close();
});

test('a subscriber goes on receiving after a drop and after a forced detach', faulty, async () => {
  const client = clientFor(address, 3);
  const seen: unknown[] = [];
  const receiver = client.createReceiver('faults', 'two', { receiveMode: 'receiveAndDelete' });
  const subscription = receiver.subscribe({
    processMessage: ({ messageId }) => Promise.resolve(void seen.push(messageId)),
    processError: () => Promise.resolve(),
  });
  const sender = client.createSender('faults');
  for (const fault of ['drop', 'detach']) {
    await wait(300);
    await bus.faults.fault(fault);
    await wait(100);
    await sender.sendMessages(message(`after-${fault}`));
    for (let tries = 0; tries < 100 && !seen.includes(`after-${fault}`); tries++) await wait(50);
    assert.ok(seen.includes(`after-${fault}`), `nothing came after ${fault}`);
  }
  await subscription.close();
  await client.close();
});

test('a lock taken before a drop is settled after it', faulty, async () => {
  const client = clientFor(address, 3);
  await client.createSender('settlement').sendMessages(message('kept'));
  const receiver = client.createReceiver('settlement', 'one');
  const [received] = await receiver.receiveMessages(1);
  assert.ok(received !== undefined);
  await bus.faults.fault('drop');
  await wait(200);
  await receiver.completeMessage(received);
  assert.equal((await receiver.peekMessages(1)).length, 0);
  await client.close();
});

test('a busy bus is retried by the SDK, and shown when it stays busy', faulty, async () => {
  const client = clientFor(address, 1);
  const sender = client.createSender('limits');
  await bus.faults.fault('busy=1');
  await sender.sendMessages(message('late'));
  const patient = clientFor(address, 0);
  await bus.faults.fault('busy=1');
  const isBusy = (error: unknown) => isServiceBusError(error) && error.code === 'ServiceBusy';
  await assert.rejects(patient.createSender('limits').sendMessages(message('refused')), isBusy);
  await bus.faults.fault('busy=0');
  assert.equal((await takeAll(client, 'limits', 'one')).length, 1);
  await Promise.all([client.close(), patient.close()]);
});

test('a send refused among accepted ones is refused, and it alone', faulty, async () => {
  const client = clientFor(address, 0);
  const sender = client.createSender('lock-expiry');
  await sender.sendMessages(message('first'));
  await bus.faults.fault('busy=1');
  const ids = Array.from({ length: 5 }, (_, at) => `s-${String(at)}`);
  const outcomes = await Promise.allSettled(ids.map((id) => sender.sendMessages(message(id))));
  const fulfilled = ids.filter((_, at) => outcomes[at]?.status === 'fulfilled');
  assert.equal(fulfilled.length, 4);
  const kept = (await takeAll(client, 'lock-expiry', 'one')).map(({ messageId }) => messageId);
  assert.deepEqual(kept, ['first', ...fulfilled]);
  await client.close();
});

test('an unanswered send is not kept, and the next one is', faulty, async () => {
  const client = clientFor(address, 0);
  const sender = client.createSender('drain');
  await bus.faults.fault('silent=1');
  const unanswered = sender.sendMessages(message('lost'), { abortSignal: AbortSignal.timeout(300) });
  await assert.rejects(unanswered, { name: 'AbortError' });
  await sender.sendMessages(message('kept'));
  const ids = (await takeAll(client, 'drain', 'one')).map(({ messageId }) => messageId);
  assert.deepEqual(ids, ['kept']);
  await client.close();
});

test('a refused token is UnauthorizedAccess', faulty, async () => {
  const client = clientFor(address, 0);
  await bus.faults.fault('authFail=10');
  const isRefused = (error: unknown) => isServiceBusError(error) && error.code === 'UnauthorizedAccess';
  await assert.rejects(client.createSender('limits').sendMessages(message('x')), isRefused);
  await bus.faults.fault('authFail=0');
  await client.close();
});
