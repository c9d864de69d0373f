import {
  RetryMode,
  ServiceBusClient,
  type ServiceBusMessage,
  type ServiceBusMessageBatch,
  type ServiceBusSender,
} from '@azure/service-bus';
import { Fault } from '../message/codes.ts';
import { batchFrontRoom, batchRoom, type BusMessage, encodeBatch, encodeMessage } from './amqp-message.ts';
import { classifyBusFault } from './bus-faults.ts';
import { watchDrop } from './connection-drop.ts';
import { ConnectionRemains } from './connection-remains.ts';

export type { BusMessage, BusProperties } from './amqp-message.ts';
export { type BusFault, type BusFaultClass, classifyBusFault } from './bus-faults.ts';
export { busMessage } from './bus-message.ts';
export { type HoldAdvice, HoldPolicy } from './hold-policy.ts';

/** A message encoded once; `room` is what it adds to a batch. */
export type ReadyMessage = { readonly message: BusMessage; readonly encoded: Buffer; readonly room: number };

export type BusOptions = {
  readonly connectionString: string;
  readonly timeoutMs: number;
  /** Bytes of one batch, encoded, where the link would take more. The tightest of both holds. */
  readonly batchBytesMax: number;
};

/** For a link that was never open or names no limit: every tier takes this (Standard tier's is 256 KiB). */
const UNKNOWN_LINK_BYTES_MAX = 240 * 1024;
/** Left free under a link's own limit: what a bus adds to a batch of its own accord is nowhere written. */
const LINK_SPARE_BYTES = 4096;

/**
 * The deliver room's door to Service Bus: one client a process, one sender a topic, one batch at a time as the caller asks.
 * The SDK keeps link, authentication and tokens; retry is ours, because the SDK does not retry a refused connection and waits out
 * 60 s after a dropped one. Every send ends within `timeoutMs`, by success or by a throw that `classifyBusFault` reads.
 */
export class TopicBus {
  readonly #client: ServiceBusClient;
  readonly #remains: ConnectionRemains;
  readonly #senders = new Map<string, TopicSender>();
  readonly #options: BusOptions;

  constructor(options: BusOptions) {
    this.#options = options;
    this.#client = new ServiceBusClient(options.connectionString, {
      identifier: 'tenfour-courier',
      retryOptions: {
        mode: RetryMode.Fixed,
        maxRetries: 0,
        retryDelayInMs: 100,
        timeoutInMs: options.timeoutMs,
      },
    });
    this.#remains = new ConnectionRemains(this.#client);
  }

  topic(name: string): TopicSender {
    const known = this.#senders.get(name);
    if (known !== undefined) return known;
    const sender = new TopicSender(this.#client, name, this.#options, this.#remains);
    this.#senders.set(name, sender);
    return sender;
  }

  async close(): Promise<void> {
    await this.#client.close();
    this.#remains.close();
  }
}

export class TopicSender {
  readonly #client: ServiceBusClient;
  readonly #topic: string;
  readonly #options: BusOptions;
  readonly #remains: ConnectionRemains;
  #sender: ServiceBusSender;
  #isOpened = false;
  #wasOut = false;
  #isShapeKnown = false;
  #linkBytesMax = UNKNOWN_LINK_BYTES_MAX;

  constructor(
    client: ServiceBusClient,
    topic: string,
    options: BusOptions,
    remains = new ConnectionRemains(client),
  ) {
    this.#remains = remains;
    this.#client = client;
    this.#topic = topic;
    this.#options = options;
    this.#sender = client.createSender(topic);
  }

  /** Encodes once. Throws TypeError or RangeError for what AMQP cannot carry: a fault of class `message`. */
  ready(message: BusMessage): ReadyMessage {
    const encoded = encodeMessage(message);
    return { message, encoded, room: batchRoom(encoded) };
  }

  /**
   * How many of these, from the first, fit one batch: at most what the link said when it was last opened. At least one: a message too
   * large alone is the bus's to refuse.
   */
  fitting(messages: readonly ReadyMessage[]): number {
    const first = messages[0];
    if (first === undefined) return 0;
    const bytesMax = Math.min(this.#options.batchBytesMax, this.#linkBytesMax);
    let room = batchFrontRoom(first.message, first.encoded);
    let count = 0;
    for (const { room: needed } of messages) {
      if (count > 0 && room + needed > bytesMax) break;
      room += needed;
      count += 1;
    }
    return count;
  }

  /** The last send had begun to write when it failed, so the bus may have the batch. Before that it certainly has not. */
  get wasOut(): boolean {
    return this.#wasOut;
  }

  /** Sends one batch and resolves when the bus has accepted all of it. After a failure the link is made anew for the next try. */
  async send(messages: readonly ReadyMessage[]): Promise<void> {
    const first = messages[0];
    if (first === undefined) return;
    this.#wasOut = false;
    this.#remains.tidy();
    try {
      await within(this.#options.timeoutMs, this.#client, (abortSignal) =>
        this.#attempt(first, messages, abortSignal),
      );
    } catch (error) {
      this.#remake();
      throw error;
    }
  }

  async #attempt(
    first: ReadyMessage,
    messages: readonly ReadyMessage[],
    abortSignal: AbortSignal,
  ): Promise<void> {
    const sender = this.#sender;
    if (!this.#isOpened) {
      const batch = await opened(sender, abortSignal);
      this.#isShapeKnown = hasBatchShape(batch);
      this.#linkBytesMax = linkBytesMax(batch);
      this.#isOpened = true;
    }
    const batch = this.#isShapeKnown ? encodedBatch(first, messages) : messages.map(plain);
    this.#wasOut = true;
    await sender.sendMessages(batch, { abortSignal });
  }

  /** The SDK's sender may wait on a dead link for its whole timeout, so a failed one is not used again. */
  #remake(): void {
    const old = this.#sender;
    this.#isOpened = false;
    this.#remains.dropUnopened();
    this.#sender = this.#client.createSender(this.#topic);
    // Nobody waits for it: closing a link whose peer is silent takes as long as a send. It was broken already.
    old.close().catch(() => undefined);
  }
}

/**
 * Opens the sender's link. What goes wrong for no reason the SDK can name (its "Failed to connect" carries no code) is the link's doing:
 * no message was out yet, so none may be suspected.
 */
const opened = async (
  sender: ServiceBusSender,
  abortSignal: AbortSignal,
): Promise<ServiceBusMessageBatch> => {
  try {
    return await sender.createMessageBatch({ abortSignal });
  } catch (cause) {
    if (classifyBusFault(cause).class !== 'unknown') throw cause;
    throw new Fault('DELIVER_LINK', 'no link to the bus', { cause });
  }
};

/** A link's max-message-size covers the whole batch. AMQP lets it be absent or 0 (no limit), which nobody should try to fill. */
const linkBytesMax = ({ maxSizeInBytes }: Partial<ServiceBusMessageBatch>): number =>
  maxSizeInBytes === undefined || !(maxSizeInBytes > 0)
    ? UNKNOWN_LINK_BYTES_MAX
    : maxSizeInBytes - LINK_SPARE_BYTES;

/** The SDK has waits that no signal reaches (opening a connection, asking for a token); ours end all the same. */
const within = async (
  ms: number,
  client: ServiceBusClient,
  attempt: (signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const controller = new AbortController();
  const { promise: lost, reject } = Promise.withResolvers<never>();
  const end = (why: string): void => {
    reject(new Fault('DELIVER_LINK', why));
    controller.abort();
  };
  const timer = setTimeout(() => {
    end('the bus did not settle the batch in time');
  }, ms);
  const unwatch = watchDrop(client, () => {
    end('the connection to the bus was lost with a batch out');
  });
  try {
    await Promise.race([attempt(controller.signal), lost]);
  } finally {
    clearTimeout(timer);
    unwatch();
  }
};

/** The public form, used when this version of the SDK does not have the internal shape: slower, same result. */
const plain = ({ message }: ReadyMessage): ServiceBusMessage => ({
  messageId: message.messageId,
  subject: message.subject,
  contentType: message.contentType,
  applicationProperties: message.properties,
  body: message.body,
});

/** Two internal names of SDK 7.9.5 (pinned) that let it send bytes we encoded; a contract test holds them. */
type BatchShape = { readonly _messageSpanContexts: readonly never[]; _generateMessage(): Buffer };

const hasBatchShape = (batch: object): boolean => {
  const shape = batch as Partial<Record<keyof BatchShape, unknown>>;
  return Array.isArray(shape._messageSpanContexts) && typeof shape._generateMessage === 'function';
};

const encodedBatch = (first: ReadyMessage, messages: readonly ReadyMessage[]): ServiceBusMessageBatch => {
  const bytes = encodeBatch(
    first.message,
    messages.map(({ encoded }) => encoded),
  );
  const batch: ServiceBusMessageBatch & BatchShape = {
    count: messages.length,
    sizeInBytes: bytes.length,
    maxSizeInBytes: bytes.length,
    tryAddMessage: () => false,
    _messageSpanContexts: [],
    _generateMessage: () => bytes,
  };
  return batch;
};
