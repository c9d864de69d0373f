import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import type { RuleProperties, ServiceBusClient, ServiceBusRuleManager } from '@azure/service-bus';
import { type Bus, clientFor, openBus, takeAll } from './bus-under-test.ts';
import { afterCases, beforeCases, test } from './case.ts';

/** Otherwise used by tests of injected faults only, which other buses are spared: its rules can be changed here on any. */
const topic = 'faults';

let bus: Bus;
let client: ServiceBusClient;
let one: ServiceBusRuleManager;
let isThere = false;

beforeCases(async () => {
  bus = await openBus();
  client = clientFor(bus.address);
  one = client.createRuleManager(topic, 'one');
  isThere = true;
  await clear();
});

afterEach(async () => {
  if (isThere) await clear();
});

afterCases(async () => {
  if (isThere) await one.createRule('$Default', { sqlExpression: '1=1' });
  await client.close();
  await bus.close();
});

async function listed(): Promise<readonly RuleProperties[]> {
  const rules: RuleProperties[] = [];
  // By page: of a subscription without rules the SDK's plain iterator gives one undefined rule.
  for await (const page of one.listRules().byPage()) rules.push(...page);
  return rules.sort((a, b) => a.name.localeCompare(b.name));
}

/** Takes away every rule and every message of the subscription. */
async function clear(): Promise<void> {
  for (const { name } of await listed()) await one.deleteRule(name);
  await takeAll(client, topic, 'one');
  await takeAll(client, topic, 'two');
}

async function add(name: string, sqlExpression: string, action?: string): Promise<void> {
  if (action === undefined) await one.createRule(name, { sqlExpression });
  else await one.createRule(name, { sqlExpression }, { sqlExpression: action });
}

const messages = [
  { messageId: 'p', subject: 'AM', applicationProperties: { destination: 'CA0990100', priority: 3 } },
  { messageId: 'q', subject: 'BQ', applicationProperties: { destination: 'NV0990300', priority: 7 } },
  { messageId: 'r', to: 'desk', applicationProperties: { Destination: 'OR0990200', weight: 2.5 } },
  { messageId: 's', correlationId: 'c-1', applicationProperties: { urgent: true, priority: '7' } },
];

/** Sends the four and, to mark the end, one more that every rule here takes. */
async function sendAll(): Promise<void> {
  const all = [...messages, { messageId: '.' }];
  await client.createSender(topic).sendMessages(all.map((message) => ({ ...message, body: 'x' })));
}

test('SQL filters select by application and system properties', {
  needs: ['rules at run time'],
}, async () => {
  for (const [expression, expected] of [
    ['1=1', 'pqrs'],
    ['1=0', ''],
    ["destination = 'CA0990100'", 'p'],
    ["destination LIKE '__0990%' AND NOT destination LIKE 'CA%'", 'qr'],
    ['priority > 5', 'q'],
    ['priority + 4 = 7 OR weight * 2 = 5', 'pr'],
    ["destination IN ('CA0990100', 'NV0990300') AND sys.Label = 'AM'", 'p'],
    ["sys.CorrelationId = 'c-1' OR sys.To = 'desk'", 'rs'],
    ['urgent = TRUE', 's'],
    ['EXISTS(weight)', 'r'],
    ['destination IS NULL', 's'],
    ["sys.MessageId IN ('p', 's') AND [priority] IS NOT NULL", 'ps'],
    ['NOT (weight = 1)', 'r'],
  ] as const) {
    await add('only', `(${expression}) OR sys.MessageId = '.'`);
    await sendAll();
    const ids = (await takeAll(client, topic, 'one', expected.length + 1)).map(({ messageId }) => messageId);
    assert.equal(ids.join(''), `${expected}.`, expression);
    await one.deleteRule('only');
  }
});

test('a rule is read back as it was written', { needs: ['rules at run time'] }, async () => {
  await add('plain', "  destination = 'CA0990100'   OR priority>3 ");
  await add('acting', '1=1', "SET seen = 'yes';  REMOVE priority");
  await one.createRule('correlation', { subject: 'AM' }, { sqlExpression: 'SET a = 1' });
  assert.deepEqual(
    (await listed()).map(({ name, filter, action }) => [
      name,
      'sqlExpression' in filter ? filter.sqlExpression : 'subject' in filter && filter.subject,
      action.sqlExpression,
    ]),
    [
      ['acting', '1=1', "SET seen = 'yes';  REMOVE priority"],
      ['correlation', 'AM', 'SET a = 1'],
      ['plain', "  destination = 'CA0990100'   OR priority>3 ", undefined],
    ],
  );
});

test('a wrong expression is refused at once, adds nothing, and a good one is taken after it', {
  needs: ['rules at run time'],
}, async () => {
  const startedAt = performance.now();
  for (const [filter, action] of [
    ["destination = 'CA0990100"],
    ['destination'],
    ['sys.NoSuchProperty = 1'],
    ['1=1', 'SET'],
    ['1=1', 'SET sys.NoSuchProperty = 1'],
    [`a = '${'x'.repeat(1_025)}'`],
  ] as const) {
    await assert.rejects(add('wrong', filter, action), { name: 'ServiceBusError' }, filter);
  }
  assert.ok(bus.standIn === undefined || performance.now() - startedAt < 3_000, 'the SDK tried again');
  assert.deepEqual(await listed(), []);
  await add('wrong', '1=1');
  assert.deepEqual(
    (await listed()).map(({ name }) => name),
    ['wrong'],
  );
});

test('an action changes the copy of its own subscription only', {
  needs: ['rules at run time'],
}, async () => {
  await add(
    'acting',
    "destination = 'CA0990100'",
    "SET priority = priority * 2; SET sys.Label = 'seen'; REMOVE destination",
  );
  await sendAll();
  const [changed, ...others] = await takeAll(client, topic, 'one');
  assert.deepEqual(others, []);
  assert.deepEqual([changed?.messageId, changed?.subject, changed?.body], ['p', 'seen', Buffer.from('"x"')]);
  assert.deepEqual(changed?.applicationProperties, { priority: 6, RuleName: 'acting' });
  const untouched = await takeAll(client, topic, 'two');
  assert.deepEqual(
    untouched.map(({ messageId, subject, applicationProperties }) => ({
      messageId,
      subject,
      applicationProperties,
    })),
    [
      ...messages.map(({ messageId, subject, applicationProperties }) => ({
        messageId,
        subject,
        applicationProperties,
      })),
      { messageId: '.', subject: undefined, applicationProperties: undefined },
    ],
  );
});

test('rules without an action share one copy, each rule with an action makes its own', {
  needs: ['rules at run time'],
}, async () => {
  await add('p1', '1=1');
  await add('p2', "destination = 'CA0990100'");
  await add('a1', '1=1', 'SET n = 1');
  await add('a2', "sys.MessageId = 'p'", 'SET n = 2');
  await add('a3', '1=0', 'SET n = 3');
  await client.createSender(topic).sendMessages({ ...messages[0], body: 'x' });
  const copies = await takeAll(client, topic, 'one');
  const named = copies.map(
    ({ applicationProperties: of }) => `${String(of?.['RuleName'])} ${String(of?.['n'])}`,
  );
  assert.deepEqual(named.sort(), ['a1 1', 'a2 2', 'undefined undefined']);
  assert.equal(new Set(copies.map(({ sequenceNumber }) => String(sequenceNumber))).size, 3);
});
