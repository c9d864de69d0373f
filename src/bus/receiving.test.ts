import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryMode, ServiceBusClient, type ServiceBusReceivedMessage } from '@azure/service-bus';
import {
  connectionString,
  parseEmulatorConfig,
  startServiceBus,
  type ServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import {
  EntityReceiver,
  type EntityReceiverOptions,
  type ReceivingNotice,
  type Settle,
} from './receiving.ts';

const queue = (name: string, properties: object) => ({ Name: name, Properties: properties });
const session = { RequiresSession: true, LockDuration: 'PT3S', MaxDeliveryCount: 10 };
const queues = [
  queue('slow', { LockDuration: 'PT2S' }),
  queue('bounded', { LockDuration: 'PT2S' }),
  queue('outcomes', { LockDuration: 'PT30S' }),
  queue('failing', { LockDuration: 'PT30S' }),
  queue('dropped', { LockDuration: 'PT30S' }),
  queue('stopped', { LockDuration: 'PT30S' }),
  queue('cars', session),
  queue('lost-cars', session),
  queue('slow-cars', session),
  queue('parked-cars', session),
  queue('long-cars', { ...session, LockDuration: 'PT1M' }),
  queue('many', { LockDuration: 'PT1M' }),
  queue('unanswered', { LockDuration: 'PT1M' }),
];
const config = parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'sample', Queues: queues }] } });
const retryOptions = {
  ...{ mode: RetryMode.Exponential, maxRetries: 1, retryDelayInMs: 100, timeoutInMs: 2_000 },
};

let bus: ServiceBus;
let client: ServiceBusClient;
/** As the product's own: it tries nothing twice. */
let single: ServiceBusClient;
before(async () => {
  bus = await startServiceBus({ port: 0, config });
  client = new ServiceBusClient(connectionString(bus.port), { retryOptions });
  single = new ServiceBusClient(connectionString(bus.port), {
    retryOptions: { maxRetries: 0, timeoutInMs: 3_000 },
  });
});
after(async () => {
  await client.close();
  await single.close();
  await bus.stop();
});

async function send(to: string, bodies: readonly string[], sessionId?: string): Promise<void> {
  const sender = client.createSender(to);
  await sender.sendMessages(
    bodies.map((body) => ({
      body: Buffer.from(body),
      messageId: `${to}-${sessionId ?? ''}-${body}`,
      ...(sessionId === undefined ? {} : { sessionId }),
    })),
  );
  await sender.close();
}

async function until(isSo: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isSo() && performance.now() < deadline) await sleep(10);
  assert.ok(isSo(), `waited ${String(timeoutMs)} ms for: ${isSo.toString()}`);
}

const started = new WeakMap<TestContext, readonly EntityReceiver[]>();
function receiving(
  t: TestContext,
  from: string,
  onBatch: EntityReceiverOptions['onBatch'],
  change: Partial<EntityReceiverOptions> = {},
) {
  const notices: ReceivingNotice[] = [];
  const receiver = new EntityReceiver({
    client: () => client,
    source: { queue: from },
    onBatch,
    onNotice: (notice) => notices.push(notice),
    ...change,
  });
  receiver.start();
  const mine = started.get(t) ?? [];
  started.set(t, [...mine, receiver]);
  t.after(() => receiver.stop(100));
  const count = (kind: ReceivingNotice['kind']) => notices.filter((notice) => notice.kind === kind).length;
  return { receiver, notices, count };
}

const textOf = ({ body }: ServiceBusReceivedMessage) => String(body);
const left = (name: string) => {
  const { active, locked, dead } = bus.stats().queues[name] ?? { active: NaN, locked: NaN, dead: NaN };
  return { active, locked, dead };
};
const empty = { active: 0, locked: 0, dead: 0 };

/** A way to the bus that can be cut or slowed down, and that refuses connections while it is closed. */
async function wayToBus(t: TestContext) {
  const open = new Set<Socket>();
  const delay = { ms: 0 };
  const server = createServer((near) => {
    const far = connect(bus.port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('data', (bytes) => {
        if (delay.ms === 0) to.write(bytes);
        else setTimeout(() => to.write(bytes), delay.ms);
      });
      from.on('close', () => {
        open.delete(from);
        setTimeout(() => to.destroy(), delay.ms);
      });
      from.on('error', () => to.destroy());
    }
  });
  const listen = (port: number) =>
    new Promise<number>((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  const port = await listen(0);
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  const own = new ServiceBusClient(connectionString(port), { retryOptions });
  t.after(async () => {
    // First: the SDK keeps timers for good when its client is closed while a session is being accepted.
    await Promise.all((started.get(t) ?? []).map((receiver) => receiver.stop(100)));
    await own.close();
    cut();
    server.close();
  });
  const closeFor = async (ms: number) => {
    server.close();
    cut();
    await sleep(ms);
    await listen(port);
  };
  return { client: own, cut, closeFor, delay };
}

/** The session is known to be lost by its closed link or, at the latest, by the end of its lock. */
const abortOf = ({ leaving }: Settle): Promise<void> =>
  new Promise((resolve) => {
    leaving.addEventListener('abort', () => {
      resolve();
    });
  });

// Each with its own queue: most of their time is waiting for locks.
describe('an entity receiver', { concurrency: true }, () => {
  test('keeps the lock of a message whose handler takes longer than the lock, and no longer than it may', async (t) => {
    await Promise.all([send('slow', ['A', 'B']), send('bounded', ['C'])]);
    const took: boolean[] = [];
    const slow = receiving(
      t,
      'slow',
      async (messages, settle) => {
        await sleep(3_200);
        for (const message of messages) took.push(await settle.complete(message));
      },
      { lockRenewalMs: 60_000 },
    );
    const late: boolean[] = [];
    const bounded = receiving(
      t,
      'bounded',
      async (messages, settle) => {
        if (late.length > 0) await Promise.all(messages.map((message) => settle.complete(message)));
        else {
          await sleep(3_600);
          for (const message of messages) late.push(await settle.complete(message));
        }
      },
      { lockRenewalMs: 100 },
    );
    await until(() => took.length === 2 && late.length === 1);
    assert.deepEqual(took, [true, true]);
    assert.deepEqual(late, [false]);
    await until(() => left('bounded').active === 0 && left('bounded').locked === 0);
    assert.ok(slow.count('lock-renewed') >= 2);
    assert.equal(slow.count('lock-lost'), 0);
    assert.equal(bounded.count('lock-lost'), 1);
    assert.deepEqual([left('slow'), left('bounded')], [empty, empty]);
  });

  test('settles each message as it was told, and receives the dead letters', async (t) => {
    await send('outcomes', ['COMPLETE', 'ABANDON', 'DEFER', 'DEAD']);
    let given = 0;
    const settled: Record<string, boolean[]> = {};
    const { receiver, notices } = receiving(t, 'outcomes', async (messages, settle) => {
      // All in one tick: neighbours must not be settled as each other.
      await Promise.all(
        messages.map(async (message) => {
          const text = textOf(message);
          let took: Promise<boolean>;
          if (text === 'DEFER') took = settle.defer(message);
          else if (text === 'DEAD') took = settle.deadLetter(message, 'SAMPLE_REASON');
          else if (text === 'ABANDON' && (given += 1) === 1) took = settle.abandon(message);
          else took = settle.complete(message);
          (settled[text] ??= []).push(await took);
          assert.equal(await settle.complete(message), false, 'settled once');
        }),
      );
    });
    await until(() => settled['ABANDON']?.length === 2 && left('outcomes').dead === 1);
    await receiver.stop();
    assert.deepEqual(settled, { COMPLETE: [true], DEFER: [true], DEAD: [true], ABANDON: [true, true] });
    assert.equal(left('outcomes').locked, 0);
    const outcomes = notices.flatMap((notice) => (notice.kind === 'settled' ? [notice.outcome] : []));
    assert.deepEqual(outcomes.toSorted(), ['abandon', 'complete', 'complete', 'dead-letter', 'defer']);
    const reasons: unknown[] = [];
    receiving(
      t,
      'outcomes',
      async ([message], settle) => {
        if (message === undefined) return;
        reasons.push(message.deadLetterReason);
        await settle.complete(message);
      },
      { subQueue: 'deadLetter' },
    );
    await until(() => left('outcomes').dead === 0);
    assert.deepEqual(reasons, ['SAMPLE_REASON']);
  });

  test('gives back what a failing hand-over left, and offers it again', async (t) => {
    await send('failing', ['TWICE']);
    const counts: (number | undefined)[] = [];
    const { count } = receiving(t, 'failing', async ([message], settle) => {
      counts.push(message?.deliveryCount);
      if (counts.length === 1) throw new Error('SAMPLE');
      if (message !== undefined) await settle.complete(message);
    });
    await until(() => left('failing').active === 0 && left('failing').locked === 0);
    assert.deepEqual(counts, [0, 1]);
    assert.equal(count('batch-failed'), 1);
  });

  test('settles after the connection dropped, and after a bus that was away for a moment', async (t) => {
    const way = await wayToBus(t);
    await send('dropped', ['A', 'B']);
    const took: [string, boolean][] = [];
    receiving(
      t,
      'dropped',
      async (messages, settle) => {
        for (const message of messages) {
          if (took.length === 0) way.cut();
          else await way.closeFor(700);
          took.push([textOf(message), await settle.complete(message)]);
        }
      },
      { client: () => way.client },
    );
    await until(() => took.length === 2);
    assert.deepEqual(took, [
      ['A', true],
      ['B', true],
    ]);
    await until(() => left('dropped').active === 0 && left('dropped').locked === 0);
  });

  test('stop waits for what is in hand, and at its deadline gives it back', async (t) => {
    await send('stopped', ['DONE']);
    const entered: string[] = [];
    const late: Promise<boolean>[] = [];
    const first = receiving(t, 'stopped', async ([message], settle) => {
      entered.push('first');
      await sleep(300);
      if (message !== undefined) await settle.complete(message);
    });
    await until(() => entered.length === 1);
    await first.receiver.stop();
    assert.deepEqual(left('stopped'), empty);

    await send('stopped', ['STUCK']);
    const wake = Promise.withResolvers<undefined>();
    const second = receiving(t, 'stopped', async ([message], settle) => {
      entered.push('second');
      await wake.promise;
      if (message !== undefined) late.push(settle.complete(message));
    });
    await until(() => entered.length === 2);
    const began = performance.now();
    await second.receiver.stop(200);
    assert.ok(performance.now() - began < 8_000);
    assert.deepEqual(left('stopped'), { active: 1, locked: 0, dead: 0 });
    wake.resolve(undefined);
    await until(() => late.length === 1);
    assert.equal(await late[0], false, 'it is no longer ours to settle');
    assert.equal(left('stopped').active, 1);
  });

  test('takes sessions in order, so many at once as it may, and hands idle ones back', async (t) => {
    const texts = Array.from({ length: 20 }, (_, index) => String(index));
    const names = ['car-1', 'car-2', 'car-3', 'car-4', 'car-5'];
    for (const name of names) await send('cars', texts, name);
    const got: Record<string, string[]> = {};
    const inHand = new Set<string>();
    let most = 0;
    const { count } = receiving(
      t,
      'cars',
      async (messages, settle) => {
        const id = settle.session?.id ?? '';
        assert.ok(!inHand.has(id), 'one batch of a session at a time');
        most = Math.max(most, inHand.add(id).size);
        await sleep(20);
        for (const message of messages) {
          (got[id] ??= []).push(textOf(message));
          assert.equal(await settle.complete(message), true);
        }
        await settle.session?.setState({ handled: got[id]?.length });
        assert.deepEqual(await settle.session?.state(), { handled: got[id]?.length });
        inHand.delete(id);
      },
      { sessions: { max: 2, idleMs: 150 }, batchMax: 7 },
    );
    await until(() => names.every((name) => got[name]?.length === 20));
    assert.deepEqual(
      names.map((name) => got[name]),
      names.map(() => texts),
    );
    assert.equal(most, 2);
    await until(() => count('session-released') === 5);
    assert.equal(count('session-accepted'), 5);
  });

  test('accepts a lost session again, and loses and reorders nothing', async (t) => {
    const way = await wayToBus(t);
    const texts = Array.from({ length: 12 }, (_, index) => String(index));
    await send('lost-cars', texts, 'car-9');
    const got: string[] = [];
    let cuts = 0;
    const { count } = receiving(
      t,
      'lost-cars',
      async (messages, settle) => {
        for (const message of messages) {
          if (got.length === 5 && cuts === 0) {
            cuts += 1;
            way.cut();
            await abortOf(settle);
          }
          if (settle.leaving.aborted) return;
          if (await settle.complete(message)) got.push(textOf(message));
        }
      },
      { client: () => way.client, sessions: { max: 4, idleMs: 500 }, batchMax: 4 },
    );
    await until(() => got.length === 12, 20_000);
    assert.deepEqual(got, texts);
    // The first is known to be lost by its next look at the lock.
    await until(() => count('session-lost') === 1);
    assert.equal(count('session-accepted'), 2);
  });

  test('keeps a session whose handler takes longer than its lock', async (t) => {
    await send('slow-cars', ['SLOW'], 'car-7');
    const took: boolean[] = [];
    const { count } = receiving(
      t,
      'slow-cars',
      async ([message], settle) => {
        await sleep(4_000);
        if (message !== undefined) took.push(await settle.complete(message));
      },
      { sessions: { max: 1, idleMs: 100 } },
    );
    await until(() => took.length === 1);
    assert.deepEqual(took, [true]);
    assert.ok(count('lock-renewed') > 0);
  });

  test('tells a handler that its session is lost long before its lock would end', async (t) => {
    const way = await wayToBus(t);
    await send('long-cars', ['A', 'B'], 'car-3');
    const told: [string, number][] = [];
    const { count } = receiving(
      t,
      'long-cars',
      async ([message], settle) => {
        const { session } = settle;
        if (message === undefined || session === undefined) return;
        if (told.length > 0) {
          await settle.complete(message);
          return;
        }
        assert.equal(session.lost.aborted, false);
        const began = performance.now();
        way.cut();
        await new Promise((resolve) => {
          session.lost.addEventListener('abort', resolve);
        });
        told.push([textOf(message), performance.now() - began]);
        assert.equal(await settle.complete(message), false, 'another receiver may have it');
      },
      { client: () => way.client, sessions: { max: 1, idleMs: 300 }, batchMax: 1 },
    );
    await until(() => told.length === 1, 12_000);
    assert.ok((told[0]?.[1] ?? Infinity) < 10_000, `told after ${String(told[0]?.[1])} ms`);
    await until(() => left('long-cars').active === 0 && left('long-cars').locked === 0);
    assert.equal(count('session-lost'), 1);
  });

  test('waits for a free session as long as the client it was given does, and calls that no silence', async (t) => {
    const patient = new ServiceBusClient(connectionString(bus.port), {
      retryOptions: { maxRetries: 0, timeoutInMs: 20_000 },
    });
    t.after(() => patient.close());
    const got: string[] = [];
    const { receiver, count } = receiving(
      t,
      'parked-cars',
      async (messages, settle) => {
        for (const message of messages) if (await settle.complete(message)) got.push(textOf(message));
      },
      { client: () => patient, sessions: { max: 1, idleMs: 100 }, silenceMs: 500 },
    );
    // Longer than an acceptance of our own clients is waited for.
    await sleep(7_800);
    assert.equal(count('receiver-renewed'), 0);
    await send('parked-cars', ['AT LAST'], 'car-1');
    await until(() => got.length === 1);
    await until(() => count('session-released') === 1);
    // Ends the next acceptance, which stop would wait for.
    const stopped = receiver.stop();
    await send('parked-cars', ['LAST'], 'car-2');
    await stopped;
  });

  test('gives back all it has in hand at once, also over a slow line', async (t) => {
    const way = await wayToBus(t);
    const texts = Array.from({ length: 33 }, (_, index) => String(index));
    let most = 0;
    let completed = 0;
    const { receiver } = receiving(
      t,
      'many',
      async (messages, settle) => {
        most = Math.max(most, messages.length);
        if (messages.length > 1) await new Promise(() => undefined);
        for (const message of messages) if (await settle.complete(message)) completed += 1;
      },
      { client: () => way.client },
    );
    await send('many', texts);
    await until(() => most > 1);
    way.delay.ms = 200;
    const began = performance.now();
    await receiver.stop(100);
    const ms = performance.now() - began;
    assert.deepEqual(left('many'), { active: 33 - completed, locked: 0, dead: 0 }, 'none stays locked');
    assert.ok(ms < 8_000, `stopped after ${String(ms)} ms`);
  });

  test('takes a settlement without an answer for silence, and waits for one of them only', async (t) => {
    await send('unanswered', ['A', 'B', 'C']);
    const took: boolean[] = [];
    let tookMs = 0;
    const { notices } = receiving(
      t,
      'unanswered',
      async (messages, settle) => {
        const isFirst = messages.length > 1;
        if (isFirst) bus.fault({ fault: 'no-settle-answer', entity: 'unanswered', count: 20 });
        const began = performance.now();
        for (const message of messages) took.push(await settle.deadLetter(message, 'SAMPLE_REASON'));
        if (!isFirst) return;
        tookMs = performance.now() - began;
        bus.clearFaults();
      },
      { client: () => single },
    );
    await until(() => left('unanswered').dead === 3, 20_000);
    assert.ok(tookMs < 14_000, `without an answer it took ${String(tookMs)} ms`);
    await until(() => notices.some(({ kind }) => kind === 'receiver-renewed'));
    assert.deepEqual(
      notices.filter(({ kind }) => kind === 'receiver-renewed'),
      [{ kind: 'receiver-renewed', reason: 'silent' }],
    );
    assert.equal(took.filter((isTaken) => !isTaken).length, 2);
  });
});
