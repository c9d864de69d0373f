import type { Agency, Directory, TopicsSettings } from '../directory/directory.ts';
import type { TopicName } from '../message/delivery.ts';

/** `megabytesMax` is where the topic is full; `messageKilobytesMax` is the namespace's own where undefined. */
export type TopicSettings = {
  readonly timeToLiveSeconds: number;
  readonly duplicateWindowSeconds: number;
  readonly megabytesMax: number;
  readonly messageKilobytesMax: number | undefined;
};

export type SubscriptionSettings = {
  readonly timeToLiveSeconds: number;
  readonly lockSeconds: number;
  readonly deliveryCountMax: number;
  /** What is not fetched in time goes to the subscription's dead-letter queue; where false it is gone. */
  readonly deadLetterOnExpiry: boolean;
};

/** Properties of the message, all of which must be equal. */
export type Conditions = Readonly<Record<string, string | boolean>>;
export type Filter =
  | { readonly kind: 'everything' }
  | { readonly kind: 'correlation'; readonly properties: Conditions };
export type Rule = { readonly name: string; readonly filter: Filter };
export type Subscription = {
  readonly name: string;
  readonly settings: SubscriptionSettings;
  readonly rules: readonly Rule[];
};
export type Topic = {
  readonly name: TopicName;
  readonly settings: TopicSettings;
  readonly subscriptions: readonly Subscription[];
};

/** What must be on the bus so that every copy the switch sends to a topic is somebody's. */
export type Topology = {
  readonly directoryVersion: string;
  readonly tier: TopicsSettings['tier'];
  readonly topics: readonly Topic[];
};

/** The subscription of each topic that gets every message: what was sent is counted there. There is one only where it is asked for. */
export const ALL = 'all';

const everything: Rule = { name: 'everything', filter: { kind: 'everything' } };

/** Pure: the same directory gives the same topology, in the order of its files. Nothing is checked here, see `limits.ts`. */
export function deriveTopology(directory: Directory): Topology {
  const settings = directory.topics;
  return {
    directoryVersion: directory.version,
    tier: settings.tier,
    topics: [
      topicOf('point-to-point', settings, destinationSubscriptions(directory)),
      topicOf('broadcast', settings, groupSubscriptions(directory)),
    ],
  };
}

/** ORIs, mnemonics and states whose copies go by topic, each with the agency that reads them. */
export function destinationsByTopic(directory: Directory): readonly Destination[] {
  const { agencies, mnemonics, states } = directory;
  const all: Destination[] = [
    ...Array.from(agencies.values(), ({ id, oris }) =>
      oris.map((code) => ({ code, name: code.toLowerCase(), agency: id })),
    ).flat(),
    ...Array.from(mnemonics, ([code, { agency }]) => ({ code, name: named('mnemonic', code), agency })),
    ...Array.from(states.values(), ({ code, system }) => ({
      code,
      name: named('state', code),
      agency: system,
    })),
  ];
  return all.filter(({ agency }) => isByTopic(agencies.get(agency)));
}

type Destination = { readonly code: string; readonly name: string; readonly agency: string };

/** Everything a broadcast may be written to, regions expanded. It goes to the topic whatever way its members' own copies go. */
export function broadcastCodes({ states, groups }: Directory): readonly string[] {
  return [...states.keys(), ...groups.keys()];
}

function isByTopic(agency: Agency | undefined): boolean {
  return agency !== undefined && agency.delivery !== 'station';
}

const named = (kind: string, code: string): string => `${kind}-${code.toLowerCase()}`;

type Wanted = { readonly name: string; readonly rules: readonly Rule[] };

function destinationSubscriptions(directory: Directory): readonly Wanted[] {
  const destinations = destinationsByTopic(directory);
  if (directory.topics.subscriptionPer === 'destination') {
    return destinations.map(({ code, name }) => ({
      name,
      rules: [correlation('destination', { destination: code })],
    }));
  }
  const byAgency = Map.groupBy(destinations, ({ agency }) => agency);
  return Array.from(byAgency, ([agency, its]) => ({
    name: `agency-${agency}`,
    rules: its.map(({ code }) => correlation(named('destination', code), { destination: code })),
  }));
}

function groupSubscriptions(directory: Directory): readonly Wanted[] {
  const { splitByPriority } = directory.topics;
  return broadcastCodes(directory).flatMap((code): readonly Wanted[] => {
    const name = named('group', code);
    const isSplit = splitByPriority === 'all' || splitByPriority.includes(code);
    if (!isSplit) return [{ name, rules: [correlation('group', groupIs(code))] }];
    return (['urgent', 'routine'] as const).map((priority) => ({
      name: `${name}-${priority}`,
      rules: [correlation('group', { ...groupIs(code), priority })],
    }));
  });
}

/** A group is a property of its own: a broadcast has several, and correlation filters compare for equality. */
const groupIs = (code: string): Conditions => ({ [`g_${code}`]: true });
const correlation = (name: string, properties: Conditions): Rule => ({
  name,
  filter: { kind: 'correlation', properties },
});

function topicOf(name: TopicName, settings: TopicsSettings, wanted: readonly Wanted[]): Topic {
  const further = settings.subscriptions
    .filter(({ topic }) => topic === name)
    .map((one) => ({ name: one.name, rules: furtherRules(one) }));
  return {
    name,
    settings: {
      timeToLiveSeconds: settings.timeToLiveSeconds,
      duplicateWindowSeconds: settings.duplicateWindowSeconds,
      megabytesMax: settings.topicMegabytesMax,
      messageKilobytesMax: settings.messageKilobytesMax,
    },
    subscriptions: [
      ...allOf(settings),
      ...[...wanted, ...further].map((one) => subscriptionOf(one, settings)),
    ],
  };
}

/**
 * Nobody works off `all`, so its copies must not become dead letters. Nor may it be there unread: the service drops what expired lazily,
 * and until then it counts towards the size at which the topic takes nothing more, from anybody.
 */
function allOf(settings: TopicsSettings): readonly Subscription[] {
  const { allTimeToLiveSeconds, timeToLiveSeconds } = settings;
  if (allTimeToLiveSeconds === undefined) return [];
  const all = subscriptionOf({ name: ALL, rules: [everything] }, settings);
  const keeps = Math.min(allTimeToLiveSeconds, timeToLiveSeconds);
  return [{ ...all, settings: { ...all.settings, timeToLiveSeconds: keeps, deadLetterOnExpiry: false } }];
}

function subscriptionOf({ name, rules }: Wanted, settings: TopicsSettings): Subscription {
  const { timeToLiveSeconds, lockSeconds, deliveryCountMax } = settings;
  return {
    name,
    settings: { timeToLiveSeconds, lockSeconds, deliveryCountMax, deadLetterOnExpiry: true },
    rules,
  };
}

/** Several rules that match still give a subscription one copy: none of them has an action. */
function furtherRules({ topic, codes, priority }: TopicsSettings['subscriptions'][number]): readonly Rule[] {
  const also: Conditions = priority === undefined ? {} : { priority };
  if (codes === 'all') return [priority === undefined ? everything : correlation('priority', also)];
  return codes.map((code) =>
    topic === 'broadcast'
      ? correlation(named('group', code), { ...groupIs(code), ...also })
      : correlation(named('destination', code), { destination: code, ...also }),
  );
}
