import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryMode, ServiceBusClient } from '@azure/service-bus';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { type BusLetter, type Round, Sweep, type Visited } from './collect.ts';

const topic = 'broadcast';
/** Two topics of their own, so that tests may run side by side. */
const [unreadable, full] = ['unreadable', 'full'];
const names = Array.from({ length: 12 }, (_, at) => `group-${String(at)}`);
const Properties = {
  DefaultMessageTimeToLive: 'PT1S',
  DeadLetteringOnMessageExpiration: true,
  LockDuration: 'PT1S',
};
const config = {
  UserConfig: {
    Namespaces: [
      {
        Name: 'one',
        Topics: [topic, unreadable, full].map((Name) => ({
          Name,
          Subscriptions: names.map((Name) => ({ Name, Properties })),
        })),
      },
    ],
  },
};
let bus: ServiceBus;
let client: ServiceBusClient;

before(async () => {
  bus = await startServiceBus({ port: 0, config: parseEmulatorConfig(config) });
  client = new ServiceBusClient(connectionString(bus.port), {
    retryOptions: { mode: RetryMode.Fixed, maxRetries: 0, retryDelayInMs: 100, timeoutInMs: 2000 },
  });
});
after(async () => {
  await client.close();
  await bus.stop();
});

const until = async (what: string, isSo: () => boolean): Promise<void> => {
  const deadline = performance.now() + 30_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 30 s`);
    await sleep(10);
  }
};

/** A sweep over these queues; `keep` of the caller's. */
const sweeping = (
  subscriptions: readonly string[],
  keep: (from: Visited, messages: readonly BusLetter[]) => 'kept' | 'hold',
  of = topic,
  visitorsMax = 3,
) => {
  const rounds: Round[] = [];
  let [out, most] = [0, 0];
  const sweep = new Sweep({
    client: () => client,
    queues: () =>
      subscriptions.map((subscription) => ({ topic: of, subscription, queue: 'deadLetter' as const })),
    visitorsMax,
    roundMs: 100,
    limits: { batchMax: 4, batchesMax: 2, waitMs: 50, timeoutMs: 2000 },
    keep: async (from, messages) => {
      out += 1;
      most = Math.max(most, out);
      await sleep(5);
      out -= 1;
      return keep(from, messages);
    },
    onRound: (round) => {
      rounds.push(round);
    },
  });
  return { sweep, rounds, most: () => most };
};

describe('while the bus is there', { concurrency: true }, () => {
  test('every queue is visited by few visitors, what is kept is gone from the bus, and one that is not there stops nobody', async () => {
    const sender = client.createSender(topic);
    for (let n = 0; n < 10; n += 1)
      await sender.sendMessages({ body: Buffer.from('x'), messageId: `m-${String(n)}` });
    await sender.close();
    const seen = new Map<string, number>();
    const { sweep, rounds, most } = sweeping(['group-none', ...names], ({ subscription }, messages) => {
      seen.set(subscription, (seen.get(subscription) ?? 0) + messages.length);
      return 'kept';
    });
    sweep.start();
    await until('all came', () => [...seen.values()].reduce((sum, one) => sum + one, 0) >= 120);
    const from = rounds.length;
    await until('two more rounds', () => rounds.length >= from + 2);
    await sweep.stop();
    assert.deepEqual(
      [...seen.values()],
      Array.from(names, () => 10),
      'each once',
    );
    assert.equal(seen.size, 12);
    assert.ok(most() <= 3, `${String(most())} at once`);
    assert.deepEqual([rounds[0]?.absent, rounds[0]?.fault], [1, '']);
  });

  test('a queue that cannot be read for whatever reason does not keep those behind it from being visited', async () => {
    const entity = `${unreadable}/Subscriptions/group-1`;
    assert.ok(
      bus.fault({
        fault: 'refuse-link',
        entity,
        direction: 'receive',
        condition: 'server-busy',
        forMs: 60_000,
      }),
    );
    const sender = client.createSender(unreadable);
    await sender.sendMessages({ body: Buffer.from('x'), messageId: 'one' });
    await sender.close();
    const seen = new Set<string>();
    const keep = ({ subscription }: Visited): 'kept' => {
      seen.add(subscription);
      return 'kept';
    };
    const { sweep, rounds } = sweeping(['group-0', 'group-1', 'group-2', 'group-3'], keep, unreadable, 1);
    sweep.start();
    await until('all that can be read are', () => seen.size === 3);
    await sweep.stop();
    assert.deepEqual([...seen].toSorted(), ['group-0', 'group-2', 'group-3']);
    assert.notEqual(rounds[0]?.fault, '');
  });

  test('what there is no room for stays on the bus, and comes again', async () => {
    const sender = client.createSender(full);
    await sender.sendMessages({ body: Buffer.from('x'), messageId: 'held' });
    await sender.close();
    let [holds, kept] = [0, 0];
    const { sweep } = sweeping(
      ['group-3'],
      () => {
        if (holds < 2) {
          holds += 1;
          return 'hold';
        }
        kept += 1;
        return 'kept';
      },
      full,
    );
    sweep.start();
    await until('it was kept at last', () => kept === 1);
    await sweep.stop();
    assert.equal(holds, 2);
    const receiver = client.createReceiver(full, 'group-3', { subQueueType: 'deadLetter' });
    assert.deepEqual(await receiver.peekMessages(1), []);
    await receiver.close();
  });
});

test('a bus that goes away ends the round with a code, and the next ones go on when it is back', async () => {
  const seen: string[] = [];
  const { sweep, rounds } = sweeping(names, ({ subscription }) => {
    seen.push(subscription);
    return 'kept';
  });
  const { port } = bus;
  await bus.stop();
  sweep.start();
  await until('a round ended early', () => rounds.some(({ fault }) => fault !== ''));
  assert.equal(rounds.find(({ fault }) => fault !== '')?.fault, 'DELIVER_LINK');
  bus = await startServiceBus({ port, config: parseEmulatorConfig(config) });
  const from = rounds.length;
  await until('a whole round', () => rounds.slice(from).some(({ fault }) => fault === ''));
  await sweep.stop();
});
