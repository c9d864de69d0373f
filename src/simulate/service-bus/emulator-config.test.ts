import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationMs } from './duration.ts';
import { loadEmulatorConfig, parseEmulatorConfig } from './emulator-config.ts';

const county = new URL('../../../examples/county-099/bus.json', import.meta.url).pathname;

const withTopic = (topic: object) => ({
  UserConfig: { Namespaces: [{ Name: 'ns', Topics: [{ Name: 't', ...topic }] }] },
});
const withQueues = (...queues: readonly object[]) => ({
  UserConfig: { Namespaces: [{ Name: 'ns', Queues: queues }] },
});
const withRule = (properties: object) =>
  withTopic({ Subscriptions: [{ Name: 's', Rules: [{ Name: 'r', Properties: properties }] }] });

function refusal(config: unknown): string {
  try {
    parseEmulatorConfig(config);
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'CONFIG_INVALID');
    return error.message;
  }
  return assert.fail('the config was taken');
}

test('reads the county-099 entities with their durations in milliseconds', async () => {
  const config = await loadEmulatorConfig(county);
  const topics = config.UserConfig.Namespaces[0]?.Topics ?? [];
  assert.deepEqual(
    topics.map(({ Name, Subscriptions }) => [Name, Subscriptions.length]),
    [
      ['point-to-point', 15],
      ['broadcast', 10],
    ],
  );
  for (const { Properties, Subscriptions } of topics) {
    assert.equal(Properties.RequiresDuplicateDetection, true);
    assert.equal(Properties.DuplicateDetectionHistoryTimeWindow, 300_000);
    for (const subscription of Subscriptions) {
      assert.equal(subscription.Properties.LockDuration, 30_000);
      assert.equal(subscription.Properties.MaxDeliveryCount, 10);
    }
  }
});

test('names the path of an unknown option', () => {
  assert.match(refusal(withTopic({ Properties: { EnableBatching: true } })), /EnableBatching.*Topics\[0\]/s);
});

test('refuses what the stand-in does not play, and says so', () => {
  assert.match(
    refusal(withTopic({ Subscriptions: [{ Name: 's', Properties: { ForwardTo: 'other' } }] })),
    /ForwardTo is not played/,
  );
  for (const option of ['ForwardTo', 'ForwardDeadLetteredMessagesTo']) {
    assert.match(refusal(withQueues({ Name: 'q', Properties: { [option]: 'other' } })), /is not played/);
  }
});

test('takes queues with the options of topics and of subscriptions, alone or beside topics', () => {
  const config = parseEmulatorConfig(
    withQueues({
      Name: 'q',
      Properties: { RequiresSession: true, RequiresDuplicateDetection: true, ForwardTo: '' },
    }),
  );
  const [queue] = config.UserConfig.Namespaces[0]?.Queues ?? [];
  assert.deepEqual([queue?.Properties.RequiresSession, queue?.Properties.LockDuration], [true, 60_000]);
  assert.match(refusal(withQueues()), /needs a queue or a topic/);
  assert.match(refusal(withQueues({ Name: 'q' }, { Name: 'Q' })), /Q is named twice/);
});

test('names rule, option and character of every wrong SQL expression, and never its text', () => {
  const sql = (name: string, filter: string, action?: string) => ({
    Name: name,
    Properties: {
      FilterType: 'Sql',
      SqlFilter: { SqlExpression: filter },
      ...(action === undefined ? {} : { Action: { SqlExpression: action } }),
    },
  });
  const rules = [
    sql('r1', "plate = 'ZZ999"),
    sql('r2', '1=1', 'SET plate'),
    sql('r3', '1=1', 'REMOVE plate'),
  ];
  const said = refusal(withTopic({ Subscriptions: [{ Name: 's', Rules: rules }] }));
  assert.match(said, /t\/s\/r1: SqlFilter: character 9: the text is not closed/);
  assert.match(said, /t\/s\/r2: Action: character 10: = is expected/);
  assert.doesNotMatch(said, /r3|plate|ZZ999/);
  const correlated = { FilterType: 'Correlation', CorrelationFilter: {}, Action: { SqlExpression: 'DROP' } };
  assert.match(refusal(withRule(correlated)), /t\/s\/r: Action: character 1: SET or REMOVE is expected/);
});

test('takes SQL filters and actions, and defaults for what is left out', () => {
  parseEmulatorConfig(withRule({ FilterType: 'Sql', SqlFilter: { SqlExpression: ' 1 = 1 ' } }));
  const acting = { SqlFilter: { SqlExpression: "a LIKE 'x%'" }, Action: { SqlExpression: 'SET b = 1' } };
  parseEmulatorConfig(withRule({ FilterType: 'Sql', ...acting }));
  const config = parseEmulatorConfig(withTopic({ Subscriptions: [{ Name: 's' }] }));
  const subscription = config.UserConfig.Namespaces[0]?.Topics[0]?.Subscriptions[0];
  assert.equal(subscription?.Properties.LockDuration, 60_000);
});

test('refuses two entities whose names differ by case only', () => {
  assert.match(refusal(withTopic({ Subscriptions: [{ Name: 's' }, { Name: 'S' }] })), /t\/S is named twice/);
});

test('reads ISO-8601 durations and refuses what is none', () => {
  assert.equal(durationMs('PT30S'), 30_000);
  assert.equal(durationMs('P1DT2H3M4.5S'), 93_784_500);
  assert.equal(durationMs('P10675199DT2H48M5.4775807S'), 922_337_203_685_477);
  for (const text of ['', 'P', 'PT', 'P1DT', '30', 'P1Y', 'P1W', 'PT-1S', 'pt1s', 'PT1S ']) {
    assert.equal(durationMs(text), undefined, `'${text}' was taken`);
  }
});
