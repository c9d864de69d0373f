/**
 * How SDK 7.9.5 fails, as it is: where one of these no longer holds after an upgrade, a detour of ours can go. Each case has an entity
 * and a client of its own, so that they run together. What other files show is not repeated; docs/contract.md lists all of it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, describe } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { isServiceBusError, type ServiceBusClient } from '@azure/service-bus';
import { connectionString } from '../../src/simulate/service-bus/service-bus.ts';
import { type Bus, clientFor, openBus, patience, StandInProcess } from './bus-under-test.ts';
import { test } from './case.ts';

let bus: Bus;
const clients: ServiceBusClient[] = [];

before(async () => {
  bus = await openBus();
});
after(async () => {
  // One whose connection was cut under it may never end its close.
  const closed = Promise.all(clients.map((client) => client.close().catch(() => undefined)));
  await Promise.race([closed, wait(2_000, undefined, { ref: false })]);
  await bus.close();
});

const faulty = { needs: ['control door'] } as const;
const brief = 700;
const message = (messageId: string) => ({ messageId, body: Buffer.from('x') });

function ownClient(maxRetries: number, timeoutMs = patience(4_000), address = bus.address): ServiceBusClient {
  const client = clientFor(address, maxRetries, timeoutMs);
  clients.push(client);
  return client;
}

/** A switch of the control door for one entity alone. */
const fault = (kind: string, entity: string, more = ''): Promise<void> =>
  bus.faults.fault(`fault=${kind}&entity=${entity}${more}`);

async function idsIn(queue: string, count: number): Promise<readonly unknown[]> {
  const receiver = ownClient(1).createReceiver(queue, { receiveMode: 'receiveAndDelete' });
  const messages = await receiver.receiveMessages(count, { maxWaitTimeInMs: patience(1_000) });
  return messages.map(({ messageId }) => messageId);
}

/** What a promise has come to after a time; `pending` when to nothing. */
async function stateAfter(ms: number, work: Promise<unknown>): Promise<'pending' | 'fulfilled' | 'rejected'> {
  const settled = work.then(
    () => 'fulfilled' as const,
    () => 'rejected' as const,
  );
  return Promise.race([settled, wait(ms, 'pending' as const)]);
}

const codesOf = (error: unknown): readonly unknown[] => {
  assert.ok(error instanceof AggregateError, 'several errors in one');
  return (error.errors as readonly { code?: unknown }[]).map(({ code }) => code);
};

describe('a send', { concurrency: true }, () => {
  test(
    'to a bus that stays busy ends, after all tries, in an AggregateError without a text of its own',
    faulty,
    async () => {
      const sender = ownClient(2).createSender('trap-busy');
      await sender.createMessageBatch();
      await fault('busy', 'trap-busy', '&count=3');
      const error: unknown = await sender.sendMessages(message('busy')).catch((reason: unknown) => reason);
      assert.deepEqual(codesOf(error), ['ServiceBusy', 'ServiceBusy', 'ServiceBusy']);
      assert.equal((error as AggregateError).message, '');
      await sender.sendMessages(message('next'));
      assert.deepEqual(await idsIn('trap-busy', 1), ['next']);
    },
  );

  test('that is never answered waits out timeoutInMs, is sent again, and arrives', faulty, async () => {
    const sender = ownClient(1, brief).createSender('trap-silent');
    await sender.createMessageBatch();
    await fault('lose', 'trap-silent', '&count=1');
    const startedAt = performance.now();
    await sender.sendMessages(message('late'));
    assert.ok(performance.now() - startedAt >= brief - 20, 'not before the time was over');
    assert.deepEqual(await idsIn('trap-silent', 1), ['late']);
  });

  test(
    'that is out when its connection drops is not told so: it waits out timeoutInMs and is sent again',
    faulty,
    async () => {
      const sender = ownClient(1, 1_500).createSender('trap-out');
      await sender.createMessageBatch();
      await fault('lose', 'trap-out', '&count=1');
      const out = sender.sendMessages(message('out'));
      await wait(100);
      await fault('drop', 'trap-out');
      assert.equal(await stateAfter(700, out), 'pending');
      await out;
      assert.deepEqual(await idsIn('trap-out', 1), ['out']);
    },
  );

  test(
    'after its link was force-detached while idle, or its connection closed, is answered at once',
    faulty,
    async () => {
      const sender = ownClient(3).createSender('trap-idle');
      await sender.sendMessages(message('first'));
      await fault('detach', 'trap-idle');
      await wait(100);
      await sender.sendMessages(message('after detach'));
      await fault('detach', 'trap-idle', '&condition=amqp:connection:forced');
      await wait(100);
      await sender.sendMessages(message('after close'));
      assert.deepEqual(await idsIn('trap-idle', 3), ['first', 'after detach', 'after close']);
    },
  );

  test('beyond 2,048 under way on one sender stays behind although the bus has answered all others', async () => {
    const sender = ownClient(0, 60_000).createSender('trap-many');
    let done = 0;
    await sender.createMessageBatch();
    const sends = Array.from({ length: 2_200 }, (_, at) => {
      const sent = sender.sendMessages({ messageId: String(at), body: 1 });
      return sent.then(
        () => done++,
        () => undefined,
      );
    });
    while (done < 2_048) await wait(10);
    await wait(200);
    assert.equal(done, 2_048);
    // They are tried again after a second; nobody waits for it here.
    void Promise.all(sends);
  });

  test('of messages too large for one batch together is refused before anything leaves', async () => {
    const sender = ownClient(0).createSender('trap-large');
    const batch = await sender.createMessageBatch();
    const body = Buffer.alloc(Math.ceil(batch.maxSizeInBytes / 3));
    const messages = ['a', 'b', 'c', 'd'].map((messageId) => ({ messageId, body }));
    const fitted = messages.map((one) => batch.tryAddMessage(one));
    assert.deepEqual(fitted, [true, true, false, false]);
    const tooLarge = (error: unknown) => isServiceBusError(error) && error.code === 'MessageSizeExceeded';
    await assert.rejects(sender.sendMessages(messages), tooLarge);
    assert.deepEqual(await idsIn('trap-large', 4), []);
    await sender.sendMessages(batch);
    assert.deepEqual(await idsIn('trap-large', 2), ['a', 'b']);
  });

  test(
    'with a token that is refused every time ends in UnauthorizedAccess after all tries',
    faulty,
    async () => {
      await fault('refuse-token', 'trap-token', '&count=2');
      const refused: unknown = await ownClient(1)
        .createSender('trap-token')
        .sendMessages(message('x'))
        .catch((reason: unknown) => reason);
      assert.deepEqual(codesOf(refused), ['UnauthorizedAccess', 'UnauthorizedAccess']);
    },
  );
});

describe('a receiver', { concurrency: true }, () => {
  test(
    'of a session is dead after a drop: it is closed, its locks are lost, and the session is free',
    faulty,
    async () => {
      const client = ownClient(1);
      await client.createSender('trap-session').sendMessages({ ...message('held'), sessionId: 's' });
      const session = await ownClient(1).acceptSession('trap-session', 's');
      const [held] = await session.receiveMessages(1);
      assert.ok(held !== undefined);
      await fault('drop', 'trap-session');
      for (let tries = 0; tries < 300 && !session.isClosed; tries++) await wait(10);
      assert.ok(session.isClosed);
      const isLost = (error: unknown) => isServiceBusError(error) && error.code === 'SessionLockLost';
      await assert.rejects(session.completeMessage(held), isLost);
      const again = await ownClient(1).acceptSession('trap-session', 's');
      assert.equal((await again.receiveMessages(1))[0]?.messageId, 'held');
      await again.close();
    },
  );

  test('that completes one message and abandons its neighbour in one turn has completed both', async () => {
    const client = ownClient(0);
    await client.createSender('trap-merged').sendMessages([message('completed'), message('abandoned')]);
    const receiver = client.createReceiver('trap-merged', { maxAutoLockRenewalDurationInMs: 0 });
    const [first, second] = await receiver.receiveMessages(2, { maxWaitTimeInMs: patience(2_000) });
    assert.ok(first !== undefined && second !== undefined);
    await Promise.all([receiver.completeMessage(first), receiver.abandonMessage(second)]);
    assert.deepEqual(await receiver.peekMessages(2), []);
  });

  test('completes a message that was sent without an id, with the lock renewal that is keyed by it', async () => {
    const client = ownClient(0);
    await client.createSender('trap-nameless').sendMessages({ body: 1 });
    const receiver = client.createReceiver('trap-nameless');
    const [nameless] = await receiver.receiveMessages(1, { maxWaitTimeInMs: patience(2_000) });
    assert.ok(nameless !== undefined);
    await receiver.completeMessage(nameless);
    await receiver.close();
  });
});

test('a client that is closed in the instant of a drop, before it saw it, never ends its close', {
  needs: ['own process'],
}, async () => {
  const taken: Socket[] = [];
  const relay = createServer((socket) => {
    const onward = connect(bus.standIn?.port ?? 0, '127.0.0.1');
    taken.push(socket, onward);
    for (const one of [socket, onward]) one.on('error', () => undefined);
    socket.pipe(onward).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const client = ownClient(0, brief, connectionString((relay.address() as AddressInfo).port));
  await client.createSender('trap-close').sendMessages(message('x'));
  for (const socket of taken) socket.destroy();
  assert.equal(await stateAfter(4 * brief, client.close()), 'pending');
  relay.close();
});

test('a refused connection is told at once and not tried again; once the bus is back the same sender and subscriber go on', {
  needs: ['own process'],
}, async () => {
  let own = await StandInProcess.start();
  const { port } = own;
  const client = ownClient(3, 4_000, connectionString(port));
  const sender = client.createSender('trap-restart');
  await sender.sendMessages(message('before'));
  const seen: unknown[] = [];
  const errors: string[] = [];
  const subscriber = client.createReceiver('trap-restart', { receiveMode: 'receiveAndDelete' }).subscribe({
    processMessage: ({ messageId }) => Promise.resolve(void seen.push(messageId)),
    processError: ({ errorSource }) => Promise.resolve(void errors.push(errorSource)),
  });
  while (!seen.includes('before')) await wait(10);
  await own.kill();
  await wait(200);
  const startedAt = performance.now();
  const refused = await sender.sendMessages(message('refused')).catch((reason: unknown) => reason);
  const { code, retryable } = refused as { code: unknown; retryable: unknown };
  assert.deepEqual([code, retryable], ['GeneralError', false]);
  // One delay between two of the three tries would be 100 ms, and an AggregateError.
  assert.ok(performance.now() - startedAt < 5_000 && !(refused instanceof AggregateError));
  while (errors.length === 0) await wait(10);
  assert.equal(errors[0], 'receive');
  own = await StandInProcess.start(port);
  await sender.sendMessages(message('after'));
  for (let tries = 0; tries < 1_000 && !seen.includes('after'); tries++) await wait(10);
  assert.deepEqual(seen, ['before', 'after']);
  await subscriber.close();
  await own.kill();
});
