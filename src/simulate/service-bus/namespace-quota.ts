import type { Filter } from './rule.ts';
import type { Topic } from './topic.ts';

/** Why something was not made: it is there already, or there are too many of its kind. */
export type NotMade = { readonly why: 'exists' | 'too-many'; readonly text: string };

/** The service's numbers for one namespace (Service Bus quotas, Standard tier). */
const topicsMax = 10_000;
const subscriptionsMax = 2_000;
const sqlRulesMax = 2_000;
const correlationRulesMax = 100_000;
/** Queues, subscriptions and their dead-letter queues: the log numbers what it names with 16 bits. */
const placesMax = 40_000;

export const alreadyThere = (path: string): NotMade => ({
  why: 'exists',
  text: `The messaging entity '${path}' already exists.`,
});

const tooMany = (what: string, max: number): NotMade => ({
  why: 'too-many',
  text: `The maximum number of ${what} has been reached: ${String(max)}.`,
});

/** `places`: queues there are, dead-letter queues included. */
export function roomForTopic(topics: number, places: number, kind: 'topic' | 'queue'): NotMade | undefined {
  if (topics >= topicsMax) return tooMany('queues and topics of the namespace', topicsMax);
  return kind === 'queue' ? roomForPlaces(places) : undefined;
}

export function roomForSubscription(topic: Topic, places: number): NotMade | undefined {
  if (topic.subscriptions.size >= subscriptionsMax)
    return tooMany('subscriptions of the topic', subscriptionsMax);
  return roomForPlaces(places);
}

export function roomForRule(topic: Topic, kind: Filter['kind']): NotMade | undefined {
  const sets = [...topic.subscriptions.values()].map(({ rules }) => rules);
  if (kind === 'sql' && sets.reduce((sum, { sqls }) => sum + sqls, 0) >= sqlRulesMax)
    return tooMany('SQL rules of the topic', sqlRulesMax);
  if (
    kind === 'correlation' &&
    sets.reduce((sum, { correlations }) => sum + correlations, 0) >= correlationRulesMax
  )
    return tooMany('correlation rules of the topic', correlationRulesMax);
  return undefined;
}

function roomForPlaces(places: number): NotMade | undefined {
  return places + 2 > placesMax
    ? tooMany('queues and subscriptions of the stand-in', placesMax / 2)
    : undefined;
}
