import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeMessage } from '../deliver/amqp-message.ts';
import { busMessage } from '../deliver/bus-message.ts';
import { type Dialect, loadDialect } from '../dialect/dialect.ts';
import { type Directory, loadDirectory, type TopicsSettings } from '../directory/directory.ts';
import type { DeliveryPlan, PriorityClass } from '../message/delivery.ts';
import type { ValidMessage } from '../message/message.ts';
import { route } from '../route/route.ts';
import { topicsFile, topicsSettings } from '../directory/file-kinds.ts';
import { parseEmulatorConfig } from '../simulate/service-bus/emulator-config.ts';
import { copiesFor, MessageProperties, ruleFrom } from '../simulate/service-bus/rule.ts';
import { emulatorConfig } from './emulator-config.ts';
import { overLimits } from './limits.ts';
import { reachOf } from './reach.ts';
import { deriveTopology, type Topology } from './topology.ts';

const root = join(import.meta.dirname, '../..');
const county = loadDirectory(join(root, 'examples/county-099/directory'));
const sample = loadDirectory(join(root, 'protocols/sample-directory'));
const dialects = ['nlets-legacy', 'clets'].map((name) => loadDialect(join(root, 'protocols', name)));

const withTopics = (directory: Directory, topics: Partial<TopicsSettings>): Directory => ({
  ...directory,
  topics: { ...directory.topics, ...topics },
});

/** Names of a topic's subscriptions. */
const namesOf = (topology: Topology, name: string): readonly string[] =>
  topology.topics.find((topic) => topic.name === name)?.subscriptions.map((one) => one.name) ?? [];

test('examples/county-099/bus.json is what the plan writes for the official emulator', () => {
  const text = readFileSync(join(root, 'examples/county-099/bus.json'), 'utf8');
  assert.equal(
    emulatorConfig(deriveTopology(county)).text,
    text,
    'run `tenfour bus plan --emulator-config examples/county-099/bus.json`',
  );
});

test('ORIs, mnemonics and states whose copies go by topic have a subscription, those by station have none', () => {
  assert.deepEqual(namesOf(deriveTopology(county), 'point-to-point'), [
    'all',
    ...['ca0990100', 'ca0990200', 'nv0990300', 'az0990600'],
    ...['ca0999000', 'nv0999000', 'or0999000', 'az0999000', 'wa0999000'],
    ...['state-az', 'state-ca', 'state-nv', 'state-or', 'state-wa'],
  ]);
  const { destinations } = reachOf(deriveTopology(sample));
  for (const [mnemonic, { agency }] of sample.mnemonics) {
    assert.equal(destinations.has(mnemonic), sample.agencies.get(agency)?.delivery !== 'station', mnemonic);
  }
});

test('a broadcast to a state or group always goes to the topic, so each has a subscription', () => {
  assert.deepEqual(namesOf(deriveTopology(county), 'broadcast'), [
    'all',
    ...['group-az', 'group-ca', 'group-nv', 'group-or', 'group-ut', 'group-wa'],
    ...['group-gbn01', 'group-gbn02', 'group-gbn03'],
  ]);
});

test('nothing read from `all` need be a dead letter, and it keeps messages no longer than asked', () => {
  for (const { subscriptions } of deriveTopology(county).topics) {
    const [all, ...others] = subscriptions;
    assert.equal(all?.settings.deadLetterOnExpiry, false);
    assert.equal(all.settings.timeToLiveSeconds, 300);
    for (const { name, settings } of others) {
      assert.deepEqual([settings.deadLetterOnExpiry, settings.timeToLiveSeconds], [true, 86_400], name);
    }
  }
  const short = deriveTopology(withTopics(county, { timeToLiveSeconds: 60 }));
  assert.equal(short.topics[0]?.subscriptions[0]?.settings.timeToLiveSeconds, 60);
});

test('`all` is there only where the directory asks for it: unread it would fill the topic', () => {
  for (const directory of [sample, { ...county, topics: topicsSettings.parse({}) }]) {
    const topology = deriveTopology(directory);
    for (const { name } of topology.topics) assert.ok(!namesOf(topology, name).includes('all'), name);
  }
});

test('a code counts as reached when messages of both priorities arrive, and `all` reaches nobody', () => {
  const split = deriveTopology(withTopics(county, { splitByPriority: 'all' }));
  assert.deepEqual(reachOf(split), reachOf(deriveTopology(county)));
  const urgentOnly: Topology = {
    ...split,
    topics: split.topics.map((topic) => ({
      ...topic,
      subscriptions: topic.subscriptions.filter(({ name }) => !name.endsWith('-routine')),
    })),
  };
  assert.deepEqual([...reachOf(urgentOnly).groups], []);
  const car = { name: 'car-1', topic: 'broadcast', codes: 'all', priority: 'urgent' } as const;
  const onlyFurther = deriveTopology(withTopics(county, { subscriptions: [car] }));
  const bare = onlyFurther.topics.map((topic) => ({
    ...topic,
    subscriptions: topic.subscriptions.filter(({ name }) => name === 'all' || name === 'car-1'),
  }));
  assert.deepEqual(reachOf({ ...onlyFurther, topics: bare }), { destinations: new Set(), groups: new Set() });
});

test('the topics.json that docs/bus-topology.md shows is one, and does what the page says', () => {
  const page = readFileSync(join(root, 'docs/bus-topology.md'), 'utf8');
  const [, text = ''] = /^```json\n([\s\S]*?)^```/m.exec(page) ?? [];
  const topics = topicsSettings.parse(topicsFile.parse(JSON.parse(text)));
  const directory = withTopics(county, topics);
  const topology = deriveTopology(directory);
  assert.deepEqual(overLimits(topology, directory), []);
  assert.deepEqual(namesOf(topology, 'broadcast').slice(-5), [
    'group-gbn01-urgent',
    'group-gbn01-routine',
    'group-gbn02',
    'group-gbn03',
    'car-12',
  ]);
});

/** Every plan that a message of some key to some destinations becomes, on the lanes that end at a topic. */
const topicPlans = (
  directory: Directory,
): fc.Arbitrary<{ plan: DeliveryPlan; priorityClass: PriorityClass }> =>
  fc
    .record({
      dialect: fc.constantFrom(...dialects),
      priorityClass: fc.constantFrom<PriorityClass>(0, 1, 2, 4, 6),
      from: fc.constantFrom(...directory.stations.keys()),
    })
    .chain(({ dialect, priorityClass, from }) =>
      fc
        .record({
          messageKey: fc.constantFrom(...dialect.keys.keys()),
          destinations: fc.uniqueArray(fc.constantFrom(...writable(directory, dialect)), {
            minLength: 1,
            maxLength: 5,
          }),
        })
        .map((written) => plansOf(written, directory, dialect, from))
        .filter((plans) => plans.length > 0)
        .chain((plans) => fc.constantFrom(...plans))
        .map((plan) => ({ plan, priorityClass })),
    );

/** Whatever a sender may write: also regions, and everyone. */
const writable = (directory: Directory, dialect: Dialect): readonly string[] => [
  ...directory.oris.keys(),
  ...directory.mnemonics.keys(),
  ...directory.states.keys(),
  ...directory.groups.keys(),
  ...dialect.regions.keys(),
  ...dialect.destinations.allPoints,
];

function plansOf(
  written: { readonly messageKey: string; readonly destinations: readonly string[] },
  directory: Directory,
  dialect: Dialect,
  fromStation: string,
): readonly DeliveryPlan[] {
  const destinations = written.destinations.map((text) => ({ text, offset: 0, isImplied: false }));
  // Only what route looks at.
  const message = { ...written, destinations, isRelayed: false } as unknown as ValidMessage;
  const outcome = route(message, directory, dialect, fromStation);
  return outcome.ok
    ? outcome.value.filter(({ lane }) => lane === 'point-to-point' || lane === 'broadcast')
    : [];
}

/** Subscriptions that the stand-in gives a copy, by its own reading of the rules in the file it is started with. */
function matched(topology: Topology, plan: DeliveryPlan, priorityClass: PriorityClass): readonly string[] {
  const config = parseEmulatorConfig(JSON.parse(emulatorConfig(topology).text));
  const topic = config.UserConfig.Namespaces[0]?.Topics.find(({ Name }) => Name === plan.lane);
  const message = busMessage(
    {
      ...{ deliveryId: 'd', generation: 1, messageId: 'm', messageKey: 'AM', priorityClass },
      ...{ originatingOri: 'CA0990100', destination: plan.destination, groups: plan.groups },
      ...{ recipients: plan.recipients, agency: 'ca-dispatch', station: 's', dialect: 'd', receivedAtMs: 0 },
      ...{ receivedCount: 1, directoryVersion: 'v', isTest: false, traceparent: '', user: '', terminal: '' },
      ...{ incident: '', resentOf: '', isNotice: false },
    },
    Buffer.from('sealed'),
    { seq: 1, isPossibleDuplicate: false },
  );
  const properties = new MessageProperties(encodeMessage(message));
  return (topic?.Subscriptions ?? [])
    .filter(({ Rules }) => copiesFor(Rules.map(ruleFrom), properties).isTaken)
    .map(({ Name }) => Name)
    .sort();
}

/** What a plan should reach, said without the derivation: by name. */
function expected(
  plan: DeliveryPlan,
  priority: string,
  topics: TopicsSettings,
  directory: Directory,
): string[] {
  const { destination, groups, recipients } = plan;
  const own = (): string[] => {
    if (plan.lane === 'broadcast') {
      return groups.map((code) => {
        const isSplit = topics.splitByPriority === 'all' || topics.splitByPriority.includes(code);
        return `group-${code.toLowerCase()}${isSplit ? `-${priority}` : ''}`;
      });
    }
    if (topics.subscriptionPer === 'agency') return [`agency-${String(recipients[0])}`];
    if (directory.oris.has(destination)) return [destination.toLowerCase()];
    return [`${directory.states.has(destination) ? 'state' : 'mnemonic'}-${destination.toLowerCase()}`];
  };
  const further = topics.subscriptions.filter(
    (one) =>
      one.topic === plan.lane &&
      (one.priority ?? priority) === priority &&
      (one.codes === 'all' || one.codes.some((code) => code === destination || groups.includes(code))),
  );
  const all = topics.allTimeToLiveSeconds === undefined ? [] : ['all'];
  return [...all, ...own(), ...further.map(({ name }) => name)].sort();
}

const settings: readonly (readonly [says: string, topics: Partial<TopicsSettings>])[] = [
  ['as it is without topics.json', {}],
  ['one subscription an agency', { subscriptionPer: 'agency' }],
  ['every group split by priority', { splitByPriority: 'all' }],
  [
    'some groups split, and further subscriptions',
    {
      splitByPriority: ['CA', 'GBN01'],
      subscriptions: [
        { name: 'car-12', topic: 'point-to-point', codes: ['CA0990100', 'NV'] },
        { name: 'car-12', topic: 'broadcast', codes: ['CA', 'NV', 'GBN01'], priority: 'urgent' },
        { name: 'analytics', topic: 'broadcast', codes: 'all', priority: 'routine' },
        { name: 'copy', topic: 'point-to-point', codes: 'all' },
      ],
    },
  ],
];
for (const [says, topics] of settings) {
  for (const [name, plain] of [
    ['county-099', county],
    ['the sample directory', sample],
  ] as const) {
    test(`every copy route sends to a topic reaches exactly whom it should: ${name}, ${says}`, () => {
      const directory = withTopics(plain, topics);
      const topology = deriveTopology(directory);
      const { destinations, groups } = reachOf(topology);
      fc.assert(
        fc.property(topicPlans(directory), ({ plan, priorityClass }) => {
          const priority = priorityClass <= 1 ? 'urgent' : 'routine';
          assert.deepEqual(
            matched(topology, plan, priorityClass),
            expected(plan, priority, directory.topics, directory),
          );
          if (plan.lane === 'point-to-point') assert.ok(destinations.has(plan.destination));
          for (const group of plan.groups) assert.ok(groups.has(group));
        }),
        { numRuns: 200 },
      );
    });
  }
}
