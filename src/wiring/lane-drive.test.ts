import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceBusClient, type ServiceBusReceivedMessage } from '@azure/service-bus';
import { BusClient } from '../bus/bus-client.ts';
import { type ReadyMessage, TopicSender } from '../deliver/deliver.ts';
import { BodyStore, type OwnedLanes, ServerClock } from '../queue/queue.ts';
import { until } from '../queue/slot-under-test.ts';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { BusRecords } from './bus-records.ts';
import { BusReport } from './bus-report.ts';
import { LaneDrive } from './lane-drive.ts';
import { type LaneRecord, openLanes } from './lane-record.ts';
import { LaneReport } from './lane-report.ts';
import { configOf, keptLog, type Sent, Slot, textOf, topicLane } from './lanes-under-test.ts';
import { ParcelMaker } from './parcel.ts';
import { loadForTopic, TopicWay } from './topic-way.ts';
import type { Writer } from './writer.ts';

const config = configOf({
  LEASE_MS: '600',
  LEASE_MARGIN_MS: '100',
  BUS_TIMEOUT_MS: '2000',
  HOLD_BACKOFF_MS_MAX: '100',
  UNKNOWN_TRIES_MAX: '3',
  UNKNOWN_TRIES_MS: '150',
});
const sender = 'ca-dispatch-cad';
const senderLane = `station.${sender}`;
let slot: Slot;
let bus: ServiceBus;
let client: BusClient;
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
  slot = await Slot.open('lane-drive');
});
after(() => slot.close());
beforeEach(async () => {
  await slot.clean();
  bus = await startBus(0, topicLane);
  client = new BusClient(
    { kind: 'connection-string', connectionString: connectionString(bus.port) },
    { identifier: 'tenfour-test', timeoutMs: 2000 },
  );
});
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.stop();
  await client.close();
  await bus.stop();
});

/** The real sender, with faults put in where a test asks for them. */
class FaultySender extends TopicSender {
  /** Message ids the bus has, in the order in which it got them. */
  readonly sent: string[] = [];
  strike: ((messageIds: readonly string[]) => Promise<void> | undefined) | undefined;

  #isStruck = false;

  /** A fault put in is one of a batch that was out. */
  override get wasOut(): boolean {
    return this.#isStruck || super.wasOut;
  }

  override async send(messages: readonly ReadyMessage[]): Promise<void> {
    const ids = messages.map(({ message }) => message.messageId);
    this.#isStruck = true;
    await this.strike?.(ids);
    this.#isStruck = false;
    await super.send(messages);
    this.sent.push(...ids);
  }
}

/** One driven lane, as the outbound wiring makes it, without doorbell and without renewals by clock. */
class Bench {
  readonly sender: FaultySender;
  readonly drive: LaneDrive<ReadyMessage>;
  readonly events: string[] = [];
  readonly ended: Promise<void>;

  private constructor(writer: Writer, strike: FaultySender['strike'], takeMax: number) {
    const { BUS_TIMEOUT_MS: timeoutMs } = config;
    this.sender = new FaultySender(client, topicLane, {
      timeoutMs,
      batchBytesMax: 240 * 1024,
      linkIdleMs: 240_000,
    });
    this.sender.strike = strike;
    const clock = new ServerClock(() => undefined);
    const { queue, vault, keys } = slot;
    const lanes: OwnedLanes<LaneRecord> = openLanes(config, queue, writer, clock);
    const log = keptLog(this.events);
    const metrics = new Metrics();
    const report = new LaneReport(topicLane, log, metrics);
    const busReport = new BusReport(topicLane, log, metrics, new BusRecords());
    const bodies = new BodyStore(queue.side, queue.keys);
    this.drive = new LaneDrive<ReadyMessage>({
      lane: topicLane,
      lanes,
      parcels: new ParcelMaker(vault, bodies, loadForTopic(keys.busSealer(), this.sender)),
      way: new TopicWay({ lanes, sender: this.sender, report, busReport, config }),
      notices: slot.notices(writer.name.writer),
      clock,
      report,
      log,
      takeMax,
      classMax: 3 * takeMax,
      sweepMs: 1000,
    });
    benches.push(this);
    this.ended = this.drive.run();
  }

  static async start(
    strike?: FaultySender['strike'],
    takeMax: number = config.TAKE_MESSAGES_MAX,
  ): Promise<Bench> {
    return new Bench(await slot.writer('courier'), strike, takeMax);
  }

  async stop(): Promise<void> {
    this.drive.stop();
    await this.ended;
  }
}

const accept = (...sent: readonly (number | Sent)[]): Promise<void> =>
  slot.accept(sent.map((one) => (typeof one === 'number' ? { n: one } : one)));
const drained = (within = 8000) =>
  until('an empty lane', async () => (await slot.counts()).waiting === 0, within);

const received = async (countMax = 100): Promise<readonly ServiceBusReceivedMessage[]> => {
  const reader = new ServiceBusClient(connectionString(bus.port));
  const receiver = reader.createReceiver(topicLane, 'all', { receiveMode: 'receiveAndDelete' });
  const messages: ServiceBusReceivedMessage[] = [];
  for (let more = 1; more > 0 && messages.length < countMax; ) {
    const some = await receiver.receiveMessages(countMax - messages.length, { maxWaitTimeInMs: 300 });
    messages.push(...some);
    more = some.length;
  }
  await reader.close();
  return messages;
};
const property = (name: string) => (messages: readonly ServiceBusReceivedMessage[]) =>
  messages.map(({ applicationProperties }) => applicationProperties?.[name]);
const seqs = property('laneSeq');
const marks = property('possibleDuplicate');

const deliveries = (messages: readonly ServiceBusReceivedMessage[]) =>
  messages.map(({ messageId }) => String(messageId).split('.')[0]);

const deadCodes = async () => (await slot.dead()).map(({ seq, code }) => `${String(seq)} ${code}`);

test('a message too large for the bus is dead at once, whole, and the lane goes on', async () => {
  const large = slot.entry({ n: 3, body: 'x'.repeat(60_000) });
  await accept(1, 2, { n: 3, raw: large }, 4, 5);
  const bench = await Bench.start();
  await drained();
  const messages = await received();
  assert.deepEqual(seqs(messages), [1, 2, 4, 5]);
  // The batch with the large one was refused, so none of it is a repeat.
  assert.ok(marks(messages).every((mark) => mark === false));
  const { delivered, dead } = await slot.counts();
  assert.deepEqual([delivered, dead], [4, 1]);
  const [letter, ...more] = await slot.dead();
  assert.deepEqual(more, []);
  assert.deepEqual(
    [letter?.lane, letter?.priorityClass, letter?.seq, letter?.code],
    [topicLane, 4, 3, 'DELIVER_MESSAGE'],
  );
  assert.deepEqual(letter?.entry, large);
  assert.ok(bench.events.includes('letter.dead DELIVER_MESSAGE'));
  assert.equal(bench.drive.isHolding, false);
});

test('an entry that does not open, or cannot be read, is dead when its turn comes, and the lane goes on', async () => {
  const broken = slot.entry({ n: 2 });
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
  const stranger: Sent = { n: 4, delivery: { recipients: ['nobody'] } };
  await accept(1, { n: 2, raw: broken }, { n: 3, raw: Buffer.from('no entry') }, stranger, 5);
  await Bench.start();
  await drained();
  assert.deepEqual(seqs(await received()), [1, 5]);
  assert.deepEqual(await deadCodes(), ['2 VAULT_SEAL_BROKEN', '3 SCRIPT_REFUSED', '4 VAULT_KEY_MISSING']);
});

test('a lane whose topic is missing holds without losing anything, and flows by itself when the topic appears', async () => {
  const { port } = bus;
  await bus.stop();
  bus = await startBus(port, 'another');
  const bench = await Bench.start();
  await accept(1, 2);
  await until('holding', () => bench.drive.isHolding);
  await until('held with its reason', () => bench.events.includes('lane.holding DELIVER_ENTITY'));
  await accept(3);
  await sleep(400);
  const { waiting, dead } = await slot.counts();
  assert.deepEqual([waiting, dead], [3, 0]);
  await bus.stop();
  bus = await startBus(port, topicLane);
  await drained();
  assert.deepEqual(seqs(await received()), [1, 2, 3]);
  assert.ok(bench.events.includes('lane.flowing'));
  assert.equal(bench.events.filter((event) => event.startsWith('lane.holding')).length, 1, 'said once');
});

test('a bus that is gone holds the lane; what was on its way then says that it may be a repeat', async () => {
  const { port } = bus;
  const bench = await Bench.start();
  await accept(1);
  await drained();
  assert.deepEqual(seqs(await received()), [1]);
  // The bus takes it and never says so: it is on its way when the bus goes.
  const url = `http://127.0.0.1:${String(bus.controlPort)}/fault?silent=1`;
  assert.equal((await fetch(url, { method: 'POST' })).status, 200);
  let isOut = false;
  bench.sender.strike = () => {
    isOut = true;
    return undefined;
  };
  await accept(2);
  await until('on its way', () => isOut);
  await bus.stop();
  await until('holding', () => bench.events.includes('lane.holding DELIVER_LINK'));
  bus = await startBus(port, topicLane);
  await accept(3);
  await drained();
  const messages = await received();
  assert.deepEqual(seqs(messages), [2, 3]);
  assert.equal(marks(messages)[0], true);
});

const failing = (isStruck: (id: string) => boolean) => (ids: readonly string[]) =>
  ids.some(isStruck) ? Promise.reject(new Error('odd')) : undefined;

test('a message that fails for no known reason is dead once the next one passed the same bus', async () => {
  await accept(1, 2, 3, 4);
  const bench = await Bench.start(failing((id) => id.startsWith('gabc-2-')));
  await drained();
  assert.deepEqual(seqs(await received()), [1, 3, 4]);
  assert.deepEqual(await deadCodes(), ['2 DELIVER_UNKNOWN']);
  assert.ok(bench.events.includes('lane.holding DELIVER_UNKNOWN'));
  assert.ok(bench.events.includes('lane.flowing'));
});

test('a poison is told by a message of another class as well, and only the poison is dead', async () => {
  await accept({ n: 1, priorityClass: 1 }, { n: 2, priorityClass: 5 });
  await Bench.start(failing((id) => id.startsWith('gabc-1-')));
  await drained();
  const messages = await received();
  assert.deepEqual(deliveries(messages), ['gabc-2-0']);
  const letters = await slot.dead();
  assert.deepEqual(
    letters.map(({ priorityClass, code }) => `${String(priorityClass)} ${code}`),
    ['1 DELIVER_UNKNOWN'],
  );
});

test('a probe looks past entries that can never be sent, and they are dead with the poison', async () => {
  await accept(1, { n: 2, raw: Buffer.from('no entry') }, 3);
  await Bench.start(failing((id) => id.startsWith('gabc-1-')));
  await drained();
  assert.deepEqual(seqs(await received()), [3]);
  assert.deepEqual(await deadCodes(), ['1 DELIVER_UNKNOWN', '2 SCRIPT_REFUSED']);
});

test('while everything fails for no known reason nothing is dead, and all of it arrives when the bus is well', async () => {
  await accept(1, 2, 3);
  const bench = await Bench.start(failing(() => true));
  await until('holding', () => bench.drive.isHolding);
  await sleep(900);
  assert.deepEqual(await slot.dead(), []);
  bench.sender.strike = undefined;
  await drained();
  const messages = await received();
  assert.deepEqual(seqs(messages).toSorted(), [1, 2, 3]);
  // The probe may have been first to find the bus well; what was tried before is marked, so its order is not promised.
  const tried = messages.filter(({ applicationProperties }) => applicationProperties?.['laneSeq'] !== 3);
  assert.ok(marks(tried).every((mark) => mark === true));
  assert.deepEqual(await slot.dead(), []);
});

test('a message that failed while the bus was ill is not condemned by the probe that finds it well', async () => {
  await accept(1, 2);
  // The bus gets well exactly between the last try of the first message and the probe with the second.
  let isWell = false;
  await Bench.start((ids) => {
    if (ids.length === 1 && ids[0]?.startsWith('gabc-2-') === true) isWell = true;
    return isWell ? undefined : Promise.reject(new Error('odd'));
  });
  await drained();
  assert.deepEqual(await slot.dead(), []);
  const messages = await received();
  assert.deepEqual(seqs(messages), [2, 1]);
  assert.equal(marks(messages)[1], true, 'out of order, so it is marked');
});

test('a lane with only one message, which fails for no known reason, holds: there is nothing to tell poison by', async () => {
  await accept(1);
  const bench = await Bench.start(failing((id) => id.startsWith('gabc-1-')));
  await until('holding', () => bench.drive.isHolding);
  await sleep(700);
  assert.equal((await slot.counts()).waiting, 1);
  assert.deepEqual(await slot.dead(), []);
});

test('a ring that was missed costs a sweep, never a message', async () => {
  const bench = await Bench.start();
  await until('owned', () => bench.drive.owned !== undefined);
  await sleep(100);
  // Nothing rings here: the bell is not connected.
  const startedAt = performance.now();
  await accept(1);
  await drained();
  assert.ok(performance.now() - startedAt < 2500);
  assert.deepEqual(seqs(await received()), [1]);
});

test('a stalled owner loses its lane; the next one marks what had been handed out, and each entry is counted once', async () => {
  await accept(1, 2);
  const { promise: stall, resolve: wake } = Promise.withResolvers<undefined>();
  const first = await Bench.start(() => stall);
  await until('handed out', async () => (await slot.handed(topicLane, 4)) === 2);
  await accept(3);
  const second = await Bench.start();
  await drained();
  const messages = await received();
  assert.deepEqual(seqs(messages), [1, 2, 3]);
  assert.deepEqual(marks(messages), [true, true, false]);
  assert.ok(second.events.includes('lane.waiting'), 'it waited for the lease');
  wake(undefined);
  await until('fenced', () => first.events.includes('lane.fenced FENCED'));
  const { in: accepted, delivered } = await slot.counts();
  assert.deepEqual([accepted, delivered], [3, 3]);
});

test('an owner that lost its lane and got it back holds as before when the bus fails', async () => {
  const bench = await Bench.start();
  await until('owned', () => bench.drive.owned !== undefined);
  await slot.redis.hincrby(slot.queue.keys.laneMeta(topicLane), 'token', 1);
  await until('claimed again', () => bench.events.filter((event) => event === 'lane.claimed').length === 2);
  let tries = 0;
  bench.sender.strike = () => {
    tries += 1;
    return Promise.reject(Object.assign(new Error('busy'), { code: 'ServiceBusyError' }));
  };
  await accept(1);
  bench.drive.wake();
  await until('holding', () => bench.drive.isHolding);
  await sleep(500);
  assert.ok(tries < 20, `${String(tries)} tries: it waits between them`);
  bench.sender.strike = undefined;
  await drained();
  assert.deepEqual(seqs(await received()), [1]);
});

test('stopping settles what is at the bus, leaves the rest on the lane and gives the lane back', async () => {
  await accept(1, 2, 3, 4, 5);
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  const bench = await Bench.start(() => held);
  await until('handed out', async () => (await slot.handed(topicLane, 4)) === 5);
  await accept(6);
  const stopped = bench.stop();
  await sleep(50);
  release(undefined);
  await stopped;
  const { delivered, waiting } = await slot.counts();
  assert.deepEqual([delivered, waiting], [5, 1]);
  assert.equal(await slot.owner(topicLane), '');
});

test('after a graceful stop nothing is a possible duplicate, though more had been taken than was sent', async () => {
  const numbers = Array.from({ length: 12 }, (_, at) => at + 1);
  await accept(...numbers);
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  // Takes of three, nine held: the batch that is out has three at most.
  const first = await Bench.start(() => held, 3);
  await until('more in hand than out', async () => (await slot.handed(topicLane, 4)) === 9);
  const stopped = first.stop();
  release(undefined);
  await stopped;
  const { delivered } = await slot.counts();
  assert.ok(delivered > 0 && delivered < 9, `${String(delivered)} were at the bus`);
  assert.equal(await slot.handed(topicLane, 4), delivered);
  await Bench.start();
  await drained();
  const messages = await received();
  assert.deepEqual(seqs(messages), numbers);
  assert.ok(marks(messages).every((mark) => mark === false));
});

test('an urgent message overtakes 10,000 routine ones that wait, and urgent ones do not starve the last of them', async () => {
  const routine = Array.from({ length: 10_000 }, (_, at): Sent => ({ n: at + 1, body: 'AM' }));
  for (let from = 0; from < routine.length; from += 1000) await accept(...routine.slice(from, from + 1000));
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  let isHeld = true;
  let urgent = 1;
  let floodedAt = 0;
  const takeMax = 256;
  const bench = await Bench.start(async () => {
    if (isHeld) await held;
    if (sent.length < 9000 || hasGot(10_000)) return;
    // Of the routine ones only a few are left. From now on there is always something urgent to send.
    floodedAt ||= sent.length;
    const more = Array.from(
      { length: 300 },
      (_, at): Sent => ({ n: 20_000 + urgent + at, priorityClass: 1 }),
    );
    urgent += more.length;
    await accept(...more);
    bench.drive.wake();
  }, takeMax);
  const { sent } = bench.sender;
  const hasGot = (n: number) => sent.some((id) => id.startsWith(`gabc-${String(n)}-`));

  await until('a batch out', async () => (await slot.handed(topicLane, 4)) >= takeMax);
  await accept({ n: 20_000, priorityClass: 1 });
  bench.drive.wake();
  await until('in hand', async () => (await slot.handed(topicLane, 1)) === 1);
  isHeld = false;
  release(undefined);
  await until('overtaken', () => hasGot(20_000));
  const place = sent.findIndex((id) => id.startsWith('gabc-20000-'));
  assert.ok(
    place <= takeMax,
    `${String(place)} routine messages went before it: at most the batch that was out`,
  );

  await until('the last one', () => hasGot(10_000), 20_000);
  const during = sent.slice(floodedAt, sent.findIndex((id) => id.startsWith('gabc-10000-')) + 1);
  const routineLeft = during.filter((id) => Number(id.split('-')[1]) <= 10_000).length;
  assert.ok(routineLeft > 256 && during.length > 2 * routineLeft, 'most of what was served was urgent');
  assert.ok(during.length <= 16 * (routineLeft + 1), 'one of sixteen was not');
  const numbers = sent.map((id) => Number(id.split('-')[1])).filter((n) => n <= 10_000);
  assert.deepEqual(
    numbers,
    routine.map(({ n }) => n),
    'all of them, in order',
  );
  await drained(20_000);
  const { delivered, in: accepted } = await slot.counts();
  assert.equal(delivered, accepted);
});

test('a message whose time is over in hand is not sent, is counted expired, and its sender is told', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  await accept({ n: 1, ttlMs: 0 }, { n: 2, ttlMs: 300 }, 3);
  // The bus takes one message at a time and hangs on the first, so the second grows old in hand.
  const bench = await Bench.start(() => held, 1);
  await until('the second in hand', async () => (await slot.handed(topicLane, 4)) >= 2);
  await sleep(350);
  await until('the clock has moved', async () => {
    bench.drive.wake();
    await sleep(20);
    return (await slot.handed(topicLane, 4)) >= 3;
  });
  release(undefined);
  await drained();
  assert.deepEqual(seqs(await received()), [1, 3]);
  const { expired, delivered, dead } = await slot.counts();
  assert.deepEqual([expired, delivered, dead], [1, 2, 0]);
  assert.equal(await slot.redis.zcard(slot.queue.keys.due), 0);

  const [text = '', ...more] = await slot.told(sender);
  assert.deepEqual(more, []);
  assert.match(text, /^ER\.CAGWY0000\r\n/);
  assert.match(text, /\r\n\.73\. NOT DELIVERED IN TIME\r\n/);
  assert.match(text, /\r\n\*CTL00002\r\n/, 'the control field of what it is about');
  assert.match(text, /\d{2}:\d{2} \d{2}\/\d{2}\/\d{4} 00002\r\n/, 'and its input count');
  const [notice] = await slot.waiting(senderLane);
  assert.deepEqual(
    [notice?.delivery.priorityClass, notice?.delivery.station, notice?.delivery.destination],
    [1, '', 'CA0990100'],
  );
  const told = (await slot.records()).filter(({ e }) => e === 'notice');
  assert.deepEqual(
    told.map((record) => (record.e === 'notice' ? [record.of, record.code, record.lane] : [])),
    [['gabc-2-0', 'DELIVER_EXPIRED', senderLane]],
  );
  const outcomes = (await slot.records()).flatMap((record) =>
    record.e === 'deliver' ? [`${String(record.seq)} ${record.o}`] : [],
  );
  assert.deepEqual(outcomes, ['1 delivered', '2 expired', '3 delivered']);
});

test('a dead letter is told to its sender; a notice that dies is not, nor one nobody is known to have sent', async () => {
  const beyond = { recipients: ['nobody'] };
  await accept(
    { n: 1, delivery: beyond },
    { n: 2, delivery: { ...beyond, isNotice: true } },
    { n: 3, delivery: { ...beyond, station: '' } },
  );
  await Bench.start();
  await drained();
  assert.equal((await slot.counts()).dead, 3);
  const [text = '', ...more] = await slot.told(sender);
  assert.deepEqual(more, []);
  assert.match(text, /\r\n\.74\. COULD NOT BE DELIVERED\r\n/);
  assert.match(text, /\r\n\*CTL00001\r\n/);
  assert.match(text, /ORIGINAL MESSAGE\r\nAM\.CA0990100\.NV0990300/);
});

test('the sender of a body that does not open is told all the same, without a quotation', async () => {
  const broken = slot.entry({ n: 1 });
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
  await accept({ n: 1, raw: broken });
  await Bench.start();
  await drained();
  const [text = ''] = await slot.told(sender);
  assert.match(text, /\.74\. COULD NOT BE DELIVERED/);
  assert.ok(!text.includes('MESSAGE 1'));
});

test('bodies stored once are read and sent and counted down; one that is missing makes a dead letter', async () => {
  const shared = (n: number): Sent => ({ n, isShared: true });
  const other = { deliveryId: 'gabc-7-1' };
  await slot.accept(
    [shared(7), { ...shared(7), delivery: other }, { n: 1 }, shared(8)],
    [
      { messageId: 'gabc-7', references: 3, sealed: slot.seal({ n: 7 }) },
      { messageId: 'gabc-8', references: 1, sealed: slot.seal({ n: 8 }) },
    ],
  );
  await slot.redis.del(slot.queue.keys.body('gabc-8'));
  await Bench.start();
  await drained();
  const messages = await received();
  assert.deepEqual(deliveries(messages), ['gabc-7-0', 'gabc-7-1', 'gabc-1-0']);
  assert.ok(messages.every(({ body }) => Buffer.isBuffer(body) && body.length > textOf(7).length));
  assert.deepEqual(await deadCodes(), ['4 VAULT_SEAL_BROKEN']);
  assert.equal(
    await slot.redis.hget(slot.queue.keys.body('gabc-7'), 'n'),
    '1',
    'two of three references gone',
  );
  await slot.accept([{ ...shared(7), delivery: { deliveryId: 'gabc-7-2' } }]);
  await drained();
  assert.equal(await slot.redis.exists(slot.queue.keys.body('gabc-7')), 0, 'gone with the last one');
});

test('a dead letter keeps its shared body', async () => {
  const dead: Sent = { n: 7, isShared: true, delivery: { recipients: ['nobody'] } };
  await slot.accept([dead], [{ messageId: 'gabc-7', references: 1, sealed: slot.seal({ n: 7 }) }]);
  await Bench.start();
  await drained();
  assert.equal((await slot.counts()).dead, 1);
  assert.equal(await slot.redis.hget(slot.queue.keys.body('gabc-7'), 'n'), '1');
});
