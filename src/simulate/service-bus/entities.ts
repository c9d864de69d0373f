import type { BusLog } from './bus-log.ts';
import type { EmulatorConfig } from './emulator-config.ts';
import type { Queue } from './queue.ts';
import type { RoomLimits } from './room.ts';
import { type Subscription, Topic } from './topic.ts';

/** An address a link can name: where it leads, and whether it asks for the entity's `$management` node. */
export type Address = {
  /** Where messages are sent to: a topic, or a queue's sending side. */
  readonly topic: Topic | undefined;
  readonly subscription: Subscription | undefined;
  readonly queue: Queue | undefined;
  readonly isManagement: boolean;
};

/** All topics and queues of the namespace, found by address; names are compared without case. */
export class Entities {
  /** Queues too: they share the topics' names. */
  readonly topics = new Map<string, Topic>();
  readonly #queues = new Map<string, Queue>();

  constructor(config: EmulatorConfig, limits: RoomLimits, log: BusLog) {
    for (const { Queues, Topics } of config.UserConfig.Namespaces) {
      for (const topic of [...Queues, ...Topics])
        this.topics.set(topic.Name.toLowerCase(), new Topic(topic, limits, log));
    }
    for (const topic of this.topics.values()) {
      const queues = [...topic.subscriptions.values()].map(({ queue }) => queue);
      for (const queue of topic.queue === undefined ? queues : [topic.queue]) {
        this.#queues.set(queue.path, queue);
        if (queue.deadLetters !== undefined) this.#queues.set(queue.deadLetters.path, queue.deadLetters);
      }
    }
  }

  /** Reads `topic[/$management]` and `(queue|topic/Subscriptions/name)[/$DeadLetterQueue][/$management]`. */
  find(address: string): Address {
    const parts = address.toLowerCase().replace(/^\/+/, '').split('/');
    const isManagement = parts.at(-1) === '$management';
    if (isManagement) parts.pop();
    const isDeadLetters = parts.at(-1) === '$deadletterqueue';
    if (isDeadLetters) parts.pop();
    const [topicName = '', kind, name = '', ...rest] = parts;
    const found = rest.length > 0 ? undefined : this.topics.get(topicName);
    const subscription = kind === 'subscriptions' ? found?.subscriptions.get(name) : undefined;
    const received = kind === undefined ? found?.queue : subscription?.queue;
    const queue = isDeadLetters ? received?.deadLetters : received;
    const topic = kind === undefined && !isDeadLetters ? found : undefined;
    return { topic, subscription, queue, isManagement };
  }

  *subscriptions(): Generator<{ readonly topic: Topic; readonly subscription: Subscription }> {
    for (const topic of this.topics.values()) {
      for (const subscription of topic.subscriptions.values()) yield { topic, subscription };
    }
  }

  /** Every queue by its path, dead-letter queues included. */
  queues(): ReadonlyMap<string, Queue> {
    return this.#queues;
  }

  /** Ends locks, messages and duplicate windows whose time is over, and enqueues what is due. */
  sweep(nowMs: number): void {
    for (const topic of this.topics.values()) {
      topic.sweep(nowMs);
      topic.queue?.sweep(nowMs);
    }
    for (const { subscription } of this.subscriptions()) subscription.queue.sweep(nowMs);
  }
}
