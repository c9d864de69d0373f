import {
  RetryMode,
  ServiceBusClient,
  type ServiceBusMessage,
  type ServiceBusMessageBatch,
  type ServiceBusSender,
} from '@azure/service-bus';
import { batchRoom, type BusMessage, encodeBatch, encodeMessage } from './amqp-message.ts';

export type { BusMessage, BusProperties } from './amqp-message.ts';
export { type BusFault, type BusFaultClass, classifyBusFault } from './bus-faults.ts';
export { busMessage } from './bus-message.ts';
export { type HoldAdvice, HoldPolicy } from './hold-policy.ts';

/** A message encoded once; `room` is what it adds to a batch. */
export type ReadyMessage = { readonly message: BusMessage; readonly encoded: Buffer; readonly room: number };

export type BusOptions = {
  readonly connectionString: string;
  readonly timeoutMs: number;
  /** Bytes of one batch, encoded. Standard tier takes 256 KiB. */
  readonly batchBytesMax: number;
};

const ENVELOPE_ROOM = 4096;

/**
 * The deliver room's door to Service Bus: one client a process, one sender a topic, one batch at a time as the caller asks.
 * The SDK keeps link, authentication and tokens; retry is ours, because the SDK does not retry a refused connection and waits out
 * 60 s after a dropped one. Every send ends within `timeoutMs`, by success or by a throw that `classifyBusFault` reads.
 */
export class TopicBus {
  readonly #client: ServiceBusClient;
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
  }

  topic(name: string): TopicSender {
    const known = this.#senders.get(name);
    if (known !== undefined) return known;
    const sender = new TopicSender(this.#client, name, this.#options);
    this.#senders.set(name, sender);
    return sender;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

export class TopicSender {
  readonly #client: ServiceBusClient;
  readonly #topic: string;
  readonly #options: BusOptions;
  #sender: ServiceBusSender;
  #isShapeKnown: boolean | undefined;

  constructor(client: ServiceBusClient, topic: string, options: BusOptions) {
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

  /** How many of these, from the first, fit one batch. At least one: a message too large alone is the bus's to refuse. */
  fitting(messages: readonly ReadyMessage[]): number {
    let room = ENVELOPE_ROOM;
    let count = 0;
    for (const { room: needed } of messages) {
      if (count > 0 && room + needed > this.#options.batchBytesMax) break;
      room += needed;
      count += 1;
    }
    return count;
  }

  /** Sends one batch and resolves when the bus has accepted all of it. After a failure the link is made anew for the next try. */
  async send(messages: readonly ReadyMessage[]): Promise<void> {
    const first = messages[0];
    if (first === undefined) return;
    const abortSignal = AbortSignal.timeout(this.#options.timeoutMs);
    try {
      await this.#sender.sendMessages(await this.#batch(first, messages), { abortSignal });
    } catch (error) {
      await this.#remake();
      throw error;
    }
  }

  async #batch(
    first: ReadyMessage,
    messages: readonly ReadyMessage[],
  ): Promise<ServiceBusMessageBatch | ServiceBusMessage[]> {
    this.#isShapeKnown ??= hasBatchShape(await this.#sender.createMessageBatch());
    if (!this.#isShapeKnown) return messages.map(({ message }) => plain(message));
    return encodedBatch(first, messages);
  }

  /** The SDK's sender may wait on a dead link for its whole timeout, so a failed one is not used again. */
  async #remake(): Promise<void> {
    const old = this.#sender;
    this.#sender = this.#client.createSender(this.#topic);
    try {
      await old.close();
    } catch {
      // It was broken already; the fault that brought us here is the one reported.
    }
  }
}

/** The public form, used when this version of the SDK does not have the internal shape: slower, same result. */
const plain = (message: BusMessage): ServiceBusMessage => ({
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
