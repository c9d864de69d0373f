import { setTimeout as sleep } from 'node:timers/promises';
import { clientFor } from '../../client/bus-access.ts';
import type { KeySource } from '../../client/key-source.ts';
import type { Received } from '../../client/received.ts';
import { type Notice, Subscriber } from '../../client/subscriber.ts';
import type { BusFault, Faults } from '../faults/faults.ts';

/** One car or desk: the subscription it reads. */
export type WatchedSubscription = { readonly topic: string; readonly subscription: string };

export type WatchEvent =
  | { readonly kind: 'received'; readonly from: WatchedSubscription; readonly message: Received }
  | { readonly kind: 'notice'; readonly from: WatchedSubscription; readonly notice: Notice }
  | { readonly kind: 'fault'; readonly fault: BusFault['fault'] };

export type WatchOptions = {
  readonly connectionString: string;
  readonly keys: KeySource;
  readonly subscriptions: readonly WatchedSubscription[];
  readonly faults: Faults<BusFault>;
  readonly onEvent: (event: WatchEvent) => void;
  /** Called by the fault `crash`: ends the process without settling anything. */
  readonly crash: () => void;
};

/** A dead letter as the bus tells it; its body stays sealed. */
export type DeadOnBus = { readonly messageId: string; readonly reason: string };

/** Dead letters looked at in one call. */
export const deadShownMax = 100;
/** Longer than any lock: what is held until then has been given to somebody else. */
const neverMs = 600_000;

/** Cars on the client library that MDT developers use, each with faults of its own choosing. */
export class MdtWatch {
  readonly #options: WatchOptions;
  readonly #subscribers: readonly Subscriber[];
  readonly #stopping = new AbortController();

  constructor(options: WatchOptions) {
    this.#options = options;
    const { connectionString, keys, subscriptions, onEvent } = options;
    this.#subscribers = subscriptions.map(
      (from) =>
        new Subscriber({
          connectionString,
          ...from,
          keys,
          onMessage: (message) => this.#take(from, message),
          onNotice: (notice) => {
            onEvent({ kind: 'notice', from, notice });
          },
        }),
    );
  }

  start(): void {
    for (const subscriber of this.#subscribers) subscriber.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.stop()));
  }

  async #take(from: WatchedSubscription, message: Received): Promise<void> {
    const { faults, onEvent, crash } = this.#options;
    onEvent({ kind: 'received', from, message });
    for (const fault of faults.next()) {
      onEvent({ kind: 'fault', fault: fault.fault });
      if (fault.fault === 'slow') await this.#pause(fault.ms);
      else if (fault.fault === 'crash') crash();
      else {
        if (fault.fault === 'silent') await this.#pause(neverMs);
        // Also who kept it silently must not take it off the bus when it is stopped.
        throw new Error('given back on purpose');
      }
    }
  }

  /** Ends early when it is stopped. */
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

/** The dead letters of a subscription, the oldest hundred; none of them is taken off. */
export async function deadOnBus(
  connectionString: string,
  { topic, subscription }: WatchedSubscription,
): Promise<readonly DeadOnBus[]> {
  const client = clientFor({ connectionString });
  try {
    const receiver = client.createReceiver(topic, subscription, { subQueueType: 'deadLetter' });
    const letters = await receiver.peekMessages(deadShownMax);
    return letters.map(({ messageId, deadLetterReason }) => ({
      messageId: typeof messageId === 'string' ? messageId : '',
      reason: deadLetterReason ?? '',
    }));
  } finally {
    await client.close();
  }
}
