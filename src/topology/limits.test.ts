import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Directory, loadDirectory, type TopicsSettings } from '../directory/directory.ts';
import { type LimitCode, limits, overLimits } from './limits.ts';
import { deriveTopology, type Rule, type Subscription, type Topology } from './topology.ts';

const root = join(import.meta.dirname, '../..');
const county = loadDirectory(join(root, 'examples/county-099/directory'));
const topology = deriveTopology(county);

/** Codes and places of what the limits say of a directory with these topic settings. */
const said = (topics: Partial<TopicsSettings>): readonly string[] => {
  const directory: Directory = { ...county, topics: { ...county.topics, ...topics } };
  return overLimits(deriveTopology(directory), directory).map(({ code, place }) => `${code} ${place}`);
};
const further = (name: string, codes: TopicsSettings['subscriptions'][number]['codes'] = 'all') =>
  said({ subscriptions: [{ name, topic: 'point-to-point', codes }] });

/** The same of the county's topology with its first topic's subscriptions replaced. */
const withSubscriptions = (subscriptions: readonly Subscription[]): readonly string[] => {
  const [first, ...rest] = topology.topics;
  assert.ok(first);
  const changed: Topology = { ...topology, topics: [{ ...first, subscriptions }, ...rest] };
  return overLimits(changed, county).map(({ code }) => code);
};
const some = (count: number, rules: readonly Rule[]): Subscription[] =>
  Array.from({ length: count }, (_, n) => ({
    name: `s${String(n)}`,
    settings: { timeToLiveSeconds: 60, lockSeconds: 30, deliveryCountMax: 10, deadLetterOnExpiry: true },
    rules,
  }));
const everything: Rule = { name: 'r', filter: { kind: 'everything' } };
const oneOri = (n: number): Rule => ({
  name: `r${String(n)}`,
  filter: { kind: 'correlation', properties: { destination: `CA${String(n)}` } },
});

test('the example directories are within every limit', () => {
  for (const folder of ['examples/county-099/directory', 'protocols/sample-directory']) {
    const directory = loadDirectory(join(root, folder));
    assert.deepEqual(overLimits(deriveTopology(directory), directory), []);
  }
});

test('settings are within what the tier takes, at their bounds and past them', () => {
  const both = (code: LimitCode) => [`${code} point-to-point`, `${code} broadcast`];
  assert.deepEqual(said({ duplicateWindowSeconds: 20 }), []);
  assert.deepEqual(said({ duplicateWindowSeconds: 19 }), both('DUPLICATE_WINDOW'));
  assert.deepEqual(said({ duplicateWindowSeconds: 604_800 }), []);
  assert.deepEqual(said({ duplicateWindowSeconds: 604_801 }), both('DUPLICATE_WINDOW'));
  assert.deepEqual(said({ topicMegabytesMax: 1024 }), []);
  assert.deepEqual(said({ topicMegabytesMax: 1025 }), both('TOPIC_SIZE'));
  assert.deepEqual(said({ topicMegabytesMax: 6144 }), both('TOPIC_SIZE'));
  assert.deepEqual(said({ topicMegabytesMax: 81_920, tier: 'premium' }), []);
  assert.deepEqual(said({ topicMegabytesMax: 82_944, tier: 'premium' }), both('TOPIC_SIZE'));
  assert.deepEqual(said({ messageKilobytesMax: 1024 }), both('MESSAGE_SIZE'));
  assert.deepEqual(said({ messageKilobytesMax: 1024, tier: 'premium' }), []);
  assert.deepEqual(said({ messageKilobytesMax: 1023, tier: 'premium' }), both('MESSAGE_SIZE'));
  assert.deepEqual(said({ messageKilobytesMax: 102_401, tier: 'premium' }), both('MESSAGE_SIZE'));
});

test('settings of subscriptions are named at each of them', () => {
  const count = topology.topics.flatMap(({ subscriptions }) => subscriptions).length;
  assert.deepEqual(said({ lockSeconds: 5 }), []);
  assert.deepEqual(said({ lockSeconds: 300 }), []);
  assert.equal(said({ lockSeconds: 4 }).length, count);
  assert.ok(said({ lockSeconds: 301 }).includes('LOCK broadcast/group-ca'));
  assert.deepEqual(said({ deliveryCountMax: 2000 }), []);
  assert.ok(said({ deliveryCountMax: 2001 }).includes('DELIVERY_COUNT point-to-point/all'));
  const long = overLimits(
    {
      ...topology,
      topics: topology.topics.map((topic) => ({
        ...topic,
        settings: { ...topic.settings, timeToLiveSeconds: limits.TIME_TO_LIVE.max + 1 },
        subscriptions: [],
      })),
    },
    county,
  );
  assert.deepEqual(
    long.map(({ code }) => code),
    ['TIME_TO_LIVE', 'TIME_TO_LIVE'],
  );
});

test('names are short, of letters the service takes, and differ by more than case', () => {
  assert.deepEqual(further('a'.repeat(50)), []);
  assert.deepEqual(further('a'.repeat(51)), [`SUBSCRIPTION_NAME point-to-point/${'a'.repeat(51)}`]);
  for (const name of ['car 12', 'car/12', '-car', 'car-', 'wagen-ä']) {
    assert.deepEqual(further(name), [`NAME_CHARACTERS point-to-point/${name}`]);
  }
  assert.deepEqual(further('CA0990100'), ['NAME_TAKEN point-to-point/CA0990100']);
  assert.deepEqual(further('all'), ['NAME_TAKEN point-to-point/all']);
  const none = { allTimeToLiveSeconds: undefined };
  const own = { name: 'All', topic: 'broadcast', codes: 'all' } as const;
  assert.deepEqual(said({ ...none, subscriptions: [own] }), ['NAME_TAKEN broadcast/All']);
  assert.deepEqual(further('car-12'), []);
  assert.deepEqual(further('car-12', ['NV', 'NV']), ['NAME_TAKEN point-to-point/car-12, rules']);
  const [first] = topology.topics;
  assert.ok(first);
  const named = (name: string) =>
    overLimits({ ...topology, topics: [{ ...first, name: name as never, subscriptions: [] }] }, county);
  assert.deepEqual(named('t'.repeat(260)), []);
  assert.deepEqual(
    [...named('t'.repeat(261)), ...named('t.')].map(({ code }) => code),
    ['TOPIC_NAME', 'NAME_CHARACTERS'],
  );
  assert.deepEqual(withSubscriptions(some(1, [{ ...everything, name: 'r'.repeat(50) }])), []);
  assert.deepEqual(withSubscriptions(some(1, [{ ...everything, name: 'r'.repeat(51) }])), ['RULE_NAME']);
});

test('subscriptions, rules and connections are counted', () => {
  assert.deepEqual(withSubscriptions(some(2000, [oneOri(1)])), []);
  assert.deepEqual(withSubscriptions(some(2001, [oneOri(1)])), ['SUBSCRIPTIONS']);
  const fifty = Array.from({ length: 50 }, (_, n) => oneOri(n));
  assert.deepEqual(withSubscriptions(some(2000, fifty)), []);
  assert.deepEqual(
    withSubscriptions([...some(1999, fifty), ...some(1, [...fifty, oneOri(50)])]),
    [
      // Both are named s0: the list is made for its rules.
      'NAME_TAKEN',
      'CORRELATION_FILTERS',
    ].reverse(),
  );
  assert.deepEqual(withSubscriptions(some(1000, [everything, { ...everything, name: 'q' }])), []);
  assert.ok(
    withSubscriptions(some(1001, [everything, { ...everything, name: 'q' }])).includes('SQL_FILTERS'),
  );
  assert.ok(withSubscriptions(some(5000, [oneOri(1)])).includes('CONNECTIONS'));
});

test('what a filter compares with fits into a property', () => {
  const ofSize = (bytes: number): Rule => ({
    name: 'r',
    filter: { kind: 'correlation', properties: { destination: 'ä'.repeat(bytes / 2) } },
  });
  assert.deepEqual(withSubscriptions(some(1, [ofSize(32_768)])), []);
  assert.deepEqual(withSubscriptions(some(1, [ofSize(32_770)])), ['FILTER_SIZE']);
});

test('a code that no message on the topic has is named by its place, never by itself', () => {
  assert.deepEqual(further('car', ['CA0990100', 'NV', 'NV0990400', 'GBN01']), [
    'CODE_UNKNOWN topics.json /subscriptions/0/codes/2',
    'CODE_UNKNOWN topics.json /subscriptions/0/codes/3',
  ]);
  assert.deepEqual(said({ splitByPriority: ['GBN01', 'UT', 'GBN99'] }), [
    'CODE_UNKNOWN topics.json /splitByPriority/2',
  ]);
});

test('docs/bus-topology.md lists every limit as this table says it', () => {
  const page = readFileSync(join(root, 'docs/bus-topology.md'), 'utf8');
  const rows = Array.from(
    page.matchAll(/^\| `([A-Z_]+)` \| (.+?) \| (.+?) \|$/gm),
    ([, code, says, source]) => [code, says, source],
  );
  assert.deepEqual(
    rows,
    Object.entries(limits).map(([code, { says, source }]) => [code, says, source]),
  );
});
