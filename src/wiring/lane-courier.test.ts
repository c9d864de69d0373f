import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceBusClient, type ServiceBusReceivedMessage } from '@azure/service-bus';
import type { Redis } from 'ioredis';
import type { AuditRecord } from '../audit/records.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { type ReadyMessage, TopicSender } from '../deliver/deliver.ts';
import type { Delivery } from '../message/delivery.ts';
import { acceptScript } from '../queue/accept-script.ts';
import { encodeEntry, imbalance, OwnedLanes, Queue, readLane } from '../queue/queue.ts';
import { acceptCall, onlooker, Pages, recorderSeen, until } from '../queue/slot-under-test.ts';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { KeysFolder } from './keys-folder.ts';
import { LaneCourier } from './lane-courier.ts';
import { ParcelMaker } from './parcel.ts';
import { Writer } from './writer.ts';

const lane = 'point-to-point';
const folder = mkdtempSync(join(tmpdir(), 'tenfour-lane-courier-'));
const keys = KeysFolder.create(join(folder, 'keys'), ['nv-sheriff']);
const vault = keys.vault();
const settings = {
  TENFOUR_LEASE_MS: '600',
  TENFOUR_LEASE_MARGIN_MS: '100',
  TENFOUR_BUS_TIMEOUT_MS: '2000',
  TENFOUR_HOLD_BACKOFF_MS_MAX: '100',
  TENFOUR_UNKNOWN_TRIES_MAX: '3',
  TENFOUR_UNKNOWN_TRIES_MS: '150',
};
const config: Config = loadConfig(settings);
let server: RedisServer;
let redis: Redis;
let bus: ServiceBus;
let client: ServiceBusClient;
let queue: Queue;
let gateway: Pages;
const benches: Bench[] = [];

const entities = (...topics: readonly string[]) =>
  parseEmulatorConfig({
    UserConfig: {
      Namespaces: [
        { Name: 'one', Topics: topics.map((Name) => ({ Name, Subscriptions: [{ Name: 'all' }] })) },
      ],
    },
  });
const startBus = (port: number, ...topics: readonly string[]) =>
  startServiceBus({ port, config: entities(...topics), messageBytesMax: 64 * 1024 });

before(async () => {
  server = await startRedis({ dir: join(folder, 'redis'), fsync: 'always' });
  redis = onlooker(server.url);
  const nothing = () => undefined;
  const options = { url: server.url, slot: 's0', attemptTimeoutMs: 1000, onDown: nothing, onUp: nothing };
  queue = await Queue.open({ ...options, durability: 'fsync' });
});
after(async () => {
  queue.close();
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await redis.flushall();
  await recorderSeen(redis, queue.keys);
  gateway = new Pages();
  bus = await startBus(0, lane);
  client = new ServiceBusClient(connectionString(bus.port), {
    retryOptions: { maxRetries: 0, timeoutInMs: 2000 },
  });
});
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.stop();
  await client.close();
  await bus.stop();
});

/** The real sender, with faults put in where a test asks for them. */
class FaultySender extends TopicSender {
  sent: (readonly string[])[] = [];
  strike: ((messageIds: readonly string[]) => Promise<void> | undefined) | undefined;

  override async send(messages: readonly ReadyMessage[]): Promise<void> {
    const ids = messages.map(({ message }) => message.messageId);
    await this.strike?.(ids);
    await super.send(messages);
    this.sent.push(ids);
  }
}

/** One courier of the lane, as the outbound wiring makes it, without doorbell and without renewals by clock. */
class Bench {
  readonly sender: FaultySender;
  readonly courier: LaneCourier;
  readonly events: string[] = [];
  readonly ended: Promise<void>;

  private constructor(writer: Writer) {
    this.sender = new FaultySender(client, lane, {
      connectionString: '',
      timeoutMs: config.BUS_TIMEOUT_MS,
      batchBytesMax: 240 * 1024,
    });
    const lanes = new OwnedLanes<AuditRecord>({
      connection: queue.hot,
      keys: queue.keys,
      writer: writer.name,
      lease: { leaseMs: config.LEASE_MS, marginMs: config.LEASE_MARGIN_MS },
      deadMax: 100,
      build: (records) => writer.chain.build(records, Buffer.alloc(0), Date.now()),
      commit: (page) => {
        writer.chain.commit({ ...page, writer: writer.name.writer });
      },
    });
    const write = (line: string) => {
      const { event, code } = JSON.parse(line) as { event: string; code?: string };
      this.events.push(code === undefined ? event : `${event} ${code}`);
    };
    this.courier = new LaneCourier({
      lane,
      lanes,
      sender: this.sender,
      parcels: new ParcelMaker(vault, keys.busSealer(), this.sender),
      config,
      log: new Log('info', { write }),
      metrics: new Metrics(),
    });
    benches.push(this);
    this.ended = this.courier.run();
  }

  static async start(strike?: FaultySender['strike']): Promise<Bench> {
    const bench = new Bench(await Writer.open(queue, 'courier', 'one', '0', keys.signer(), 60_000));
    bench.sender.strike = strike;
    return bench;
  }

  async stop(): Promise<void> {
    this.courier.stop();
    await this.ended;
  }
}

const delivery = (n: number): Delivery => ({
  deliveryId: `gabc-${String(n)}-0`,
  generation: 1,
  messageId: `gabc-${String(n)}`,
  messageKey: 'AM',
  priorityClass: 4,
  originatingOri: 'CA0990100',
  destination: 'NV0990300',
  groups: [],
  recipients: ['nv-sheriff'],
  agency: 'ca-dispatch',
  dialect: 'nlets-legacy',
  receivedAtMs: 1_700_000_000_000,
  directoryVersion: 'v1',
  isTest: false,
  traceparent: '',
  user: '',
  terminal: '',
  incident: '',
  resentOf: '',
});

const entry = (n: number, bytes = 20): Buffer =>
  encodeEntry(
    delivery(n),
    vault.seal(Buffer.alloc(bytes, 'x'), {
      agency: 'ca-dispatch',
      messageId: `gabc-${String(n)}`,
      hour: 480_000,
    }),
  );

const accept = async (...entries: readonly Buffer[]): Promise<void> => {
  const page = gateway.build('accepted');
  const call = acceptCall(queue.keys, 'gate', page, [{ lane, entries }]);
  const reply = (await redis.eval(acceptScript, call.keys.length, ...call.keys, ...call.args)) as unknown[];
  assert.equal(reply[0], 'OK');
  gateway.commit(page);
};

const counts = async () => {
  const found = await readLane(redis, queue.keys, lane);
  assert.equal(imbalance(found), 0);
  return found;
};
const drained = (within = 8000) => until('an empty lane', async () => (await counts()).waiting === 0, within);

const received = async (): Promise<readonly ServiceBusReceivedMessage[]> => {
  const reader = new ServiceBusClient(connectionString(bus.port));
  const receiver = reader.createReceiver(lane, 'all', { receiveMode: 'receiveAndDelete' });
  const messages = await receiver.receiveMessages(100, { maxWaitTimeInMs: 300 });
  await reader.close();
  return messages;
};
const seqs = (messages: readonly ServiceBusReceivedMessage[]) =>
  messages.map(({ applicationProperties }) => applicationProperties?.['laneSeq']);

const dead = async (): Promise<readonly Readonly<Record<string, string | Buffer>>[]> => {
  const letters = (await redis.callBuffer('XRANGE', queue.keys.dead, '-', '+')) as [Buffer, Buffer[]][];
  return letters.map(([, fields]) => {
    const letter: Record<string, string | Buffer> = {};
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const [name, value] = [String(fields[at]), fields[at + 1] ?? Buffer.alloc(0)];
      if (name !== 't') letter[name] = name === 'e' ? value : value.toString();
    }
    return letter;
  });
};

test('a message too large for the bus is dead at once, whole, and the lane goes on', async () => {
  const entries = [entry(1), entry(2), entry(3, 60_000), entry(4), entry(5)];
  await accept(...entries);
  const bench = await Bench.start();
  await drained();
  const messages = await received();
  assert.deepEqual(seqs(messages), [1, 2, 4, 5]);
  // The batch with the large one was refused, so none of it is a repeat.
  assert.ok(
    messages.every(({ applicationProperties }) => applicationProperties?.['possibleDuplicate'] === false),
  );
  const { delivered, dead: deadCount } = await counts();
  assert.deepEqual([delivered, deadCount], [4, 1]);
  assert.deepEqual(await dead(), [{ f: '1', lane, seq: '3', code: 'DELIVER_MESSAGE', e: entries[2] }]);
  assert.ok(bench.events.includes('letter.dead DELIVER_MESSAGE'));
  assert.equal(bench.courier.isHolding, false);
});

test('an entry that does not open, or cannot be read, is dead when its turn comes, and the lane goes on', async () => {
  const broken = entry(2);
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
  const stranger = encodeEntry(
    { ...delivery(4), recipients: ['nobody'] },
    vault.seal(Buffer.from('x'), { agency: 'ca-dispatch', messageId: 'gabc-4', hour: 480_000 }),
  );
  await accept(entry(1), broken, Buffer.from('no entry'), stranger, entry(5));
  await Bench.start();
  await drained();
  assert.deepEqual(seqs(await received()), [1, 5]);
  assert.deepEqual(
    (await dead()).map(({ seq, code }) => `${String(seq)} ${String(code)}`),
    ['2 VAULT_SEAL_BROKEN', '3 SCRIPT_REFUSED', '4 VAULT_KEY_MISSING'],
  );
});

test('a lane whose topic is missing holds without losing anything, and flows by itself when the topic appears', async () => {
  const { port } = bus;
  await bus.stop();
  bus = await startBus(port, 'another');
  const bench = await Bench.start();
  await accept(entry(1), entry(2));
  await until('holding', () => bench.courier.isHolding);
  await until('held with its reason', () => bench.events.includes('lane.holding DELIVER_ENTITY'));
  await accept(entry(3));
  await sleep(400);
  const { waiting, dead: deadCount } = await counts();
  assert.deepEqual([waiting, deadCount], [3, 0]);
  await bus.stop();
  bus = await startBus(port, lane);
  await drained();
  assert.deepEqual(seqs(await received()), [1, 2, 3]);
  assert.ok(bench.events.includes('lane.flowing'));
  assert.equal(bench.events.filter((event) => event.startsWith('lane.holding')).length, 1, 'said once');
});

test('a bus that is gone holds the lane; what was on its way then says that it may be a repeat', async () => {
  const { port } = bus;
  const bench = await Bench.start();
  await accept(entry(1));
  await drained();
  assert.deepEqual(seqs(await received()), [1]);
  await bus.stop();
  await accept(entry(2));
  await until('holding', () => bench.events.includes('lane.holding DELIVER_LINK'));
  bus = await startBus(port, lane);
  await accept(entry(3));
  await drained();
  const messages = await received();
  assert.deepEqual(seqs(messages), [2, 3]);
  assert.equal(messages[0]?.applicationProperties?.['possibleDuplicate'], true);
});

const failing = (isStruck: (id: string) => boolean) => (ids: readonly string[]) =>
  ids.some(isStruck) ? Promise.reject(new Error('odd')) : undefined;

test('a message that fails for no known reason is dead once the next one passed the same bus', async () => {
  await accept(entry(1), entry(2), entry(3), entry(4));
  const bench = await Bench.start(failing((id) => id.startsWith('gabc-2-')));
  await drained();
  assert.deepEqual(seqs(await received()), [1, 3, 4]);
  assert.deepEqual(
    (await dead()).map(({ seq, code }) => `${String(seq)} ${String(code)}`),
    ['2 DELIVER_UNKNOWN'],
  );
  assert.ok(bench.events.includes('lane.holding DELIVER_UNKNOWN'));
  assert.ok(bench.events.includes('lane.flowing'));
});

test('a probe looks past entries that can never be sent, and they are dead with the poison', async () => {
  await accept(entry(1), Buffer.from('no entry'), entry(3));
  await Bench.start(failing((id) => id.startsWith('gabc-1-')));
  await drained();
  assert.deepEqual(seqs(await received()), [3]);
  assert.deepEqual(
    (await dead()).map(({ seq, code }) => `${String(seq)} ${String(code)}`),
    ['1 DELIVER_UNKNOWN', '2 SCRIPT_REFUSED'],
  );
});

test('while everything fails for no known reason nothing is dead, and all of it arrives when the bus is well', async () => {
  await accept(entry(1), entry(2), entry(3));
  const bench = await Bench.start(failing(() => true));
  await until('holding', () => bench.courier.isHolding);
  await sleep(900);
  assert.deepEqual(await dead(), []);
  bench.sender.strike = undefined;
  await drained();
  const messages = await received();
  assert.deepEqual(seqs(messages).toSorted(), [1, 2, 3]);
  // The probe may have been first to find the bus well; what was tried before is marked, so its order is not promised.
  const tried = messages.filter(({ applicationProperties }) => applicationProperties?.['laneSeq'] !== 3);
  assert.ok(
    tried.every(({ applicationProperties }) => applicationProperties?.['possibleDuplicate'] === true),
  );
  assert.deepEqual(await dead(), []);
});

test('a message that failed while the bus was ill is not condemned by the probe that finds it well', async () => {
  await accept(entry(1), entry(2));
  // The bus gets well exactly between the last try of the first message and the probe with the second.
  let isWell = false;
  await Bench.start((ids) => {
    if (ids.length === 1 && ids[0]?.startsWith('gabc-2-') === true) isWell = true;
    return isWell ? undefined : Promise.reject(new Error('odd'));
  });
  await drained();
  assert.deepEqual(await dead(), []);
  const messages = await received();
  assert.deepEqual(seqs(messages), [2, 1]);
  assert.equal(
    messages[1]?.applicationProperties?.['possibleDuplicate'],
    true,
    'out of order, so it is marked',
  );
});

test('a lane with only one message, which fails for no known reason, holds: there is nothing to tell poison by', async () => {
  await accept(entry(1));
  const bench = await Bench.start(failing((id) => id.startsWith('gabc-1-')));
  await until('holding', () => bench.courier.isHolding);
  await sleep(700);
  assert.equal((await counts()).waiting, 1);
  assert.deepEqual(await dead(), []);
});

test('a ring that was missed costs a sweep, never a message', async () => {
  const bench = await Bench.start();
  await until('owned', () => bench.courier.isOwner);
  await sleep(100);
  // Nothing rings here: the bell is not connected.
  const startedAt = performance.now();
  await accept(entry(1));
  await drained();
  assert.ok(performance.now() - startedAt < 2500);
  assert.deepEqual(seqs(await received()), [1]);
});

test('a stalled owner loses its lane; the next one marks what had been handed out, and each entry is counted once', async () => {
  await accept(entry(1), entry(2));
  const { promise: stall, resolve: wake } = Promise.withResolvers<undefined>();
  const first = await Bench.start(() => stall);
  await until('handed out', async () => (await redis.hget(queue.keys.laneMeta(lane), 'handed')) === '2');
  await accept(entry(3));
  const second = await Bench.start();
  await drained();
  const messages = await received();
  assert.deepEqual(seqs(messages), [1, 2, 3]);
  assert.deepEqual(
    messages.map(({ applicationProperties }) => applicationProperties?.['possibleDuplicate']),
    [true, true, false],
  );
  assert.ok(second.events.includes('lane.waiting'), 'it waited for the lease');
  wake(undefined);
  await until('fenced', () => first.events.includes('lane.fenced FENCED'));
  const { in: accepted, delivered } = await counts();
  assert.deepEqual([accepted, delivered], [3, 3]);
});

test('stopping settles what is at the bus, leaves the rest on the lane and gives the lane back', async () => {
  await accept(...Array.from({ length: 5 }, (_, n) => entry(n + 1)));
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  const bench = await Bench.start(() => held);
  await until('handed out', async () => (await redis.hget(queue.keys.laneMeta(lane), 'handed')) === '5');
  await accept(entry(6));
  const stopped = bench.stop();
  await sleep(50);
  release(undefined);
  await stopped;
  const { delivered, waiting } = await counts();
  assert.deepEqual([delivered, waiting], [5, 1]);
  assert.equal(await redis.hget(queue.keys.laneMeta(lane), 'owner'), '');
});
