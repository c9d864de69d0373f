import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceBusClient, type ServiceBusMessage } from '@azure/service-bus';
import {
  connectionString,
  parseEmulatorConfig,
  startServiceBus,
  type ServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { BusSealer } from '../vault/bus-sealer.ts';
import { createBusKeyFile } from '../vault/vault.ts';
import { FileKeySource } from './key-source.ts';
import type { Received } from './received.ts';
import { Subscriber, type Notice, type SubscriberOptions } from './subscriber.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-subscriber-'));
const keyFile = join(dir, 'bus.json');
createBusKeyFile(keyFile, ['sample-pd', 'sample-so']);
const sealer = BusSealer.fromKeyFile(keyFile);
const keys = new FileKeySource(keyFile);
const topic = 'point-to-point';
const config = parseEmulatorConfig({
  UserConfig: {
    Namespaces: [
      {
        Name: 'sample',
        Topics: [
          {
            Name: topic,
            Subscriptions: [
              { Name: 'mdt', Properties: { LockDuration: 'PT30S' } },
              { Name: 'short', Properties: { LockDuration: 'PT3S' } },
            ],
          },
          {
            Name: 'broadcast',
            Subscriptions: [{ Name: 'once', Properties: { LockDuration: 'PT3S', MaxDeliveryCount: 1 } }],
          },
          {
            Name: 'cars',
            Subscriptions: [{ Name: 'cars', Properties: { LockDuration: 'PT30S', RequiresSession: true } }],
          },
        ],
      },
    ],
  },
});

let bus: ServiceBus;
let client: ServiceBusClient;
before(async () => {
  bus = await startServiceBus({ port: 0, config });
  client = new ServiceBusClient(connectionString(bus.port));
});
after(async () => {
  await client.close();
  await bus.stop();
  rmSync(dir, { recursive: true });
});

let sequence = 0;
/** A message as the courier sends it. */
function message(text: string, change: Partial<ServiceBusMessage> = {}): ServiceBusMessage {
  sequence += 1;
  return {
    messageId: `gw1-7f3a-${String(sequence)}.2`,
    contentType: 'application/jose',
    body: sealer.seal(Buffer.from(text), ['sample-pd']),
    applicationProperties: { laneSeq: sequence, possibleDuplicate: false, messageKey: 'AM' },
    ...change,
  };
}
async function send(to: ServiceBusClient, ...messages: ServiceBusMessage[]): Promise<void> {
  await sendTo(topic, to, messages);
}
async function sendTo(name: string, to: ServiceBusClient, messages: ServiceBusMessage[]): Promise<void> {
  const sender = to.createSender(name);
  await sender.sendMessages(messages);
  await sender.close();
}

/** Messages reach every subscription: each test starts with empty ones. */
async function emptied(): Promise<void> {
  for (const subscription of ['mdt', 'short']) {
    for (const subQueueType of [undefined, 'deadLetter'] as const) {
      const receiver = client.createReceiver(topic, subscription, {
        receiveMode: 'receiveAndDelete',
        ...(subQueueType === undefined ? {} : { subQueueType }),
      });
      while ((await receiver.receiveMessages(100, { maxWaitTimeInMs: 30 })).length > 0);
      await receiver.close();
    }
  }
}

async function deadReasons(subscription: string): Promise<unknown[]> {
  const receiver = client.createReceiver(topic, subscription, {
    receiveMode: 'receiveAndDelete',
    subQueueType: 'deadLetter',
  });
  const dead = await receiver.receiveMessages(10, { maxWaitTimeInMs: 200 });
  await receiver.close();
  return dead.map(({ deadLetterReason }) => deadLetterReason);
}

async function until(isSo: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isSo() && performance.now() < deadline) await sleep(10);
  assert.ok(isSo(), `waited ${String(timeoutMs)} ms for: ${isSo.toString()}`);
}

/** A started subscriber, what it received and what it noticed. */
function subscribed(
  t: TestContext,
  change: Partial<SubscriberOptions> &
    Pick<SubscriberOptions, 'onMessage'> & {
      connectionString?: string;
      client?: ServiceBusClient;
    },
) {
  const notices: Notice[] = [];
  const { connectionString: own, ...options } = change;
  const access = own === undefined ? { client: change.client ?? client } : { connectionString: own };
  const subscriber = new Subscriber({
    topic,
    subscription: 'mdt',
    keys,
    onNotice: (notice) => notices.push(notice),
    ...options,
    ...access,
  });
  subscriber.start();
  // Also when an assertion fails, else the subscriber keeps this file's process alive.
  t.after(() => subscriber.stop());
  return { subscriber, notices };
}

/** A handler that writes down what `pick` sees of each message. */
const into =
  <T>(list: T[], pick: (message: Received) => T) =>
  (one: Received): Promise<void> => {
    list.push(pick(one));
    return Promise.resolve();
  };
const textOf = ({ body }: Received) => body.toString();

const left = (subscription = 'mdt') => bus.stats().subscriptions[`${topic}/${subscription}`];

test('hands over messages in order, unsealed, and takes them off the bus', async (t) => {
  await emptied();
  const got: Received[] = [];
  const texts = Array.from({ length: 100 }, (_, index) => `MESSAGE ${String(index)}`);
  const first = sequence + 1;
  await send(client, ...texts.map((text) => message(text)));
  const { subscriber, notices } = subscribed(t, { onMessage: into(got, (one) => one) });
  await until(() => got.length === 100);
  await subscriber.stop();
  assert.deepEqual(
    got.map(({ body }) => body.toString()),
    texts,
  );
  const enqueuedAt = got[0]?.enqueuedAt;
  assert.ok(enqueuedAt !== undefined && Math.abs(Date.now() - enqueuedAt.getTime()) < 60_000);
  assert.deepEqual(
    { ...got[0], body: undefined },
    {
      messageId: `gw1-7f3a-${String(first)}.2`,
      deliveryId: `gw1-7f3a-${String(first)}`,
      generation: 2,
      possibleDuplicate: false,
      deliveryCount: 0,
      laneSeq: first,
      enqueuedAt,
      properties: { laneSeq: first, possibleDuplicate: false, messageKey: 'AM' },
      body: undefined,
    },
  );
  assert.deepEqual(notices, []);
  assert.deepEqual([left()?.active, left()?.locked], [0, 0]);
});

test('hands over a message at once while it is idle', async (t) => {
  await emptied();
  const at: number[] = [];
  const { subscriber } = subscribed(t, { onMessage: into(at, () => performance.now()) });
  await sleep(300);
  const sent = performance.now();
  await send(client, message('NOW'));
  await until(() => at.length === 1);
  await subscriber.stop();
  assert.ok((at[0] ?? Infinity) - sent < 500, `${String((at[0] ?? 0) - sent)} ms`);
});

test('offers a rejected message again, marked, and drops nothing', async (t) => {
  await emptied();
  const tries: Received[] = [];
  await send(client, message('TWICE'));
  const { subscriber, notices } = subscribed(t, {
    onMessage: (one) => {
      tries.push(one);
      return tries.length === 1 ? Promise.reject(new Error('SAMPLE: database away')) : Promise.resolve();
    },
  });
  await until(() => tries.length === 2);
  await subscriber.stop();
  assert.deepEqual(
    tries.map(({ deliveryCount, possibleDuplicate }) => [deliveryCount, possibleDuplicate]),
    [
      [0, false],
      [1, true],
    ],
  );
  assert.deepEqual(
    notices.map(({ kind }) => kind),
    ['rejected'],
  );
  assert.deepEqual([left()?.active, left()?.locked, left()?.dead], [0, 0, 0]);
});

test('a message settled otherwise than its neighbour is not settled as that one', async (t) => {
  await emptied();
  const done: string[] = [];
  let gate = sleep(100);
  await send(client, ...Array.from({ length: 9 }, (_, index) => message(String(index))));
  const { subscriber } = subscribed(t, {
    attemptsMax: 1,
    concurrentMax: 8,
    // The first comes alone, the other eight end in one tick, well and badly by turns.
    onMessage: async (one) => {
      const text = textOf(one);
      await gate;
      if (text === '0') gate = sleep(100);
      else if (Number(text) % 2 === 0) throw new Error('SAMPLE');
      done.push(text);
    },
  });
  await until(() => left()?.active === 0 && left()?.locked === 0);
  await subscriber.stop();
  // Sorted: bodies of several handlers are opened on other threads, so which ends first is anybody's guess.
  assert.deepEqual([done.toSorted(), left()?.dead], [['0', '1', '3', '5', '7'], 4]);
});

test('gives a message up after its tries and says why in the dead letter', async (t) => {
  await emptied();
  let tries = 0;
  await send(client, message('NEVER'));
  const { subscriber, notices } = subscribed(t, {
    attemptsMax: 2,
    onMessage: () => {
      tries += 1;
      return Promise.reject(new Error('SAMPLE'));
    },
  });
  await until(() => notices.some(({ kind }) => kind === 'dead-lettered'));
  await subscriber.stop();
  assert.equal(tries, 2);
  assert.deepEqual(await deadReasons('mdt'), ['CLIENT_HANDLER_REJECTED']);
});

test('puts what it cannot read with the dead letters, with a code, and goes on', async (t) => {
  await emptied();
  const got: string[] = [];
  await send(
    client,
    message('', { body: Buffer.from('NOT SEALED') }),
    message('', { body: sealer.seal(Buffer.from('OTHERS'), ['sample-so']) }),
    message('', { body: 'text, not bytes' }),
    message('GOOD'),
  );
  const onlyPd = {
    keyFor: (kid: string) => (kid === 'sample-pd.1' ? keys.keyFor(kid) : Promise.resolve(undefined)),
  };
  const { subscriber } = subscribed(t, {
    keys: onlyPd,
    onMessage: into(got, textOf),
  });
  await until(() => got.length === 1);
  await subscriber.stop();
  assert.deepEqual(got, ['GOOD']);
  assert.deepEqual(await deadReasons('mdt'), ['VAULT_SEAL_BROKEN', 'VAULT_KEY_MISSING', 'VAULT_SEAL_BROKEN']);
});

test('keeps a message while the key source cannot answer', async (t) => {
  await emptied();
  let asked = 0;
  const got: string[] = [];
  const away = {
    keyFor: (kid: string) => {
      asked += 1;
      return asked === 1 ? Promise.reject(new Error('key vault unreachable')) : keys.keyFor(kid);
    },
  };
  await send(client, message('LATER'));
  const { subscriber } = subscribed(t, {
    keys: away,
    onMessage: into(got, textOf),
  });
  await until(() => got.length === 1);
  await subscriber.stop();
  assert.equal(left()?.dead, 0);
});

test('drops a repeat of a message it has handled, but not another generation', async (t) => {
  await emptied();
  const got: string[] = [];
  const again = message('ONCE');
  const redriven = { ...again, messageId: `${String(again.messageId).slice(0, -1)}3` };
  await send(client, again, again, redriven);
  const { subscriber, notices } = subscribed(t, {
    onMessage: into(got, ({ messageId }) => messageId),
  });
  await until(() => got.length === 2);
  await subscriber.stop();
  assert.deepEqual(got, [again.messageId, redriven.messageId]);
  assert.deepEqual(notices, [{ kind: 'repeat', messageId: again.messageId }]);
  assert.deepEqual([left()?.active, left()?.locked], [0, 0]);
});

test('calls a handler once even when it takes longer than the lock', async (t) => {
  await emptied();
  let calls = 0;
  await send(client, message('SLOW'));
  const { subscriber, notices } = subscribed(t, {
    subscription: 'short',
    onMessage: async () => {
      calls += 1;
      await sleep(3_800);
    },
  });
  await until(() => left('short')?.active === 0 && left('short')?.locked === 0, 15_000);
  await subscriber.stop();
  assert.equal(calls, 1);
  assert.equal(notices[0]?.kind, 'lock-lost');
});

test('runs as many handlers at once as it may and no more', async (t) => {
  await emptied();
  let running = 0;
  let most = 0;
  let done = 0;
  await send(client, ...Array.from({ length: 30 }, () => message('PARALLEL')));
  const { subscriber } = subscribed(t, {
    concurrentMax: 4,
    onMessage: async () => {
      most = Math.max(most, (running += 1));
      await sleep(10);
      running -= 1;
      done += 1;
    },
  });
  await until(() => done === 30);
  await subscriber.stop();
  assert.equal(most, 4);
});

test('stop waits for the message in hand and settles it', async (t) => {
  await emptied();
  let isDone = false;
  let hasBegun = false;
  await send(client, message('IN HAND'));
  const { subscriber } = subscribed(t, {
    onMessage: async () => {
      hasBegun = true;
      await sleep(300);
      isDone = true;
    },
  });
  await until(() => hasBegun);
  await subscriber.stop();
  assert.equal(isDone, true);
  assert.deepEqual([left()?.active, left()?.locked], [0, 0]);
  await send(client, message('AFTERWARDS'));
  await sleep(100);
  assert.equal(left()?.active, 1);
});

test('comes back by itself after the bus was gone', async (t) => {
  const dataDir = join(dir, 'restarted');
  const first = await startServiceBus({ port: 0, config, dataDir });
  const { port } = first;
  const got: string[] = [];
  const { subscriber, notices } = subscribed(t, {
    connectionString: connectionString(port),
    onMessage: into(got, textOf),
  });
  const sender = new ServiceBusClient(connectionString(port));
  await send(sender, message('BEFORE'));
  await until(() => got.length === 1);
  await sender.close();
  await first.stop();
  await until(() => notices.some(({ kind }) => kind === 'receiver-renewed'), 20_000);
  const second = await startServiceBus({ port, config, dataDir });
  const again = new ServiceBusClient(connectionString(port));
  t.after(async () => {
    await again.close();
    await second.stop();
  });
  await send(again, message('AFTER'));
  await until(() => got.length === 2, 20_000);
  await subscriber.stop();
  assert.deepEqual(got, ['BEFORE', 'AFTER']);
});

test('replaces a connection that is open but silent', async (t) => {
  await emptied();
  // A way to the bus that swallows everything once frozen, as a firewall that forgot the connection does.
  const frozen = new Set<Socket>();
  const open = new Set<Socket>();
  const way = createServer((near) => {
    const far = connect(bus.port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('data', (bytes) => frozen.has(near) || to.write(bytes));
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    way.close();
  });
  const address = way.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const got: string[] = [];
  const { subscriber, notices } = subscribed(t, {
    connectionString: connectionString(port),
    // What was on its way when the line froze stays locked for so long.
    subscription: 'short',
    silenceMs: 1_500,
    onMessage: into(got, textOf),
  });
  await send(client, message('BEFORE'));
  await until(() => got.length === 1);
  // Within the short wait for a batch: the link that dies has many credits out, and the bus would give it the message again and again.
  await sleep(20);
  for (const socket of open) frozen.add(socket);
  await send(client, message('AFTER'));
  await until(() => got.length === 2, 20_000);
  assert.ok(notices.some((notice) => notice.kind === 'receiver-renewed' && notice.reason !== 'idle'));
  assert.ok(
    [...frozen].every((socket) => socket.destroyed),
    'a connection left open would be given messages for as long as it has credits',
  );
  await subscriber.stop();
});

test('makes a receiver anew that answers but gets nothing for long', async (t) => {
  await emptied();
  const got: string[] = [];
  const { subscriber, notices } = subscribed(t, {
    silenceMs: 300,
    idleRenewMs: 250,
    onMessage: into(got, textOf),
  });
  await until(() => notices.length > 1);
  await send(client, message('STILL THERE'));
  await until(() => got.length === 1);
  await subscriber.stop();
  assert.deepEqual(notices[0], { kind: 'receiver-renewed', reason: 'idle' });
});

test('takes nothing while its keys cannot be asked for, and gives nothing up', async (t) => {
  // One delivery and a lock of three seconds: a message that is not kept would be dead by then.
  const ms = 3_500;
  const texts = ['FIRST', 'SECOND', 'THIRD'];
  const got: Received[] = [];
  let backAt = Infinity;
  const away = {
    keyFor: (kid: string) =>
      performance.now() < backAt ? Promise.reject(new Error('key vault unreachable')) : keys.keyFor(kid),
  };
  const { subscriber, notices } = subscribed(t, {
    topic: 'broadcast',
    subscription: 'once',
    keys: away,
    onMessage: into(got, (one) => one),
  });
  await sendTo(
    'broadcast',
    client,
    texts.map((text) => message(text)),
  );
  await until(() => notices.length > 0);
  assert.equal(notices[0]?.kind, 'keys-unavailable');
  const began = performance.now();
  while (performance.now() - began < ms) {
    await sleep(100);
    assert.equal(bus.stats().subscriptions['broadcast/once']?.dead, 0);
  }
  backAt = performance.now();
  await until(() => got.length === 3, 15_000);
  await subscriber.stop();
  assert.deepEqual(got.map(textOf), texts);
  const { active, locked, dead } = bus.stats().subscriptions['broadcast/once'] ?? {};
  assert.deepEqual([active, locked, dead], [0, 0, 0]);
  const asked = notices.filter(({ kind }) => kind === 'keys-unavailable').length;
  assert.ok(asked >= 3 && asked < 12, `${String(asked)} questions in ${String(ms)} ms`);
});

test('a stop while its keys cannot be asked for gives back what it has, also at its last try', async (t) => {
  await emptied();
  await send(client, message('KEPT'));
  let asked = 0;
  const away = {
    keyFor: () => {
      asked += 1;
      return Promise.reject(new Error('key vault unreachable'));
    },
  };
  const { subscriber, notices } = subscribed(t, {
    keys: away,
    attemptsMax: 1,
    onMessage: () => Promise.resolve(),
  });
  await until(() => asked > 0);
  await subscriber.stop();
  assert.deepEqual(new Set(notices.map(({ kind }) => kind)), new Set(['keys-unavailable']));
  assert.deepEqual([left()?.active, left()?.locked, left()?.dead], [1, 0, 0]);
});

test('hands over sessions in order, also past a message that is rejected', async (t) => {
  // The SDK waits so long for a free session, also when the subscriber is to stop.
  const own = new ServiceBusClient(connectionString(bus.port), {
    retryOptions: { timeoutInMs: 500, maxRetries: 0 },
  });
  t.after(() => own.close());
  const cars = ['car-1', 'car-2', 'car-3'];
  const texts = Array.from({ length: 10 }, (_, index) => String(index));
  for (const car of cars) {
    const messages = texts.map((text) => message(`${car} ${text}`, { sessionId: car }));
    await sendTo('cars', client, messages);
  }
  const got: Record<string, string[]> = {};
  const marks: boolean[] = [];
  const counts = new Set<number>();
  let rejections = 0;
  const { subscriber, notices } = subscribed(t, {
    client: own,
    topic: 'cars',
    subscription: 'cars',
    sessions: { max: 2, idleMs: 100 },
    attemptsMax: 4,
    onMessage: (one, session) => {
      const [car = '', text = ''] = textOf(one).split(' ');
      assert.equal(session?.id, car);
      counts.add(one.deliveryCount);
      if (car === 'car-2' && text === '4') marks.push(one.possibleDuplicate);
      // Two of its four tries.
      if (car === 'car-2' && text === '4' && (rejections += 1) <= 2)
        return Promise.reject(new Error('SAMPLE'));
      if (car === 'car-3' && text === '7') return Promise.reject(new Error('SAMPLE: always'));
      (got[car] ??= []).push(text);
      return Promise.resolve();
    },
  });
  await until(() => bus.stats().subscriptions['cars/cars']?.dead === 1, 15_000);
  await until(() => cars.every((car) => got[car]?.at(-1) === '9'), 15_000);
  await subscriber.stop();
  assert.deepEqual(got, {
    'car-1': texts,
    'car-2': texts,
    'car-3': texts.filter((text) => text !== '7'),
  });
  assert.deepEqual(marks, [false, true, true]);
  assert.deepEqual([...counts], [0], 'tried again in place: those behind it lose none of their tries');
  assert.equal(notices.filter(({ kind }) => kind === 'rejected').length, 5);
  assert.ok(notices.some((notice) => notice.kind === 'dead-lettered'));
});
