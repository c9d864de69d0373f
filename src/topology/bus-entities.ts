import type {
  CorrelationRuleFilter,
  RuleProperties,
  SqlRuleFilter,
  SubscriptionProperties,
  TopicProperties,
} from '@azure/service-bus';
import { topicNames } from '../message/delivery.ts';
import type { BusCalls } from './bus-calls.ts';
import { isoDuration, secondsOf } from './duration.ts';
import type { Conditions, Filter, Subscription, Topic } from './topology.ts';

/** Settings by name, as text: what is compared and what is shown. */
export type Values = Readonly<Record<string, string>>;
export type FoundRule = { readonly name: string; readonly filter: string };
export type FoundSubscription = {
  readonly name: string;
  readonly values: Values;
  readonly rules: readonly FoundRule[];
};
export type FoundTopic = {
  readonly name: string;
  readonly values: Values;
  readonly subscriptions: readonly FoundSubscription[];
};
/** What is on the bus: our topics, and the names of others in the namespace. */
export type BusEntities = { readonly topics: readonly FoundTopic[]; readonly others: readonly string[] };

/** Names of settings that the service fixes when it makes an entity. */
export const fixedSettings: ReadonlySet<string> = new Set(['duplicateDetection', 'partitioning', 'sessions']);

const NEVER = 'never';
const ENTITIES_MAX = 100_000;

export async function readBus(calls: BusCalls): Promise<BusEntities> {
  const { client } = calls;
  const listed = await calls.done('list the topics', (options) => all(client.listTopics(options)));
  const ours = new Set<string>(topicNames);
  const topics: FoundTopic[] = [];
  for (const properties of listed) {
    // The service compares names without case.
    const name = properties.name.toLowerCase();
    if (!ours.has(name)) continue;
    const subscriptions = await readSubscriptions(calls, name);
    topics.push({ name, values: topicValues(properties), subscriptions });
  }
  return { topics, others: listed.map(({ name }) => name).filter((name) => !ours.has(name.toLowerCase())) };
}

async function readSubscriptions(calls: BusCalls, topic: string): Promise<readonly FoundSubscription[]> {
  const { client } = calls;
  const listed = await calls.done(`list the subscriptions of ${topic}`, (options) =>
    all(client.listSubscriptions(topic, options)),
  );
  const rules = new Map<string, readonly FoundRule[]>();
  await calls.each(listed, async ({ subscriptionName: name }) => {
    const its = await calls.found(`list the rules of ${topic}/${name}`, (options) =>
      all(client.listRules(topic, name, options)),
    );
    // Somebody deleted the subscription in between.
    if (its !== undefined) rules.set(name, its.map(foundRule));
  });
  return listed.flatMap((properties) => {
    const its = rules.get(properties.subscriptionName);
    return its === undefined
      ? []
      : [{ name: properties.subscriptionName, values: subscriptionValues(properties), rules: its }];
  });
}

async function all<T>(pages: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const one of pages) {
    found.push(one);
    if (found.length > ENTITIES_MAX) throw new Error('more entities than a namespace has');
  }
  return found;
}

function topicValues(topic: TopicProperties): Values {
  return {
    duplicateDetection: String(topic.requiresDuplicateDetection),
    partitioning: String(topic.enablePartitioning),
    timeToLive: spanText(topic.defaultMessageTimeToLive),
    duplicateWindow: spanText(topic.duplicateDetectionHistoryTimeWindow),
    megabytesMax: String(topic.maxSizeInMegabytes),
    messageKilobytesMax: String(topic.maxMessageSizeInKilobytes ?? 'the namespace’s'),
    deletedWhenIdle: spanText(topic.autoDeleteOnIdle),
    status: topic.status,
  };
}

function subscriptionValues(subscription: SubscriptionProperties): Values {
  return {
    sessions: String(subscription.requiresSession),
    timeToLive: spanText(subscription.defaultMessageTimeToLive),
    lock: spanText(subscription.lockDuration),
    deliveryCountMax: String(subscription.maxDeliveryCount),
    deadLetterOnExpiry: String(subscription.deadLetteringOnMessageExpiration),
    forwardedTo: entityOf(subscription.forwardTo),
    deadLettersForwardedTo: entityOf(subscription.forwardDeadLetteredMessagesTo),
    deletedWhenIdle: spanText(subscription.autoDeleteOnIdle),
    status: subscription.status,
  };
}

/** Settings that must be so; what is left out may be as it likes. */
export function wantedTopicValues({ settings }: Topic): Values {
  const { messageKilobytesMax } = settings;
  return {
    duplicateDetection: 'true',
    partitioning: 'false',
    timeToLive: isoDuration(settings.timeToLiveSeconds),
    duplicateWindow: isoDuration(settings.duplicateWindowSeconds),
    megabytesMax: String(settings.megabytesMax),
    ...(messageKilobytesMax === undefined ? {} : { messageKilobytesMax: String(messageKilobytesMax) }),
    deletedWhenIdle: NEVER,
    status: 'Active',
  };
}

export function wantedSubscriptionValues({ settings }: Subscription): Values {
  return {
    sessions: 'false',
    timeToLive: isoDuration(settings.timeToLiveSeconds),
    lock: isoDuration(settings.lockSeconds),
    deliveryCountMax: String(settings.deliveryCountMax),
    deadLetterOnExpiry: String(settings.deadLetterOnExpiry),
    forwardedTo: '',
    deadLettersForwardedTo: '',
    deletedWhenIdle: NEVER,
    status: 'Active',
  };
}

function spanText(span: string): string {
  const seconds = secondsOf(span);
  if (seconds === Infinity) return NEVER;
  return seconds === undefined || !Number.isInteger(seconds) ? span : isoDuration(seconds);
}

/** The service answers with an address of the entity. */
const entityOf = (forwardTo: string | undefined): string =>
  forwardTo === undefined ? '' : (forwardTo.split('/').at(-1) ?? '');

/** A filter as one line of text; the same filter has the same text. */
export function filterText(filter: Filter): string {
  return filter.kind === 'everything' ? 'everything' : conditionsText(filter.properties);
}

function conditionsText(properties: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(properties).sort(([left], [right]) => (left < right ? -1 : 1));
  return parts.map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join(', ');
}

function foundRule({ name, filter, action }: RuleProperties): FoundRule {
  const sql = (action as { sqlExpression?: string } | undefined)?.sqlExpression;
  const changes = sql === undefined || sql === '' ? '' : `, changed by SQL ${sql}`;
  return { name, filter: `${foundFilter(filter)}${changes}` };
}

function foundFilter(filter: SqlRuleFilter | CorrelationRuleFilter): string {
  if ('sqlExpression' in filter) {
    const isEverything = filter.sqlExpression.replace(/\s/g, '') === '1=1';
    return isEverything ? filterText({ kind: 'everything' }) : `SQL ${filter.sqlExpression}`;
  }
  const { applicationProperties = {}, ...system } = filter;
  const others = Object.entries(system as Record<string, string | undefined>)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => [`sys.${name}`, value] as const);
  return conditionsText({ ...applicationProperties, ...Object.fromEntries(others) });
}

/** A filter in the SDK's form. */
export function sdkFilter(filter: Filter): SqlRuleFilter | CorrelationRuleFilter {
  if (filter.kind === 'everything') return { sqlExpression: '1=1' };
  const applicationProperties: Conditions = filter.properties;
  return { applicationProperties: { ...applicationProperties } };
}
