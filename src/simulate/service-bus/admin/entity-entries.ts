import { settingsText } from '../entity-settings.ts';
import type { EntityTimes } from '../entity-times.ts';
import type { Queue } from '../queue.ts';
import type { Subscription } from '../subscription.ts';
import type { Topic } from '../topic.ts';
import { type Entry, time, type Written } from './atom-xml.ts';

/** Prefix of the count elements; the SDK wants its one declaration on the element around them. */
const countNames = 'http://schemas.microsoft.com/netservices/2011/06/servicebus';
/** What the service says of an entity whose size limit for a message was not set: Premium's own. */
const messageKilobytes = '1024';

type Places = { urlOf(path: string): string };
type Counts = { readonly active: number; readonly dead: number; readonly scheduled: number };

/** A topic or queue with its settings and what it holds now. */
export function topicEntry(topic: Topic, places: Places): Entry {
  const { definition, queue } = topic;
  const { UserMetadata: metadata, ...settings } = settingsText(definition.settings);
  const own = queue === undefined ? topicCounts(topic) : queueCounts(topic, queue);
  return entry(topic.path, topic.path, topic.times, places, {
    name: queue === undefined ? 'TopicDescription' : 'QueueDescription',
    description: {
      ...settings,
      ...own,
      IsAnonymousAccessible: 'false',
      AuthorizationRules: '',
      ...metadataOf(metadata),
      ...timesOf(topic.times),
      EnablePartitioning: 'false',
      EntityAvailabilityStatus: 'Available',
      EnableExpress: 'false',
      MaxMessageSizeInKilobytes: settings['MaxMessageSizeInKilobytes'] ?? messageKilobytes,
    },
  });
}

export function subscriptionEntry(subscription: Subscription, places: Places): Entry {
  const { queue, path, name, times } = subscription;
  const { UserMetadata: metadata, ...settings } = settingsText(subscription.settings);
  const counts = { ...heldIn(queue), scheduled: 0 };
  return entry(path, name, times, places, {
    name: 'SubscriptionDescription',
    description: {
      ...settings,
      MessageCount: String(counts.active + counts.dead),
      ...metadataOf(metadata),
      CountDetails: countDetails(counts),
      ...timesOf(times),
      EntityAvailabilityStatus: 'Available',
    },
  });
}

function topicCounts(topic: Topic) {
  const queues = [...topic.subscriptions.values()].map(({ queue }) => queue.bytes);
  return {
    SizeInBytes: String(queues.reduce((sum, bytes) => sum + bytes, topic.schedule.bytes)),
    SubscriptionCount: String(topic.subscriptions.size),
    CountDetails: countDetails({ active: 0, dead: 0, scheduled: topic.schedule.length }),
  };
}

function queueCounts(topic: Topic, queue: Queue) {
  const counts = { ...heldIn(queue), scheduled: topic.schedule.length };
  return {
    SizeInBytes: String(queue.bytes + topic.schedule.bytes),
    MessageCount: String(counts.active + counts.dead + counts.scheduled),
    CountDetails: countDetails(counts),
    SupportOrdering: 'true',
  };
}

/** Active are those under lock and deferred ones too. */
function heldIn({ stats, deadLetters }: Queue): Pick<Counts, 'active' | 'dead'> {
  const sum = (of: { active: number; locked: number; deferred: number }) =>
    of.active + of.locked + of.deferred;
  return { active: sum(stats), dead: deadLetters === undefined ? 0 : sum(deadLetters.stats) };
}

const countDetails = ({ active, dead, scheduled }: Counts): Written => ({
  '@xmlns:d2p1': countNames,
  'd2p1:ActiveMessageCount': String(active),
  'd2p1:DeadLetterMessageCount': String(dead),
  'd2p1:ScheduledMessageCount': String(scheduled),
  'd2p1:TransferMessageCount': '0',
  'd2p1:TransferDeadLetterMessageCount': '0',
});

const metadataOf = (metadata: string | undefined) =>
  metadata === undefined || metadata === '' ? {} : { UserMetadata: metadata };

const timesOf = ({ createdAtMs, updatedAtMs, accessedAtMs }: EntityTimes) => ({
  CreatedAt: time(createdAtMs),
  UpdatedAt: time(updatedAtMs),
  AccessedAt: time(accessedAtMs),
});

function entry(
  path: string,
  title: string,
  { createdAtMs, updatedAtMs }: EntityTimes,
  places: Places,
  content: Pick<Entry, 'name' | 'description'>,
): Entry {
  return { id: places.urlOf(path), title, createdAtMs, updatedAtMs, ...content };
}
