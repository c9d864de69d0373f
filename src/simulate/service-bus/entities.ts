import type { BusLog } from './bus-log.ts';
import type { EmulatorConfig } from './emulator-config.ts';
import type { Queue } from './queue.ts';
import { type QueueLimits, type Subscription, Topic } from './topic.ts';

/** An address a link can name: where it leads, and whether it asks for the entity's `$management` node. */
export type Address = {
  readonly topic: Topic | undefined;
  readonly subscription: Subscription | undefined;
  readonly queue: Queue | undefined;
  readonly isManagement: boolean;
};

/** All topics of the namespace, found by address; names are compared without case. */
export class Entities {
  readonly topics = new Map<string, Topic>();

  constructor(config: EmulatorConfig, limits: QueueLimits, log: BusLog) {
    for (const { Topics } of config.UserConfig.Namespaces) {
      for (const topic of Topics) this.topics.set(topic.Name.toLowerCase(), new Topic(topic, limits, log));
    }
  }

  /** Reads `topic[/Subscriptions/name[/$DeadLetterQueue]][/$management]`. */
  find(address: string): Address {
    const parts = address.toLowerCase().replace(/^\/+/, '').split('/');
    const isManagement = parts.at(-1) === '$management';
    if (isManagement) parts.pop();
    const isDeadLetters = parts.at(-1) === '$deadletterqueue';
    if (isDeadLetters) parts.pop();
    const [topicName = '', kind, name = '', ...rest] = parts;
    const topic = rest.length > 0 ? undefined : this.topics.get(topicName);
    const subscription = kind === 'subscriptions' ? topic?.subscriptions.get(name) : undefined;
    const queue = isDeadLetters ? subscription?.queue.deadLetters : subscription?.queue;
    return { topic: kind === undefined ? topic : undefined, subscription, queue, isManagement };
  }

  *subscriptions(): Generator<{ readonly topic: Topic; readonly subscription: Subscription }> {
    for (const topic of this.topics.values()) {
      for (const subscription of topic.subscriptions.values()) yield { topic, subscription };
    }
  }

  /** Every queue by its path, dead-letter queues included. */
  queues(): ReadonlyMap<string, Queue> {
    const found = new Map<string, Queue>();
    for (const { subscription } of this.subscriptions()) {
      found.set(subscription.queue.path, subscription.queue);
      const { deadLetters } = subscription.queue;
      if (deadLetters !== undefined) found.set(deadLetters.path, deadLetters);
    }
    return found;
  }

  /** Ends locks, messages and duplicate windows whose time is over. */
  sweep(nowMs: number): void {
    for (const topic of this.topics.values()) topic.duplicates?.forgetExpired(nowMs);
    for (const { subscription } of this.subscriptions()) subscription.queue.sweep(nowMs);
  }
}
