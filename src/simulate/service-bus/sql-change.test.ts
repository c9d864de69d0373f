import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import rhea from 'rhea';
import { copiesFor, failuresOf, MessageProperties, type Rule, ruleFrom, trueRule } from './rule.ts';
import { compileSqlAction, type SqlAction } from './sql-rule.ts';
import { bodyOf, readMessage } from './wire-message.ts';

const { types } = rhea;
const sections = rhea.message as unknown as { data_section(body: Buffer): unknown };
const guid = '01234567-89ab-cdef-0123-456789abcdef';

const sent = (fields: object): Buffer =>
  readMessage(rhea.message.encode({ ...fields, body: sections.data_section(Buffer.from('body')) })).bare;
const properties = (bare: Buffer): MessageProperties => new MessageProperties(bare, 1_700_000_000_000);

const order = sent({
  message_id: 'm-1',
  subject: 'AM',
  application_properties: {
    Quantity: types.wrap_long(5),
    price: types.wrap_double(2.5),
    color: 'red',
    id: types.wrap_uuid(Buffer.from(guid.replaceAll('-', ''), 'hex')),
    at: types.wrap_timestamp(1_700_000_000_000),
    raw: Buffer.from([1, 2]),
    nothing: null,
  },
});

function actionOf(text: string): SqlAction {
  const result = compileSqlAction(text);
  return result.ok ? result.compiled : assert.fail(`${text}: ${result.why}`);
}

function after(text: string, bare = order) {
  const changed = actionOf(text).changed(bare, properties(bare), 'r');
  if (changed === undefined) return assert.fail(`${text} failed`);
  assert.equal(bodyOf(changed).toString(), 'body');
  const decoded = rhea.message.decode(changed);
  const application = decoded['application_properties'] as Record<string, unknown>;
  return { decoded, application };
}

const rule = (name: string, filter: string, action?: string): Rule =>
  ruleFrom({
    Name: name,
    Properties: {
      FilterType: 'Sql',
      SqlFilter: { SqlExpression: filter },
      Action: action === undefined ? undefined : { SqlExpression: action },
    },
  });

test('SET adds and replaces, REMOVE takes away, and nothing else changes', () => {
  const { decoded, application } = after("SET quantity = quantity / 2; SET added = 'x'; REMOVE COLOR");
  const before = rhea.message.decode(order)['application_properties'] as Record<string, unknown>;
  const { color, ...kept } = before;
  assert.equal(color, 'red');
  assert.deepEqual(application, { ...kept, Quantity: 2, added: 'x', RuleName: 'r' });
  assert.deepEqual([decoded['message_id'], decoded['subject']], ['m-1', 'AM']);
});

test('statements need no separator and each sees what those before it changed', () => {
  const { application } = after('SET a = 1 SET a = a + 1, SET b = a * 10 REMOVE a; SET c = a');
  assert.deepEqual([application['a'], application['b'], application['c']], [undefined, 20, null]);
  assert.ok(!('a' in application) && 'c' in application);
});

test('a value keeps its kind on the wire', () => {
  const { application } = after(
    'SET long = 7 SET price = 3 SET flag = TRUE SET other = id SET moment = at SET bytes = raw ' +
      'SET none = nothing SET fresh = newid() SET half = 1 / 2.0 SET enqueued = sys.EnqueuedTimeUtc',
  );
  assert.deepEqual(application['bytes'], Buffer.from([1, 2]));
  const bare = actionOf('SET long = 7 SET price = 3').changed(order, properties(order), 'r') ?? assert.fail();
  assert.ok(properties(bare).user('long') === 7n && properties(bare).user('price') === 3);
  assert.deepEqual([application['flag'], application['none'], application['half']], [true, null, 0.5]);
  assert.equal(Number(application['moment']), 1_700_000_000_000);
  assert.equal(Number(application['enqueued']), 1_700_000_000_000);
  assert.deepEqual(application['other'], Buffer.from(guid.replaceAll('-', ''), 'hex'));
  assert.equal((application['fresh'] as Buffer).length, 16);
});

test('names that differ by case only are one property: set once, removed all', () => {
  const twice = sent({ application_properties: { Plate: 1, plate: 2 } });
  assert.deepEqual(after('SET PLATE = 3', twice).application, { Plate: 3, RuleName: 'r' });
  assert.deepEqual(after('REMOVE plate', twice).application, { RuleName: 'r' });
});

test('system properties are set, emptied and made where there were none', () => {
  const { decoded } = after(
    "SET sys.To = 'x' SET sys.Label = sys.Label + '!' SET sys.ReplyToSessionId = color " +
      'SET sys.MessageId = newid() SET sys.CorrelationId = sys.MessageId REMOVE sys.ContentType SET sys.ReplyTo = NULL',
  );
  assert.deepEqual([decoded['to'], decoded['subject'], decoded['reply_to_group_id']], ['x', 'AM!', 'red']);
  assert.match(String(decoded['message_id']), /^[0-9a-f-]{36}$/);
  assert.equal(decoded['correlation_id'], decoded['message_id']);
  assert.equal(after('REMOVE sys.Label').decoded['subject'], undefined);
  const bareOnly = after("SET sys.SessionId = 's' SET a = 1", sent({}));
  assert.equal(bareOnly.decoded['group_id'], 's');
  assert.deepEqual(bareOnly.application, { RuleName: 'r', a: 1 });
});

test('an id of any AMQP kind is a text to a rule', () => {
  for (const [id, text] of [
    [types.wrap_ulong(7) as unknown, '7'],
    [types.wrap_uuid(Buffer.from(guid.replaceAll('-', ''), 'hex')) as unknown, guid],
  ] as const) {
    assert.equal(properties(sent({ message_id: id })).sys(0), text);
  }
});

test('RuleName says which rule made the copy, unless the action says otherwise', () => {
  assert.equal(after('REMOVE color').application['RuleName'], 'r');
  assert.equal(after("SET rulename = 'other'").application['RuleName'], 'other');
  assert.ok(!('RuleName' in after('REMOVE RuleName').application));
});

test('a statement that cannot be carried out gives no copy and is counted', () => {
  for (const text of [
    'SET a = 1 / 0',
    'SET sys.Label = 5',
    'SET sys.MessageId = nothing',
    "SET sys.MessageId = ''",
    'SET sys.MessageId = NULL',
    'SET sys.To = raw',
  ]) {
    const action = actionOf(text);
    assert.equal(action.changed(order, properties(order), 'r'), undefined, text);
    assert.equal(action.failures, 1, text);
  }
});

test('an action that cannot be read is refused with its character', () => {
  for (const [text, at, why] of [
    ['', 1, /SET or REMOVE/],
    ['SET', 4, /is expected/],
    ['SET a', 6, /= is expected/],
    ['SET a = 1 = 2', 11, /SET or REMOVE/],
    ['SET a = (b = 1)', 9, /a value is expected/],
    ['REMOVE 5', 8, /is expected/],
    ['DELETE a', 1, /SET or REMOVE/],
    ['SET sys.Nope = 1', 5, /no such system property/],
    ['SET sys.EnqueuedTimeUtc = 1', 5, /cannot be changed/],
    ['REMOVE sys.MessageId', 8, /can be set, not removed/],
    ['SET a = 1;; SET b = 1', 11, /SET or REMOVE/],
  ] as const) {
    const result = compileSqlAction(text);
    assert.ok(!result.ok, text);
    assert.equal(result.at, at, text);
    assert.match(result.why, why, text);
  }
});

test('any changed message can be read again and holds what was set', () => {
  const name = fc
    .stringMatching(/^[a-z]{1,8}$/)
    .filter((of) => !/^(and|or|not|in|like|is|null|set|true)$/.test(of));
  const value = fc.oneof(fc.string(), fc.integer(), fc.boolean());
  const check = (before: Record<string, unknown>, key: string, text: string): void => {
    const bare = sent({ application_properties: before });
    const action = actionOf(`SET [${key}] = '${text.replaceAll("'", "''")}'`);
    const changed = action.changed(bare, properties(bare), 'r') ?? assert.fail();
    const { bare: again } = readMessage(changed);
    assert.equal(properties(again).user(key), text);
    for (const other of Object.keys(before))
      if (other !== key) assert.deepEqual(properties(again).user(other), properties(bare).user(other));
  };
  fc.assert(fc.property(fc.dictionary(name, value), name, fc.string(), check), { numRuns: 500 });
});

test('rules without an action give one copy together, each rule with an action one of its own', () => {
  const plain = [rule('p1', "color = 'red'"), rule('p2', '1=1'), rule('p3', "color = 'blue'")];
  const acting = [
    rule('a1', "color = 'red'", 'SET n = 1'),
    rule('a2', '1=1', 'SET n = 2'),
    rule('a3', '1=0', 'SET n = 3'),
  ];
  const copies = (rules: readonly Rule[]): readonly unknown[] => {
    const { isTaken, changed } = copiesFor(rules, properties(order));
    return [
      isTaken,
      ...changed.map((bare) => [properties(bare).user('rulename'), properties(bare).user('n')]),
    ];
  };
  assert.deepEqual(copies(plain), [true]);
  assert.deepEqual(copies([...plain, ...acting]), [true, ['a1', 1n], ['a2', 2n]]);
  assert.deepEqual(copies(acting), [false, ['a1', 1n], ['a2', 2n]]);
  assert.deepEqual(copies([trueRule, ...acting]), [true, ['a1', 1n], ['a2', 2n]]);
  assert.deepEqual(copies([rule('p3', "color = 'blue'")]), [false]);
  assert.deepEqual(copies([]), [false]);
});

test('a correlation filter may have an action too', () => {
  const { filter } = ruleFrom({
    Name: 'c',
    Properties: { FilterType: 'Correlation', CorrelationFilter: { Label: 'AM' } },
  });
  const acting = { ...rule('c', '1=1', 'SET n = 1'), filter };
  assert.equal(copiesFor([acting], properties(order)).changed.length, 1);
  assert.equal(copiesFor([acting], properties(sent({ subject: 'BQ' }))).changed.length, 0);
});

test('rules that could not decide or change are counted together and leave the message to the others', () => {
  const rules = [rule('f', '1 / 0 = 1'), rule('a', '1=1', 'SET sys.Label = 5'), trueRule];
  assert.deepEqual(copiesFor(rules, properties(order)), { isTaken: true, changed: [] });
  assert.equal(failuresOf(rules), 2);
});
