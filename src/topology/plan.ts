import {
  type BusEntities,
  filterText,
  fixedSettings,
  type FoundSubscription,
  type Values,
  wantedSubscriptionValues,
  wantedTopicValues,
} from './bus-entities.ts';
import type { Rule, Subscription, Topic, Topology } from './topology.ts';

export type Difference = { readonly name: string; readonly from: string; readonly to: string };

/** One thing that the bus must be told. A subscription is made with its first rule at once; the others are added to it. */
export type Change =
  | { readonly kind: 'topic-created'; readonly topic: Topic }
  | { readonly kind: 'topic-changed'; readonly topic: Topic; readonly differences: readonly Difference[] }
  | { readonly kind: 'subscription-created'; readonly topic: string; readonly subscription: Subscription }
  | {
      readonly kind: 'subscription-changed';
      readonly topic: string;
      readonly subscription: Subscription;
      readonly differences: readonly Difference[];
    }
  | ({ readonly kind: 'rule-added'; readonly rule: Rule } & RulePlace)
  | ({ readonly kind: 'rule-changed'; readonly rule: Rule; readonly from: string } & RulePlace)
  | ({ readonly kind: 'rule-removed'; readonly rule: string; readonly from: string } & RulePlace);

type RulePlace = { readonly topic: string; readonly subscription: string };
export type Extra = { readonly topic: string; readonly subscription: string };
/** `place`: a topic, or `topic/subscription`. */
export type Unchangeable = { readonly place: string; readonly differences: readonly Difference[] };

export type Plan = {
  readonly changes: readonly Change[];
  /** Differences in what the service cannot change afterwards. With one of them nothing is applied. */
  readonly unchangeable: readonly Unchangeable[];
  /** Subscriptions of our topics that the directory does not name. */
  readonly extra: readonly Extra[];
  /** Topics in the namespace that are none of ours; never touched, and no difference. */
  readonly otherTopics: readonly string[];
  readonly unchanged: { readonly topics: number; readonly subscriptions: number; readonly rules: number };
};

/** What is to be done so that the bus is as the topology says. Pure. */
export function planOf(topology: Topology, bus: BusEntities): Plan {
  const plan = new Planned();
  const found = new Map(bus.topics.map((topic) => [topic.name, topic]));
  for (const topic of topology.topics) {
    const there = found.get(topic.name);
    if (there === undefined) {
      plan.changes.push({ kind: 'topic-created', topic });
      for (const subscription of topic.subscriptions) plan.create(topic.name, subscription);
      continue;
    }
    plan.compareTopic(topic, there.values);
    plan.compareSubscriptions(topic, there.subscriptions);
  }
  return { ...plan.result(), otherTopics: bus.others };
}

export const isNothingToDo = ({ changes, unchangeable, extra }: Plan): boolean =>
  changes.length === 0 && unchangeable.length === 0 && extra.length === 0;

class Planned {
  readonly changes: Change[] = [];
  readonly #unchangeable: Unchangeable[] = [];
  readonly #extra: Extra[] = [];
  readonly #unchanged = { topics: 0, subscriptions: 0, rules: 0 };

  result(): Omit<Plan, 'otherTopics'> {
    const [unchangeable, extra, unchanged] = [this.#unchangeable, this.#extra, this.#unchanged];
    return { changes: this.changes, unchangeable, extra, unchanged };
  }

  create(topic: string, subscription: Subscription): void {
    this.changes.push({ kind: 'subscription-created', topic, subscription });
    for (const rule of subscription.rules.slice(1)) {
      this.changes.push({ kind: 'rule-added', topic, subscription: subscription.name, rule });
    }
  }

  compareTopic(topic: Topic, values: Values): void {
    const differences = this.#changeable(topic.name, wantedTopicValues(topic), values);
    if (differences.length > 0) this.changes.push({ kind: 'topic-changed', topic, differences });
    else this.#unchanged.topics += 1;
  }

  /** Names are compared without case, as the service compares them. */
  compareSubscriptions(topic: Topic, found: readonly FoundSubscription[]): void {
    const there = new Map(found.map((one) => [one.name.toLowerCase(), one]));
    for (const subscription of topic.subscriptions) {
      const own = there.get(subscription.name.toLowerCase());
      there.delete(subscription.name.toLowerCase());
      if (own === undefined) this.create(topic.name, subscription);
      else this.#compareSubscription(topic.name, subscription, own);
    }
    for (const { name } of there.values()) this.#extra.push({ topic: topic.name, subscription: name });
  }

  #compareSubscription(topic: string, subscription: Subscription, found: FoundSubscription): void {
    const place = `${topic}/${subscription.name}`;
    const differences = this.#changeable(place, wantedSubscriptionValues(subscription), found.values);
    if (differences.length > 0) {
      this.changes.push({ kind: 'subscription-changed', topic, subscription, differences });
    }
    const hasSameRules = this.#compareRules(topic, subscription, found);
    if (differences.length === 0 && hasSameRules) this.#unchanged.subscriptions += 1;
  }

  /** Rules are wholly ours: one too many gives a subscription what is somebody else's, so it is removed, after the others are right. */
  #compareRules(
    topic: string,
    { name: subscription, rules }: Subscription,
    found: FoundSubscription,
  ): boolean {
    const place: RulePlace = { topic, subscription };
    const before = this.changes.length;
    const there = new Map(found.rules.map((rule) => [rule.name.toLowerCase(), rule]));
    for (const rule of rules) {
      const own = there.get(rule.name.toLowerCase());
      there.delete(rule.name.toLowerCase());
      if (own === undefined) this.changes.push({ kind: 'rule-added', ...place, rule });
      else if (own.filter === filterText(rule.filter)) this.#unchanged.rules += 1;
      else this.changes.push({ kind: 'rule-changed', ...place, rule, from: own.filter });
    }
    for (const { name: rule, filter: from } of there.values()) {
      this.changes.push({ kind: 'rule-removed', ...place, rule, from });
    }
    return this.changes.length === before;
  }

  #changeable(place: string, wanted: Values, found: Values): readonly Difference[] {
    const differences = Object.entries(wanted)
      .map(([name, to]) => ({ name, from: found[name] ?? '', to }))
      .filter(({ from, to }) => from !== to);
    const fixed = differences.filter(({ name }) => fixedSettings.has(name));
    if (fixed.length > 0) this.#unchangeable.push({ place, differences: fixed });
    return differences.filter(({ name }) => !fixedSettings.has(name));
  }
}
