import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { ServiceBusClient, type ServiceBusMessage, type ServiceBusSender } from '@azure/service-bus';
import { receiveRaw, sendRaw } from './bus-raw.ts';

/**
 * What the stand-in costs, in a process of its own, driven by the unmodified SDK in this one; the SDK is single-threaded and saturates
 * first, so the rates are the SDK's and the CPU time a message is the broker's. The raw rows use the AMQP library below the SDK, which
 * asks more of the broker. Body 400 bytes, message id, content type, subject, two properties. Median of the rounds; the first is dropped.
 */
const BODY = Buffer.alloc(400, 'A');
const ROUNDS = 4;
const BATCH = 100;
const BATCHES_OUT = 4;
const SENDS_OUT = 256;
const SENT_BATCHED = 40_000;
const SENT_SINGLE = 20_000;
const RECEIVED = 20_000;
const RECEIVE_MAX = 500;

type Measured = {
  readonly name: string;
  readonly perSecond: number;
  readonly brokerUs: number;
  readonly goalUs: number | undefined;
};
type Usage = { readonly cpuUs: number; readonly rssMb: number };

export const benchBus = async (isJson: boolean): Promise<void> => {
  const child = fork(join(import.meta.dirname, 'bus-process.ts'), { serialization: 'json' });
  const [{ connection, port }] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('the stand-in did not start'))),
  ])) as [{ connection: string; port: number }];
  const client = new ServiceBusClient(connection);
  const say = (text: string): void => {
    if (isJson) console.error(text);
    else console.log(text);
  };
  say(
    `${String(cpus().length)} × ${cpus()[0]?.model ?? '?'}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1) ?? '?'}`,
  );
  try {
    const kept = client.createSender('kept');
    const unread = client.createSender('nobody-reads');
    const rows: Measured[] = [];
    const add = async (
      name: string,
      goalUs: number | undefined,
      count: number,
      run: () => Promise<void>,
      before?: () => Promise<void>,
    ): Promise<Measured> => {
      const measured = await rounds(child, count, run, before);
      const row = { name, goalUs, ...measured };
      rows.push(row);
      say(rowText(row));
      return row;
    };
    const fill = () => sendBatched(kept, RECEIVED);
    const drain = () => drained(client);
    const batched = await add(`SDK send, batches of ${String(BATCH)}, to nobody`, 3, SENT_BATCHED, () =>
      sendBatched(unread, SENT_BATCHED),
    );
    await add(
      `SDK send, batches of ${String(BATCH)}, kept in a queue`,
      undefined,
      SENT_BATCHED,
      () => sendBatched(kept, SENT_BATCHED),
      drain,
    );
    await add(`SDK send, single, ${String(SENDS_OUT)} out, to nobody`, 12, SENT_SINGLE, () =>
      sendSingle(unread, SENT_SINGLE),
    );
    await drain();
    const received = await add(
      'SDK peek-lock receive and complete',
      15,
      RECEIVED,
      () => receiveAndComplete(client, RECEIVED),
      fill,
    );
    await add('raw AMQP send, single, to nobody', 12, SENT_SINGLE, () =>
      sendRaw(port, 'nobody-reads', SENT_SINGLE, SENDS_OUT),
    );
    await add(
      'raw AMQP peek-lock receive and accept',
      15,
      RECEIVED,
      () => receiveRaw(port, 'kept', RECEIVED),
      fill,
    );
    const last = {
      sendPerSecond: batched.perSecond,
      receivePerSecond: received.perSecond,
      brokerCpuUsPerMessage: round(batched.brokerUs + received.brokerUs),
    };
    if (isJson) console.error('the last number is a batched send and its receive together');
    console.log(JSON.stringify(last));
  } finally {
    await client.close();
    child.disconnect();
  }
};

const rowText = ({ name, perSecond, brokerUs, goalUs }: Measured): string => {
  const goal =
    goalUs === undefined ? '' : ` (goal ${String(goalUs)}: ${brokerUs < goalUs ? 'met' : 'MISSED'})`;
  return `${name.padEnd(46)} ${String(perSecond).padStart(8)}/s  broker ${brokerUs.toFixed(1).padStart(5)} µs a message${goal}`;
};

const rounds = async (
  child: ChildProcess,
  count: number,
  run: () => Promise<void>,
  before?: () => Promise<void>,
): Promise<{ perSecond: number; brokerUs: number }> => {
  const each: { perSecond: number; brokerUs: number }[] = [];
  for (let at = 0; at < ROUNDS; at += 1) {
    await before?.();
    const from = await usage(child);
    const began = performance.now();
    await run();
    const ms = performance.now() - began;
    const to = await usage(child);
    each.push({
      perSecond: Math.round((count / ms) * 1_000),
      brokerUs: round((to.cpuUs - from.cpuUs) / count),
    });
  }
  const sorted = each.slice(1).toSorted((a, b) => a.brokerUs - b.brokerUs);
  return sorted[Math.floor(sorted.length / 2)] ?? { perSecond: 0, brokerUs: NaN };
};

const usage = async (child: ChildProcess): Promise<Usage> => {
  const answered = once(child, 'message');
  child.send('usage');
  return ((await answered) as [Usage])[0];
};

let sequence = 0;
const message = (): ServiceBusMessage => {
  sequence += 1;
  return {
    body: BODY,
    messageId: `bench-${String(sequence)}.1`,
    contentType: 'application/jose',
    subject: 'AM',
    applicationProperties: { messageKey: 'AM', laneSeq: sequence },
  };
};

/** `out` at once, until `count` messages in groups of `size` are sent. */
const sendAll = async (
  count: number,
  size: number,
  out: number,
  send: (messages: ServiceBusMessage[]) => Promise<void>,
): Promise<void> => {
  let left = count / size;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await send(Array.from({ length: size }, message));
    }
  };
  await Promise.all(Array.from({ length: out }, worker));
};
const sendBatched = (sender: ServiceBusSender, count: number) =>
  sendAll(count, BATCH, BATCHES_OUT, (messages) => sender.sendMessages(messages));
const sendSingle = (sender: ServiceBusSender, count: number) =>
  sendAll(count, 1, SENDS_OUT, ([one]) => (one === undefined ? Promise.resolve() : sender.sendMessages(one)));

const receiveAndComplete = async (client: ServiceBusClient, count: number): Promise<void> => {
  const receiver = client.createReceiver('kept', {
    maxAutoLockRenewalDurationInMs: 0,
    skipParsingBodyAsJson: true,
  });
  for (let got = 0; got < count; ) {
    const messages = await receiver.receiveMessages(Math.min(RECEIVE_MAX, count - got), {
      maxWaitTimeInMs: 5_000,
    });
    if (messages.length === 0) throw new Error('the queue ran dry');
    await Promise.all(messages.map((one) => receiver.completeMessage(one)));
    got += messages.length;
  }
  await receiver.close();
};

const drained = async (client: ServiceBusClient): Promise<void> => {
  const receiver = client.createReceiver('kept', { receiveMode: 'receiveAndDelete' });
  while ((await receiver.receiveMessages(1_000, { maxWaitTimeInMs: 200 })).length > 0);
  await receiver.close();
};

const round = (value: number): number => Math.round(value * 10) / 10;
