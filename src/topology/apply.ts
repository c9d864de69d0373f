import { Fault } from '../message/codes.ts';
import type { BusCalls, CallOptions } from './bus-calls.ts';
import { readBus, sdkFilter } from './bus-entities.ts';
import { isoDuration } from './duration.ts';
import { type Change, type Extra, type Plan, planOf } from './plan.ts';
import type { Rule, Subscription, Topic, Topology } from './topology.ts';

/** The service's "never". */
const NEVER_SPAN = 'P10675199DT2H48M5.4775807S';

export type Step =
  | { readonly kind: 'done'; readonly change: Change }
  | { readonly kind: 'deleted'; readonly extra: Extra; readonly messages: number }
  /** An extra subscription that still holds messages. */
  | { readonly kind: 'kept'; readonly extra: Extra; readonly messages: number };

export type ApplyOptions = {
  /** Delete subscriptions that the directory does not name, when they hold nothing. */
  readonly prune: boolean;
  /** Delete them with what they hold. */
  readonly force: boolean;
  /** Called when a step is done, and waited for. */
  readonly onStep: (step: Step) => void | Promise<void>;
};

/**
 * Carries out a plan in an order that loses nothing: topics, subscriptions (each with its first rule at once, so none ever has the rule
 * that takes everything), settings, further and changed rules, then rules that are too many, then what is pruned. Stops at the first
 * failure; running again finishes, whatever was done. Then looks again, and throws TOPOLOGY_BUS when the bus still differs.
 * Throws TOPOLOGY_REFUSED, and touches nothing, when something cannot be changed. Returns what the bus is like at the end.
 */
export async function applyPlan(
  plan: Plan,
  topology: Topology,
  calls: BusCalls,
  { prune, force, onStep }: ApplyOptions,
): Promise<Plan> {
  refuseUnchangeable(plan);
  for (const kinds of order) {
    const changes = plan.changes.filter(({ kind }) => kinds.includes(kind));
    await calls.each(changes, async (change) => {
      await carryOut(change, calls);
      await onStep({ kind: 'done', change });
    });
  }
  const applied = planOf(topology, await readBus(calls));
  refuseUnchangeable(applied);
  if (applied.changes.length > 0) {
    throw new Fault(
      'TOPOLOGY_BUS',
      `after applying, ${String(applied.changes.length)} differences are left; somebody else changes the bus as well`,
    );
  }
  if (!prune) return applied;
  const kept: Extra[] = [];
  await calls.each(applied.extra, async (extra) => {
    const step = await pruned(extra, calls, force);
    if (step === undefined) return;
    if (step.kind === 'kept') kept.push(extra);
    await onStep(step);
  });
  return { ...applied, extra: kept };
}

/** Changes of one row may be made in any order. */
const order: readonly (readonly Change['kind'][])[] = [
  ['topic-created', 'topic-changed'],
  ['subscription-created'],
  ['subscription-changed'],
  ['rule-added', 'rule-changed'],
  ['rule-removed'],
];

function refuseUnchangeable({ unchangeable }: Plan): void {
  if (unchangeable.length === 0) return;
  const places = unchangeable.map(
    ({ place, differences }) => `${place} (${differences.map(({ name }) => name).join(', ')})`,
  );
  throw new Fault('TOPOLOGY_REFUSED', `Service Bus cannot change ${places.join('; ')}`);
}

async function carryOut(change: Change, calls: BusCalls): Promise<void> {
  const { client } = calls;
  switch (change.kind) {
    case 'topic-created': {
      const { topic } = change;
      return calls.made(`create ${topic.name}`, (options) =>
        client.createTopic(topic.name, {
          ...topicOptions(topic),
          requiresDuplicateDetection: true,
          ...options,
        }),
      );
    }
    case 'topic-changed':
      return changeTopic(change.topic, calls);
    case 'subscription-created': {
      const { topic, subscription } = change;
      return calls.made(`create ${topic}/${subscription.name}`, (options) =>
        client.createSubscription(topic, subscription.name, {
          ...subscriptionOptions(subscription),
          ...firstRule(subscription),
          ...options,
        }),
      );
    }
    case 'subscription-changed':
      return changeSubscription(change.topic, change.subscription, calls);
    case 'rule-added': {
      const { topic, subscription, rule } = change;
      return calls.made(`add rule ${rule.name} to ${topic}/${subscription}`, (options) =>
        client.createRule(topic, subscription, rule.name, sdkFilter(rule.filter), options),
      );
    }
    case 'rule-changed':
      return changeRule(change.topic, change.subscription, change.rule, calls);
    case 'rule-removed': {
      const { topic, subscription, rule } = change;
      await calls.found(`remove rule ${rule} of ${topic}/${subscription}`, (options) =>
        client.deleteRule(topic, subscription, rule, options),
      );
    }
  }
}

const topicOptions = ({ settings }: Topic) => ({
  defaultMessageTimeToLive: isoDuration(settings.timeToLiveSeconds),
  duplicateDetectionHistoryTimeWindow: isoDuration(settings.duplicateWindowSeconds),
  maxSizeInMegabytes: settings.megabytesMax,
  ...(settings.messageKilobytesMax === undefined
    ? {}
    : { maxMessageSizeInKilobytes: settings.messageKilobytesMax }),
});

const subscriptionOptions = ({ settings }: Subscription) => ({
  defaultMessageTimeToLive: isoDuration(settings.timeToLiveSeconds),
  lockDuration: isoDuration(settings.lockSeconds),
  maxDeliveryCount: settings.deliveryCountMax,
  deadLetteringOnMessageExpiration: settings.deadLetterOnExpiry,
});

function firstRule({ rules }: Subscription) {
  const [first] = rules;
  return first === undefined
    ? {}
    : { defaultRuleOptions: { name: first.name, filter: sdkFilter(first.filter) } };
}

/** What the plan saw may be minutes old: the entity is read again, so that nothing else of it is set back. */
async function changeTopic(topic: Topic, calls: BusCalls): Promise<void> {
  const { client } = calls;
  await calls.done(`change ${topic.name}`, async (options: CallOptions) => {
    const found = await client.getTopic(topic.name, options);
    const changed = { ...found, ...topicOptions(topic), autoDeleteOnIdle: NEVER_SPAN };
    return client.updateTopic({ ...changed, status: 'Active' }, options);
  });
}

async function changeSubscription(topic: string, subscription: Subscription, calls: BusCalls): Promise<void> {
  const { client } = calls;
  await calls.done(`change ${topic}/${subscription.name}`, async (options: CallOptions) => {
    const found = await client.getSubscription(topic, subscription.name, options);
    const changed = { ...found, ...subscriptionOptions(subscription), autoDeleteOnIdle: NEVER_SPAN };
    delete changed.forwardTo;
    delete changed.forwardDeadLetteredMessagesTo;
    return client.updateSubscription({ ...changed, status: 'Active' }, options);
  });
}

async function changeRule(topic: string, subscription: string, rule: Rule, calls: BusCalls): Promise<void> {
  const { client } = calls;
  await calls.done(`change rule ${rule.name} of ${topic}/${subscription}`, async (options: CallOptions) => {
    const found = await client.getRule(topic, subscription, rule.name, options);
    return client.updateRule(
      topic,
      subscription,
      { ...found, filter: sdkFilter(rule.filter), action: {} },
      options,
    );
  });
}

/** A message that arrives between the count and the deletion goes with the subscription; nothing can exclude that. */
async function pruned(extra: Extra, calls: BusCalls, force: boolean): Promise<Step | undefined> {
  const { client } = calls;
  const { topic, subscription } = extra;
  const runtime = await calls.found(`count what ${topic}/${subscription} holds`, (options) =>
    client.getSubscriptionRuntimeProperties(topic, subscription, options),
  );
  if (runtime === undefined) return undefined;
  const messages = runtime.totalMessageCount;
  if (messages > 0 && !force) return { kind: 'kept', extra, messages };
  await calls.found(`delete ${topic}/${subscription}`, (options) =>
    client.deleteSubscription(topic, subscription, options),
  );
  return { kind: 'deleted', extra, messages };
}
