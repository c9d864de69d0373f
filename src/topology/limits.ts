import {
  ALL,
  broadcastCodes,
  destinationsByTopic,
  type Filter,
  type Topic,
  type Topology,
} from './topology.ts';
import type { Directory } from '../directory/directory.ts';

/**
 * What the service allows, by the code a finding has. `[Q]` is Microsoft's page "Azure Service Bus quotas"
 * (learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas), `[D]` its "Duplicate detection", `[L]` its "Message transfers,
 * locks, and settlement", `[E]` its "Message expiration", `[C]` the reference of creating topics and subscriptions. docs/bus-topology.md
 * shows this table; a test compares.
 */
export const limits = {
  TOPIC_NAME: { source: 'Q', says: 'a topic’s name has at most 260 characters', max: 260 },
  SUBSCRIPTION_NAME: { source: 'Q', says: 'a subscription’s name has at most 50 characters', max: 50 },
  RULE_NAME: { source: 'Q', says: 'a rule’s name has at most 50 characters', max: 50 },
  NAME_CHARACTERS: {
    source: 'C',
    says: 'a name has letters, digits, period, hyphen, underscore, and a letter or digit at both ends',
  },
  NAME_TAKEN: {
    source: 'C',
    says: 'names of a topic’s subscriptions differ by more than case, and so do those of a subscription’s rules',
  },
  SUBSCRIPTIONS: { source: 'Q', says: 'a topic has at most 2000 subscriptions', max: 2000 },
  CORRELATION_FILTERS: { source: 'Q', says: 'a topic has at most 100000 correlation filters', max: 100_000 },
  SQL_FILTERS: { source: 'Q', says: 'a topic has at most 2000 SQL filters', max: 2000 },
  FILTER_SIZE: {
    source: 'Q',
    says: 'a property of a message has at most 32768 bytes, and so has what a filter compares it with',
    max: 32_768,
  },
  CONNECTIONS: {
    source: 'Q',
    says: 'a namespace takes at most 5000 AMQP connections, counted as one a subscription',
    max: 5000,
  },
  TIME_TO_LIVE: {
    source: 'E',
    says: 'time to live is 1 second to 10675199 days in both tiers',
    max: 10_675_199 * 86_400,
  },
  DUPLICATE_WINDOW: {
    source: 'D',
    says: 'the duplicate window is 20 to 604800 seconds in both tiers; 600 where nobody says otherwise',
    min: 20,
    max: 604_800,
  },
  LOCK: { source: 'L', says: 'a lock lasts 5 to 300 seconds', min: 5, max: 300 },
  DELIVERY_COUNT: { source: 'C', says: 'a message is given 1 to 2000 times', min: 1, max: 2000 },
  TOPIC_SIZE: {
    source: 'Q',
    says: 'a topic holds 1024, 2048, 3072, 4096 or 5120 MB in standard, whole GB up to 81920 MB in premium',
    standardMax: 5120,
    premiumMax: 81_920,
  },
  MESSAGE_SIZE: {
    source: 'Q',
    says: 'the largest message is 256 KB in standard and cannot be set, 1024 to 102400 KB in premium',
    min: 1024,
    max: 102_400,
  },
  CODE_UNKNOWN: { source: 'tenfour', says: 'a code in topics.json is one that messages on that topic have' },
} as const;

export type LimitCode = keyof typeof limits;
/** `place` names a topic, a subscription by `topic/name`, or a code's place in topics.json; never a field's value. */
export type LimitFinding = { readonly code: LimitCode; readonly place: string; readonly says: string };

/** Everything the bus would refuse, or that would silently be other than meant, before anything is touched. */
export function overLimits(topology: Topology, directory: Directory): readonly LimitFinding[] {
  const subscriptions = topology.topics.flatMap((topic) => topic.subscriptions);
  return [
    ...topology.topics.flatMap((topic) => [...topicFindings(topic, topology.tier)]),
    ...(subscriptions.length > limits.CONNECTIONS.max ? [finding('CONNECTIONS', 'namespace')] : []),
    ...codeFindings(directory),
  ];
}

const finding = (code: LimitCode, place: string): LimitFinding => ({ code, place, says: limits[code].says });
const isWithin = (value: number, { min, max }: { readonly min: number; readonly max: number }): boolean =>
  value >= min && value <= max;

function* topicFindings({ name, settings, subscriptions }: Topic, tier: Topology['tier']) {
  if (name.length > limits.TOPIC_NAME.max) yield finding('TOPIC_NAME', name);
  if (!isName(name)) yield finding('NAME_CHARACTERS', name);
  if (settings.timeToLiveSeconds > limits.TIME_TO_LIVE.max) yield finding('TIME_TO_LIVE', name);
  if (!isWithin(settings.duplicateWindowSeconds, limits.DUPLICATE_WINDOW)) {
    yield finding('DUPLICATE_WINDOW', name);
  }
  const megabytesMax = tier === 'premium' ? limits.TOPIC_SIZE.premiumMax : limits.TOPIC_SIZE.standardMax;
  if (settings.megabytesMax > megabytesMax || settings.megabytesMax % 1024 !== 0) {
    yield finding('TOPIC_SIZE', name);
  }
  const { messageKilobytesMax } = settings;
  if (
    messageKilobytesMax !== undefined &&
    (tier === 'standard' || !isWithin(messageKilobytesMax, limits.MESSAGE_SIZE))
  ) {
    yield finding('MESSAGE_SIZE', name);
  }
  if (subscriptions.length > limits.SUBSCRIPTIONS.max) yield finding('SUBSCRIPTIONS', name);
  const filters = subscriptions.flatMap(({ rules }) => rules.map(({ filter }) => filter.kind));
  const sql = filters.filter((kind) => kind === 'everything').length;
  if (sql > limits.SQL_FILTERS.max) yield finding('SQL_FILTERS', name);
  if (filters.length - sql > limits.CORRELATION_FILTERS.max) yield finding('CORRELATION_FILTERS', name);
  yield* subscriptionFindings(name, subscriptions);
}

function* subscriptionFindings(topic: string, subscriptions: Topic['subscriptions']) {
  const taken = new Set<string>();
  for (const { name, settings, rules } of subscriptions) {
    const place = `${topic}/${name}`;
    if (taken.has(name.toLowerCase())) yield finding('NAME_TAKEN', place);
    taken.add(name.toLowerCase());
    if (name.length > limits.SUBSCRIPTION_NAME.max) yield finding('SUBSCRIPTION_NAME', place);
    if (!isName(name)) yield finding('NAME_CHARACTERS', place);
    const ruleNames = new Set(rules.map((rule) => rule.name.toLowerCase()));
    if (ruleNames.size < rules.length) yield finding('NAME_TAKEN', `${place}, rules`);
    if (settings.timeToLiveSeconds > limits.TIME_TO_LIVE.max) yield finding('TIME_TO_LIVE', place);
    if (!isWithin(settings.lockSeconds, limits.LOCK)) yield finding('LOCK', place);
    if (!isWithin(settings.deliveryCountMax, limits.DELIVERY_COUNT)) yield finding('DELIVERY_COUNT', place);
    if (rules.some((rule) => rule.name.length > limits.RULE_NAME.max)) yield finding('RULE_NAME', place);
    if (rules.some(({ filter }) => bytesOf(filter) > limits.FILTER_SIZE.max)) {
      yield finding('FILTER_SIZE', place);
    }
  }
}

const isName = (name: string): boolean => /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(name);

/** The largest name or value a filter compares. */
function bytesOf(filter: Filter): number {
  if (filter.kind === 'everything') return 0;
  const parts = Object.entries(filter.properties).flat();
  return Math.max(...parts.map((part) => Buffer.byteLength(String(part))));
}

/** A code that no message on the topic has would make a subscription that stays empty for ever. */
function* codeFindings(directory: Directory) {
  const { allTimeToLiveSeconds, splitByPriority, subscriptions } = directory.topics;
  const codes = {
    'point-to-point': new Set(destinationsByTopic(directory).map(({ code }) => code)),
    broadcast: new Set(broadcastCodes(directory)),
  };
  for (const [at, code] of (splitByPriority === 'all' ? [] : splitByPriority).entries()) {
    if (!codes.broadcast.has(code)) {
      yield finding('CODE_UNKNOWN', `topics.json /splitByPriority/${String(at)}`);
    }
  }
  for (const [at, one] of subscriptions.entries()) {
    // The name is the switch's own also where it makes no such subscription.
    if (one.name.toLowerCase() === ALL && allTimeToLiveSeconds === undefined)
      yield finding('NAME_TAKEN', `${one.topic}/${one.name}`);
    for (const [codeAt, code] of (one.codes === 'all' ? [] : one.codes).entries()) {
      if (codes[one.topic].has(code)) continue;
      yield finding('CODE_UNKNOWN', `topics.json /subscriptions/${String(at)}/codes/${String(codeAt)}`);
    }
  }
}
