import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationMs } from './duration.ts';
import { loadEmulatorConfig, parseEmulatorConfig } from './emulator-config.ts';

const county = new URL('../../../examples/county-099/bus.json', import.meta.url).pathname;

const withTopic = (topic: object) => ({
  UserConfig: { Namespaces: [{ Name: 'ns', Topics: [{ Name: 't', ...topic }] }] },
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
      ['point-to-point', 9],
      ['broadcast', 7],
    ],
  );
  for (const { Properties, Subscriptions } of topics) {
    assert.equal(Properties.RequiresDuplicateDetection, true);
    assert.equal(Properties.DuplicateDetectionHistoryTimeWindow, 3_600_000);
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
  const sql = { FilterType: 'Sql', SqlFilter: { SqlExpression: "destination = 'CA'" } };
  assert.match(refusal(withRule(sql)), /SQL filters are not played/);
  assert.match(
    refusal(withTopic({ Subscriptions: [{ Name: 's', Properties: { RequiresSession: true } }] })),
    /RequiresSession is not played/,
  );
  assert.match(
    refusal(withTopic({ Subscriptions: [{ Name: 's', Properties: { ForwardTo: 'other' } }] })),
    /ForwardTo is not played/,
  );
  const queues = {
    UserConfig: { Namespaces: [{ Name: 'ns', Queues: [{ Name: 'q' }], Topics: [{ Name: 't' }] }] },
  };
  assert.match(refusal(queues), /queues are not played/);
});

test('takes the SQL filter 1=1 as the true rule and the default for no rules', () => {
  parseEmulatorConfig(withRule({ FilterType: 'Sql', SqlFilter: { SqlExpression: ' 1 = 1 ' } }));
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
