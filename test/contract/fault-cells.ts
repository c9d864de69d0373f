import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceBusClient } from '@azure/service-bus';
import { BusClient } from '../../src/bus/bus-client.ts';
import { EntityReceiver } from '../../src/bus/receiving.ts';
import { TopicBus } from '../../src/deliver/deliver.ts';
import {
  connectionString,
  type FaultOrder,
  type ServiceBus,
} from '../../src/simulate/service-bus/service-bus.ts';

/** What meets a fault: the courier's sender, a receiver, a receiver of sessions; each as the product makes it. */
export const ways = ['send', 'receive', 'session'] as const;
export type Way = (typeof ways)[number];

/** One fault for one way, on a topic of its own. */
export type Cell = {
  readonly name: string;
  readonly way: Way;
  readonly topic: string;
  /** What to strike with; the entity is put in here. */
  readonly orders: readonly FaultOrder[];
};

export type Result = {
  /** The longest time from the strike on in which nothing got through. */
  readonly stoodStillMs: number;
  /** Messages accepted, those of them that came, and how many came more than once. */
  readonly accepted: number;
  readonly lost: readonly string[];
  readonly repeated: number;
  /** Failures and notices the product gave of it. */
  readonly told: number;
  readonly isRecovered: boolean;
  /** Each of the cell's faults met something of it. */
  readonly isStruck: boolean;
};

const everyMs = 60;
const timeoutMs = 2_000;
/** Messages that get through before the strike, and again after the fault is over. */
const steady = 4;
const recoveryMsMax = 20_000;
const drainMsMax = 12_000;
const strikeMsMax = 5_000;

/** The entity a cell's faults are for. */
export const entityOf = ({ way, topic }: Cell): string =>
  way === 'send' ? topic : `${topic}/Subscriptions/s`;

/** Messages under way in a cell, and when they got through. */
class Flow {
  readonly accepted = new Set<string>();
  readonly came = new Map<string, number>();
  readonly #times: number[] = [];
  told = 0;

  gotThrough(): void {
    this.#times.push(performance.now());
  }

  since(ms: number): number {
    return this.#times.filter((at) => at > ms).length;
  }

  receive(id: string): void {
    const times = this.came.get(id) ?? 0;
    this.came.set(id, times + 1);
    if (times === 0) this.gotThrough();
  }

  longestStillFrom(ms: number): number {
    const times = [ms, ...this.#times.filter((at) => at > ms)];
    return Math.max(...times.map((at, index) => at - (times[index - 1] ?? at)));
  }
}

/** Runs messages through a cell, strikes, waits until they flow again, and counts what became of each. */
export async function runCell(bus: ServiceBus, cell: Cell, steadyClient: ServiceBusClient): Promise<Result> {
  const flow = new Flow();
  const stopping = new AbortController();
  const work =
    cell.way === 'send'
      ? courier(bus, cell, flow, stopping.signal)
      : receiver(bus, cell, flow, steadyClient, stopping.signal);
  await until(() => flow.since(0) >= steady, recoveryMsMax);
  const struckAt = performance.now();
  let isStruck = true;
  // One that meets nobody, in the moment of a reconnect, is tried again.
  for (const order of cell.orders) isStruck &&= await until(() => strike(bus, cell, order), strikeMsMax);
  let overAt = Infinity;
  const isRecovered = await until(() => {
    if (overAt === Infinity && isOver(bus, cell)) overAt = performance.now();
    return flow.since(overAt) >= steady;
  }, recoveryMsMax);
  const stoodStillMs = isRecovered ? flow.longestStillFrom(struckAt) : Infinity;
  stopping.abort();
  await work;
  if (cell.way === 'send') await takeOff(cell, flow, steadyClient);
  const lost = [...flow.accepted].filter((id) => !flow.came.has(id));
  const repeated = [...flow.came.values()].filter((times) => times > 1).length;
  const { accepted, told } = flow;
  return { stoodStillMs, accepted: accepted.size, lost, repeated, told, isRecovered, isStruck };
}

/** What is done to links and connections at once, and to nobody when there are none. */
const atOnce = new Set<FaultOrder['fault']>(['drop', 'detach', 'rubbish', 'freeze', 'lose-session']);

/** Sets a switch; false when it met nobody. One that waits for operations is over only when it met them. */
function strike(bus: ServiceBus, cell: Cell, order: FaultOrder): boolean {
  const struck = () => bus.faults().struck[order.fault] ?? 0;
  const before = struck();
  // No connection is an entity's before it is there.
  const where = order.fault === 'refuse-connection' ? {} : { entity: entityOf(cell) };
  if (!bus.fault({ ...order, ...where })) throw new Error('too many switches are set');
  return !atOnce.has(order.fault) || order.afterTransfers !== undefined || struck() > before;
}

/** A frozen connection stays so: what is over is what strikes later operations. */
function isOver(bus: ServiceBus, cell: Cell): boolean {
  return !bus.faults().armed.some(({ order }) => order.entity === entityOf(cell) && order.fault !== 'freeze');
}

/** As a lane does: one batch at a time, the same one again until the bus has it. */
async function courier(bus: ServiceBus, { topic }: Cell, flow: Flow, stopping: AbortSignal): Promise<void> {
  const client = clientOf(bus);
  const options = { timeoutMs, batchBytesMax: 200_000, linkIdleMs: 240_000, sendsMax: 8 };
  const notices = { mute: () => flow.told++ };
  const sender = new TopicBus(client, options, notices).topic(topic);
  for (let at = 0; !stopping.aborted; at++) {
    const messageId = String(at);
    const empty = { subject: 'AM', contentType: 'text/plain', properties: {}, body: Buffer.from('x') };
    const batch = [sender.ready({ messageId, ...empty })];
    const isSent = await sender.send(batch).then(
      () => true,
      () => false,
    );
    if (isSent) {
      flow.accepted.add(messageId);
      flow.gotThrough();
    } else {
      flow.told++;
      at--;
    }
    await sleep(isSent ? everyMs : 2 * everyMs);
  }
  await client.close();
}

/** Fed by a client that meets no fault; ends when everything fed has come. */
async function receiver(
  bus: ServiceBus,
  { topic, way }: Cell,
  flow: Flow,
  steadyClient: ServiceBusClient,
  stopping: AbortSignal,
): Promise<void> {
  let client = clientOf(bus);
  const receiving = new EntityReceiver({
    client: () => client.sdk,
    // As a subscriber does.
    renewClient: () => {
      const old = client;
      old.remains.drop();
      client = clientOf(bus);
      setImmediate(() => void old.close());
      return Promise.resolve();
    },
    source: { topic, subscription: 's' },
    ...(way === 'session' ? { sessions: { max: 1 } } : {}),
    onBatch: async (messages, settle) => {
      for (const message of messages) {
        flow.receive(String(message.messageId));
        await settle.complete(message);
      }
    },
    onNotice: ({ kind }) => {
      if (kind !== 'received' && kind !== 'settled') flow.told++;
    },
  });
  receiving.start();
  const sender = steadyClient.createSender(topic);
  for (let at = 0; !stopping.aborted; at++) {
    const messageId = String(at);
    await sender.sendMessages({
      messageId,
      body: Buffer.from('x'),
      ...(way === 'session' ? { sessionId: 'one' } : {}),
    });
    flow.accepted.add(messageId);
    await sleep(everyMs);
  }
  await until(() => [...flow.accepted].every((id) => flow.came.has(id)), drainMsMax);
  await receiving.stop(1_000);
  await client.close();
}

const clientOf = (bus: ServiceBus): BusClient =>
  new BusClient(
    { kind: 'connection-string', connectionString: connectionString(bus.port) },
    { identifier: 'fault-cell', timeoutMs },
  );

/** Receives what the topic took, until everything accepted is there. */
async function takeOff({ topic }: Cell, flow: Flow, client: ServiceBusClient): Promise<void> {
  const receiver = client.createReceiver(topic, 's', { receiveMode: 'receiveAndDelete' });
  const endsAt = performance.now() + drainMsMax;
  let isMore = true;
  while (isMore && performance.now() < endsAt) {
    const messages = await receiver.receiveMessages(500, { maxWaitTimeInMs: 300 });
    for (const { messageId } of messages) flow.receive(String(messageId));
    isMore = messages.length > 0 || [...flow.accepted].some((id) => !flow.came.has(id));
  }
  await receiver.close();
}

async function until(isSo: () => boolean, withinMs: number): Promise<boolean> {
  const endsAt = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() > endsAt) return false;
    await sleep(20);
  }
  return true;
}
