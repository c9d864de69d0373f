import type { BusLog, EntityChange } from './bus-log.ts';
import type { EmulatorConfig } from './emulator-config.ts';
import {
  deletion,
  readDefinition,
  ruleChange,
  rulePath,
  subscriptionChange,
  topicChange,
} from './entity-change.ts';
import { entityPath } from './entity-path.ts';
import {
  queueSettingsOf,
  type SubscriptionSettings,
  subscriptionSettingsOf,
  topicSettingsOf,
} from './entity-settings.ts';
import type { NotMade } from './namespace-quota.ts';
import * as quota from './namespace-quota.ts';
import type { Queue } from './queue.ts';
import type { RoomLimits } from './room.ts';
import { type Rule, ruleFrom, trueRule } from './rule.ts';
import { ruleOf } from './rule-definition.ts';
import { StandInError } from './stand-in-error.ts';
import type { Subscription } from './subscription.ts';
import { Topic, type TopicDefinition } from './topic.ts';

/** An address a link can name: where it leads, and whether it asks for the entity's `$management` node. */
export type Address = {
  /** Where messages are sent to: a topic, or a queue's sending side. */
  readonly topic: Topic | undefined;
  readonly subscription: Subscription | undefined;
  readonly queue: Queue | undefined;
  readonly isManagement: boolean;
};

/** How often idle entities are looked for; they may idle for five minutes and more. */
const idleEveryMs = 1_000;

/** All topics and queues of the namespace, found by address; names are compared without case. */
export class Entities {
  /** Queues too: they share the topics' names. In lower case. */
  readonly topics = new Map<string, Topic>();
  readonly #queues = new Map<string, Queue>();
  readonly #limits: RoomLimits;
  readonly #log: BusLog;
  #idleLookedAtMs = 0;

  constructor(config: EmulatorConfig, limits: RoomLimits, log: BusLog) {
    this.#limits = limits;
    this.#log = log;
    for (const { Queues, Topics } of config.UserConfig.Namespaces) {
      for (const queue of Queues)
        this.#addTopic(queue.Name, { kind: 'queue', settings: queueSettingsOf(queue) });
      for (const one of Topics) {
        const topic = this.#addTopic(one.Name, { kind: 'topic', settings: topicSettingsOf(one) });
        for (const each of one.Subscriptions) {
          const rules = each.Rules.length === 0 ? [trueRule] : each.Rules.map(ruleFrom);
          this.#addSubscription(topic, each.Name, subscriptionSettingsOf(each), rules);
        }
      }
    }
  }

  /** Reads `topic[/$management]` and `(queue|topic/Subscriptions/name)[/$DeadLetterQueue][/$management]`. */
  find(address: string): Address {
    let path = address.toLowerCase().replace(/^\/+/, '');
    const isManagement = path.endsWith('/$management');
    if (isManagement) path = path.slice(0, path.lastIndexOf('/'));
    const isDeadLetters = path.endsWith('/$deadletterqueue');
    if (isDeadLetters) path = path.slice(0, path.lastIndexOf('/'));
    const { topic: topicName, subscription: name, rule } = entityPath(path);
    const found = rule === undefined ? this.topics.get(topicName) : undefined;
    const subscription = name === undefined ? undefined : found?.subscriptions.get(name);
    const received = name === undefined ? found?.queue : subscription?.queue;
    const queue = isDeadLetters ? received?.deadLetters : received;
    const topic = name === undefined && !isDeadLetters ? found : undefined;
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

  /** Paths of all entities and rules, in lower case. */
  *paths(): Generator<string> {
    for (const topic of this.topics.values()) yield topic.path.toLowerCase();
    for (const { subscription } of this.subscriptions()) {
      yield subscription.path.toLowerCase();
      for (const { name } of subscription.rules.values())
        yield rulePath(subscription.path, name).toLowerCase();
    }
  }

  /** Ends locks, messages, duplicate windows and idle entities whose time is over, and enqueues what is due. */
  sweep(nowMs: number): void {
    for (const topic of this.topics.values()) {
      topic.sweep(nowMs);
      topic.queue?.sweep(nowMs);
    }
    for (const { subscription } of this.subscriptions()) subscription.queue.sweep(nowMs);
    if (nowMs - this.#idleLookedAtMs < idleEveryMs) return;
    this.#idleLookedAtMs = nowMs;
    for (const { topic, subscription } of [...this.subscriptions()])
      if (subscription.isIdle(nowMs)) this.deleteSubscription(topic, subscription);
    for (const topic of [...this.topics.values()]) if (topic.isIdle(nowMs)) this.deleteTopic(topic);
  }

  /** Makes a topic or queue at run time. */
  createTopic(path: string, definition: TopicDefinition): Topic | NotMade {
    if (this.topics.has(path.toLowerCase())) return quota.alreadyThere(path);
    const full = quota.roomForTopic(this.topics.size, this.#queues.size, definition.kind);
    if (full !== undefined) return full;
    this.#log.entity(topicChange('created', path, definition));
    return this.#addTopic(path, definition);
  }

  /** Gives a topic or queue other settings. */
  configureTopic(topic: Topic, definition: TopicDefinition): void {
    topic.configure(definition);
    topic.times.changed(Date.now());
    this.#log.entity(topicChange('changed', topic.path, definition));
  }

  /** Deletes a topic with its subscriptions, or a queue, and all they hold. */
  deleteTopic(topic: Topic): void {
    this.#dropTopic(topic);
    this.#log.entity(deletion(topic.path));
  }

  createSubscription(
    topic: Topic,
    name: string,
    settings: SubscriptionSettings,
    rule: Rule,
  ): Subscription | NotMade {
    const there = topic.subscriptions.get(name.toLowerCase());
    if (there !== undefined) return quota.alreadyThere(there.path);
    const full =
      quota.roomForSubscription(topic, this.#queues.size) ?? quota.roomForRule(topic, rule.filter.kind);
    if (full !== undefined) return full;
    const subscription = this.#addSubscription(topic, name, settings, [rule]);
    this.#log.entity(subscriptionChange('created', subscription.path, settings));
    this.#log.entity(ruleChange(subscription.path, rule));
    return subscription;
  }

  configureSubscription(topic: Topic, subscription: Subscription, settings: SubscriptionSettings): void {
    topic.configureSubscription(subscription, settings);
    subscription.times.changed(Date.now());
    this.#log.entity(subscriptionChange('changed', subscription.path, settings));
  }

  deleteSubscription(topic: Topic, subscription: Subscription): void {
    this.#dropSubscription(topic, subscription);
    this.#log.entity(deletion(subscription.path));
  }

  addRule(subscription: Subscription, rule: Rule): NotMade | undefined {
    if (subscription.rules.get(rule.name) !== undefined)
      return quota.alreadyThere(rulePath(subscription.path, rule.name));
    return this.replaceRule(subscription, rule);
  }

  /** Adds the rule, or puts it in the place of the one of its name. */
  replaceRule(subscription: Subscription, rule: Rule): NotMade | undefined {
    const topic = this.topics.get(entityPath(subscription.path).topic.toLowerCase());
    const isSameKind = subscription.rules.get(rule.name)?.filter.kind === rule.filter.kind;
    const full = isSameKind || topic === undefined ? undefined : quota.roomForRule(topic, rule.filter.kind);
    if (full !== undefined) return full;
    subscription.rules.set(rule);
    subscription.times.changed(Date.now());
    this.#log.entity(ruleChange(subscription.path, rule));
    return undefined;
  }

  /** False when there is none of this name. */
  deleteRule(subscription: Subscription, name: string): boolean {
    const rule = subscription.rules.get(name);
    if (rule === undefined) return false;
    subscription.rules.delete(name);
    subscription.times.changed(Date.now());
    this.#log.entity(deletion(rulePath(subscription.path, rule.name)));
    return true;
  }

  /** Runs `then` when every change so far is in the log. */
  whenWritten(then: () => void): void {
    this.#log.whenWritten(then);
  }

  /** Does again what the log says was done; what was done to something no longer in the file is passed over. */
  apply(change: EntityChange): void {
    const { topic: topicName, subscription: name, rule } = entityPath(change.path);
    const topic = this.topics.get(topicName.toLowerCase());
    const subscription = name === undefined ? undefined : topic?.subscriptions.get(name.toLowerCase());
    if (rule !== undefined) {
      if (subscription !== undefined) applyToRule(subscription, rule, change);
    } else if (name !== undefined) {
      if (topic !== undefined) this.#applyToSubscription(topic, name, subscription, change);
    } else this.#applyToTopic(topicName, topic, change);
  }

  #applyToTopic(path: string, there: Topic | undefined, { kind, definition: text }: EntityChange): void {
    const definition = kind === 'deleted' ? undefined : readDefinition(text);
    if (kind !== 'changed' && there !== undefined) this.#dropTopic(there);
    if (definition?.kind !== 'topic' && definition?.kind !== 'queue') return;
    if (kind === 'created') this.#addTopic(path, definition);
    else there?.configure(definition);
  }

  #applyToSubscription(
    topic: Topic,
    name: string,
    there: Subscription | undefined,
    { kind, definition: text }: EntityChange,
  ): void {
    const definition = kind === 'deleted' ? undefined : readDefinition(text);
    if (kind !== 'changed' && there !== undefined) this.#dropSubscription(topic, there);
    if (definition?.kind !== 'subscription') return;
    if (kind === 'created') this.#addSubscription(topic, name, definition.settings, []);
    else if (there !== undefined) topic.configureSubscription(there, definition.settings);
  }

  #addTopic(path: string, definition: TopicDefinition): Topic {
    const topic = new Topic(path, definition, this.#limits, this.#log);
    this.topics.set(path.toLowerCase(), topic);
    if (topic.queue !== undefined) this.#register(topic.queue);
    return topic;
  }

  #addSubscription(
    topic: Topic,
    name: string,
    settings: SubscriptionSettings,
    rules: Iterable<Rule>,
  ): Subscription {
    const subscription = topic.addSubscription(name, settings, rules);
    this.#register(subscription.queue);
    return subscription;
  }

  #dropTopic(topic: Topic): void {
    for (const { queue } of topic.subscriptions.values()) this.#unregister(queue);
    if (topic.queue !== undefined) this.#unregister(topic.queue);
    this.topics.delete(topic.path.toLowerCase());
    topic.drop();
  }

  #dropSubscription(topic: Topic, subscription: Subscription): void {
    topic.subscriptions.delete(subscription.name.toLowerCase());
    this.#unregister(subscription.queue);
    subscription.drop();
  }

  #register(queue: Queue): void {
    this.#queues.set(queue.path, queue);
    if (queue.deadLetters !== undefined) this.#queues.set(queue.deadLetters.path, queue.deadLetters);
  }

  #unregister(queue: Queue): void {
    this.#queues.delete(queue.path);
    if (queue.deadLetters !== undefined) this.#queues.delete(queue.deadLetters.path);
  }
}

function applyToRule({ rules }: Subscription, name: string, { kind, definition: text }: EntityChange): void {
  if (kind === 'deleted') {
    rules.delete(name);
    return;
  }
  const definition = readDefinition(text);
  const made = definition.kind === 'rule' ? ruleOf(definition) : undefined;
  if (made?.ok !== true) throw new StandInError('STAND_IN_LOG', 'the log holds a rule that cannot be read');
  rules.set(made.rule);
}
