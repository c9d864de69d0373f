import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { BusClient } from '../bus/bus-client.ts';
import { type ReadyMessage, TopicBus } from '../deliver/deliver.ts';
import type { OwnedLane, OwnedLanes } from '../queue/queue.ts';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { BusRecords } from './bus-records.ts';
import { BusReport } from './bus-report.ts';
import { LaneHand } from './lane-hand.ts';
import type { LaneRecord } from './lane-record.ts';
import { LaneReport } from './lane-report.ts';
import { configOf, keptLog } from './lanes-under-test.ts';
import type { Parcel } from './parcel.ts';
import { TopicWay } from './topic-way.ts';

const [topic, missing] = ['point-to-point', 'broadcast'];
const messageBytesMax = 64 * 1024;
const config = parseEmulatorConfig({
  UserConfig: { Namespaces: [{ Name: 'one', Topics: [{ Name: topic, Subscriptions: [{ Name: 'all' }] }] }] },
});
let standIn: ServiceBus;
let client: BusClient;
const ways: TopicWay[] = [];

before(async () => {
  standIn = await startServiceBus({ port: 0, config, messageBytesMax });
  client = new BusClient(
    { kind: 'connection-string', connectionString: connectionString(standIn.port) },
    { identifier: 'tenfour-test', timeoutMs: 2000 },
  );
});
afterEach(() => {
  for (const way of ways.splice(0)) way.stop();
});
after(async () => {
  await client.close();
  await standIn.stop();
});

const fault = async (query: string): Promise<void> => {
  const url = `http://127.0.0.1:${String(standIn.controlPort)}/fault?${query}`;
  assert.equal((await fetch(url, { method: 'POST' })).status, 200);
};
/** The next batch is lost, and its link ends. */
const detachAfterSend = (condition: string): void => {
  standIn.fault({ fault: 'lose', entity: topic });
  standIn.fault({ fault: 'detach', entity: topic, direction: 'send', condition, afterTransfers: 1 });
};
const acceptedBy = (name: string): number => standIn.stats().topics[name]?.accepted ?? 0;

/** Leases are not what is tested here: the lane is always ours. */
const lanes = { mayAct: () => true } as unknown as OwnedLanes<LaneRecord>;
const owned = {} as OwnedLane;
let ids = 0;

const open = (lane: string, change: Readonly<Record<string, string>> = {}) => {
  const settings = configOf({
    HOLD_BACKOFF_MS_MAX: '50',
    BUS_THROTTLE_MS: '400',
    BUS_TIMEOUT_MS: '2000',
    ...change,
  });
  const topics = new TopicBus(client, {
    timeoutMs: settings.BUS_TIMEOUT_MS,
    batchBytesMax: 900_000,
    linkIdleMs: 240_000,
    sendsMax: 256,
  });
  const [metrics, records, events] = [new Metrics(), new BusRecords(), [] as string[]];
  const log = keptLog(events);
  const sender = topics.topic(lane);
  const way = new TopicWay({
    lanes,
    sender,
    report: new LaneReport(lane, log, metrics),
    busReport: new BusReport(lane, log, metrics, records),
    config: settings,
  });
  ways.push(way);
  const hand = new LaneHand<ReadyMessage>(768, 2000, () => 0);
  let seq = 0;
  const add = (bytes: number): void => {
    const message = {
      messageId: `w-${String((ids += 1))}.1`,
      subject: 'AM',
      contentType: 'application/jose',
      properties: { n: (seq += 1) },
      body: Buffer.alloc(bytes),
    };
    hand.add(parcelOf(seq, sender.ready(message)));
  };
  const shown = async (name: string): Promise<number | undefined> => {
    const metric = (await metrics.registry.getMetricsAsJSON()).find((one) => one.name === name);
    return (metric?.values as { value: number }[] | undefined)?.[0]?.value;
  };
  return { way, hand, add, metrics, records, events, shown };
};

const parcelOf = (seq: number, cargo: ReadyMessage): Parcel<ReadyMessage> => ({
  priorityClass: 4,
  seq,
  gap: 0,
  deadlineMs: Number.MAX_SAFE_INTEGER,
  isDue: false,
  entryBytes: 0,
  delivery: undefined,
  hasSharedBody: false,
  sealed: undefined,
  handedAtMs: 0,
  cargo,
  fate: undefined,
  isPossibleDuplicate: false,
  isOut: false,
  tries: 1,
});

/** Sends until the hand is empty. Answers, send by send, how many were settled, and all parcels in the order they were. */
const sendAll = async ({ way, hand }: ReturnType<typeof open>) => {
  const counts: number[] = [];
  const parcels: Parcel<ReadyMessage>[] = [];
  for (let sends = 0; hand.size > 0; sends += 1) {
    assert.ok(sends < 200, 'it ends');
    const some = await way.send(hand, owned);
    counts.push(some.length);
    parcels.push(...some);
  }
  return { counts, parcels };
};

test('an oversized message is found by halving: nine failing sends of 256, the rest arrives in order, unmarked', async () => {
  const bench = open(topic);
  for (let n = 1; n <= 256; n += 1) bench.add(n === 200 ? messageBytesMax + 1 : 20);
  const before = acceptedBy(topic);
  const { counts, parcels } = await sendAll(bench);
  assert.equal(acceptedBy(topic) - before, 255);
  assert.deepEqual(
    parcels.map(({ seq }) => seq),
    Array.from({ length: 256 }, (_, at) => at + 1),
  );
  const dead = parcels.filter(({ fate }) => fate?.outcome === 'dead');
  assert.deepEqual(
    dead.map(({ seq, fate }) => [seq, fate?.code, fate?.busCode]),
    [[200, 'DELIVER_MESSAGE', 'MessageSizeExceeded']],
  );
  // What it was tried with, and how often, is in its own deliver record.
  assert.ok((dead[0]?.tries ?? 0) > 2);
  assert.ok(parcels.every(({ isPossibleDuplicate }) => !isPossibleDuplicate));
  const splits = counts.filter((count) => count === 0).length;
  assert.ok(splits > 0 && splits <= 9, counts.join(' '));
  assert.equal(await bench.shown('tenfour_bus_splits_total'), splits);
  assert.deepEqual(
    bench.records.take(Date.now()).map(({ what, code, n }) => [what, code, n]),
    [['batch-split', 'MessageSizeExceeded', splits]],
  );
  assert.equal(await bench.shown('tenfour_bus_circuit'), 0, 'the topic is well');
});

test('two poisons that stand together are both found, and only they are dead', async () => {
  const bench = open(topic);
  for (let n = 1; n <= 64; n += 1) bench.add(n === 33 || n === 34 ? messageBytesMax + 1 : 20);
  const { parcels } = await sendAll(bench);
  const dead = parcels.filter(({ fate }) => fate?.outcome === 'dead').map(({ seq }) => seq);
  assert.deepEqual(dead, [33, 34]);
  assert.equal(parcels.length, 64);
});

test('a busy bus is left in peace for as long as it asks, and batches begin half as large', async () => {
  const bench = open(topic);
  for (let n = 0; n < 40; n += 1) bench.add(20);
  await fault('busy=1');
  const startedAt = performance.now();
  const sent = sendAll(bench);
  // The timer of another hold, come late.
  setTimeout(() => {
    bench.way.retry();
  }, 500);
  const { counts } = await sent;
  // The stand-in's words name 2 seconds.
  assert.ok(performance.now() - startedAt >= 2000);
  assert.deepEqual(counts, [0, 20, 20]);
  assert.equal(await bench.shown('tenfour_bus_throttled_total'), 1);
  assert.ok(((await bench.shown('tenfour_bus_throttle_seconds_total')) ?? 0) >= 2);
  assert.ok(bench.events.some((event) => event.startsWith('bus.throttled')));
});

test('a bus that is busy and does not say for how long is given what the setting says', async () => {
  const bench = open(topic);
  bench.add(20);
  await sendAll(bench);
  bench.add(20);
  detachAfterSend('com.microsoft:server-busy');
  const startedAt = performance.now();
  assert.deepEqual((await sendAll(bench)).counts, [0, 1]);
  assert.ok(performance.now() - startedAt >= 400);
  assert.ok(((await bench.shown('tenfour_bus_throttle_seconds_total')) ?? 2) <= 0.5);
});

test('a link that ends while a batch is out: a batch too large is halved, any other goes again and says so', async () => {
  const bench = open(topic);
  bench.add(20);
  await sendAll(bench);
  for (const [condition, isRepeat, splits] of [
    ['amqp:link:message-size-exceeded', false, 1],
    ['amqp:unauthorized-access', true, 1],
    ['amqp:link:detach-forced', true, 1],
  ] as const) {
    for (let n = 0; n < 4; n += 1) bench.add(20);
    detachAfterSend(condition);
    const { parcels } = await sendAll(bench);
    assert.deepEqual(
      parcels.map((parcel) => parcel.isPossibleDuplicate),
      Array.from({ length: 4 }, () => isRepeat),
      condition,
    );
    assert.equal(await bench.shown('tenfour_bus_splits_total'), splits, condition);
  }
});

test('a lane that was given back in the middle of a split begins with whole batches when it is taken again', async () => {
  const bench = open(topic);
  for (let n = 1; n <= 32; n += 1) bench.add(n === 32 ? messageBytesMax + 1 : 20);
  assert.deepEqual(await bench.way.send(bench.hand, owned), []);
  bench.way.stop();
  const again = { ...bench, hand: new LaneHand<ReadyMessage>(768, 2000, () => 0) };
  const small = bench.hand.front(1)[0]?.cargo;
  assert.ok(small !== undefined);
  for (let seq = 1; seq <= 32; seq += 1) again.hand.add(parcelOf(seq, small));
  assert.deepEqual((await sendAll(again)).counts, [32]);
});

test('one topic that refuses does not slow another: its circuit opens, tries one at a time, and the other’s stays closed', async () => {
  const [ill, well] = [open(missing), open(topic)];
  for (let n = 0; n < 100; n += 1) ill.add(20);
  const before = acceptedBy(topic);
  // Alone first, to compare with.
  const rate = async (): Promise<number> => {
    const startedAt = performance.now();
    for (let sends = 0; sends < 100; sends += 1) {
      well.add(20);
      assert.equal((await well.way.send(well.hand, owned)).length, 1);
    }
    return performance.now() - startedAt;
  };
  await rate();
  const aloneMs = await rate();
  const beside = { isOver: false };
  const refusing = (async () => {
    while (!beside.isOver) assert.deepEqual(await ill.way.send(ill.hand, owned), []);
  })();
  const besideMs = await rate();
  beside.isOver = true;
  ill.way.stop();
  await refusing;
  assert.equal(acceptedBy(topic) - before, 300);
  // A hundred sends, and none waited for the other's: one wait of it is 25 ms or more.
  assert.ok(besideMs < 4 * aloneMs + 1000, `${String(besideMs)} and ${String(aloneMs)} ms`);
  for (let more = 0; more < 3; more += 1) await ill.way.send(ill.hand, owned);
  assert.equal(ill.hand.size, 100, 'nothing is lost');
  const tries = ill.hand.front(100).map((parcel) => parcel.tries);
  assert.ok((tries[0] ?? 0) > (tries[1] ?? 0), 'once open, one message is tried and not a batch');
  assert.ok(ill.events.includes('bus.circuit-opened DELIVER_ENTITY'), ill.events.join());
  assert.ok((await ill.shown('tenfour_bus_circuit')) !== 0);
  assert.equal(await well.shown('tenfour_bus_circuit'), 0);
  assert.deepEqual(well.events, []);
});

test('a circuit that opened closes with the first message that passes, and then whole batches go again', async () => {
  const bench = open(topic, { BUS_CIRCUIT_FAILURES: '2' });
  for (let n = 0; n < 30; n += 1) bench.add(20);
  await fault('authFail=3');
  // Its link is not open yet, so each try asks for a token.
  const { counts } = await sendAll(bench);
  assert.deepEqual(counts.filter((count) => count > 0).at(-1), 29, counts.join(' '));
  const said = bench.records.take(Date.now()).map(({ what }) => what);
  assert.ok(said.includes('circuit-opened') && said.includes('circuit-closed'), said.join());
});
