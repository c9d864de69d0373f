import type { BusClient } from '../bus/bus-client.ts';
import { SendLimit } from './send-limit.ts';
import { type SenderNotices, type SenderOptions, TopicSender } from './topic-sender.ts';

export { type BusFault, type BusFaultClass, classifyBusFault, isThrottled } from '../bus/bus-faults.ts';
export type { BusMessage, BusProperties } from './amqp-message.ts';
export { BatchCut } from './batch-cut.ts';
export { busMessage } from './bus-message.ts';
export { Circuit, type CircuitState } from './circuit.ts';
export { type HoldAdvice, HoldPolicy } from './hold-policy.ts';
export type { ReadyMessage } from './sdk-batch.ts';
export { type LinkReason, type SenderNotices, TopicSender } from './topic-sender.ts';

export type BusOptions = SenderOptions & {
  /** Batches out at once, all topics together. */
  readonly sendsMax: number;
};

/**
 * The deliver room's door to Service Bus: the process's one client, one sender a topic, one batch at a time as the caller asks.
 * The SDK keeps link, authentication and tokens; retry is ours, because the SDK does not retry a refused connection and waits out
 * 60 s after a dropped one. Every send ends within `timeoutMs`, by success or by a throw that `classifyBusFault` reads.
 */
export class TopicBus {
  readonly #client: BusClient;
  readonly #senders = new Map<string, TopicSender>();
  readonly #options: BusOptions;
  readonly #notices: SenderNotices;
  readonly #limit: SendLimit;

  constructor(
    client: BusClient,
    options: BusOptions,
    notices: SenderNotices & { readonly out?: (count: number) => void } = {},
  ) {
    this.#client = client;
    this.#options = options;
    this.#notices = notices;
    this.#limit = new SendLimit(options.sendsMax, notices.out);
  }

  topic(name: string): TopicSender {
    const known = this.#senders.get(name);
    if (known !== undefined) return known;
    const sender = new TopicSender(this.#client, name, this.#options, this.#limit, this.#notices);
    this.#senders.set(name, sender);
    return sender;
  }
}
