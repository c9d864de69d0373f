import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileSqlAction, compileSqlFilter, type SqlFilter } from './sql-rule.ts';
import { ENQUEUED_TIME, type SqlScope, systemPositions } from './sql-scope.ts';
import { Guid, Opaque, type SqlValue } from './sql-value.ts';

const guid = '01234567-89ab-cdef-0123-456789abcdef';
const user: Readonly<Record<string, SqlValue>> = {
  color: 'blue',
  quantity: 10n,
  five: 5n,
  weight: 2.5,
  whole: 5,
  isurgent: true,
  empty: null,
  nan: Number.NaN,
  'hr-employeeid': 'E7',
  "o'clock": 'noon',
  'a]b': 1n,
  'a"b': 2n,
  größe: 3n,
  user: 'me',
  p: 4n,
  when: new Date(1_000),
  later: new Date(2_000),
  id: new Guid(guid),
  same: new Guid(guid),
  raw: new Opaque(Buffer.from([0xa0, 0])),
  long: 'x'.repeat(30_000),
  shorter: 'x'.repeat(3_000),
  percent: '100%',
  pattern: '1%',
  lowest: -(2n ** 63n),
};

function scopeOf(properties: Readonly<Record<string, SqlValue>>): SqlScope {
  const system = new Map<number, SqlValue>([
    [systemPositions.Label, 'bus stop'],
    [systemPositions.MessageId, 'm-1'],
    [ENQUEUED_TIME, new Date(5_000)],
  ]);
  const named = new Map(Object.entries(properties));
  return {
    user: (name) => named.get(name),
    sys: (position) => system.get(position) ?? null,
    isFailed: false,
  };
}

function compiled(text: string): SqlFilter {
  const result = compileSqlFilter(text);
  if (result.ok) return result.compiled;
  return assert.fail(`'${text}' was refused at ${String(result.at)}: ${result.why}`);
}

/** T, F or U(nknown): what NOT leaves unmatched on both sides is unknown. */
function truthOf(text: string): string {
  const scope = scopeOf(user);
  const isTrue = compiled(text).isMatched(scope);
  const isFalse = compiled(`NOT (${text})`).isMatched(scope);
  return isTrue ? 'T' : isFalse ? 'F' : 'U';
}

const tables: Readonly<Record<string, readonly (readonly [string, 'T' | 'F' | 'U'])[]>> = {
  'comparisons follow the operators of C#': [
    ['1=1', 'T'],
    ['1 = 0', 'F'],
    ["color = 'blue'", 'T'],
    ["COLOR = 'blue'", 'T'],
    ["color = 'Blue'", 'F'],
    ["color <> 'red'", 'T'],
    ["color != 'blue'", 'F'],
    ["color < 'blue!'", 'T'],
    ["color >= 'blue'", 'T'],
    ['quantity = 10', 'T'],
    ['quantity = 10.0', 'T'],
    ['quantity > 9.5', 'T'],
    ['quantity <= 1E1', 'T'],
    ['weight = 0.25E+1', 'T'],
    ['weight < 3', 'T'],
    ['isUrgent = TRUE', 'T'],
    ['isUrgent <> false', 'T'],
    ['isUrgent > FALSE', 'U'],
    ["isUrgent = 'true'", 'U'],
    ['isUrgent = 1', 'U'],
    ["quantity = '10'", 'U'],
    ["'10' = quantity", 'U'],
    ["quantity <> '10'", 'U'],
    ['color = 3', 'U'],
    ['nan = nan', 'F'],
    ['nan <> nan', 'T'],
    ['nan < 1', 'F'],
    ['[when] < later', 'T'],
    ['[when] = later', 'F'],
    ["[when] < '2026'", 'U'],
    ['id = same', 'T'],
    ['id < same', 'U'],
    [`id = '${guid}'`, 'U'],
    ['raw = raw', 'U'],
    ['sys.EnqueuedTimeUtc > [when]', 'T'],
  ],
  'names, scopes, constants and functions': [
    ["user.color = 'blue'", 'T'],
    ["User . Color = 'blue'", 'T'],
    ["sys.Label = 'bus stop'", 'T'],
    ["SYS.label = 'bus stop'", 'T'],
    ["sys.[Label] = 'bus stop'", 'T'],
    ["sys.Subject = 'bus stop'", 'T'],
    ["label = 'bus stop'", 'U'],
    ["sys.MessageId = 'm-1' AND sys.To IS NULL", 'T'],
    ['sys.CorrelationId IS NULL AND sys.ReplyTo IS NULL AND sys.ContentType IS NULL', 'T'],
    ['sys.SessionId IS NULL AND sys.ReplyToSessionId IS NULL', 'T'],
    ["[HR-EmployeeID] = 'E7'", 'T'],
    ['"HR-EmployeeID" = \'E7\'', 'T'],
    ["[o'clock] = 'noon'", 'T'],
    ['[a]]b] = 1', 'T'],
    ['"a""b" = 2', 'T'],
    ['Größe = 3', 'T'],
    ["user = 'me'", 'T'],
    ['p = 4', 'T'],
    ["color <> 'it''s'", 'T'],
    ["p('Color') = 'blue'", 'T'],
    ["property('col' + 'or') = 'blue'", 'T'],
    ['property(quantity) = 1', 'U'],
    ["p('nothing') = 1", 'U'],
    ['newid() = newid()', 'F'],
    ['newid() <> id', 'T'],
  ],
  'arithmetic binds * before + and follows C# in its types': [
    ['1 + 2 * 3 = 7', 'T'],
    ['(1 + 2) * 3 = 9', 'T'],
    ['10 - 4 - 3 = 3', 'T'],
    ['2 - -2 = 4', 'T'],
    ['- - five = +5', 'T'],
    ['-five * 2 = -10', 'T'],
    ['quantity / 4 = 2', 'T'],
    ['quantity / 4.0 = 2.5', 'T'],
    ['whole / 2 = 2.5', 'T'],
    ['five / 2 = 2', 'T'],
    ['-7 / 2 = -3', 'T'],
    ['-7 % 3 = -1', 'T'],
    ['7.5 % 2 = 1.5', 'T'],
    ['9223372036854775807 + 1 = -9223372036854775808', 'T'],
    ['-lowest = lowest', 'T'],
    ['1.0 / 0 > 1E300', 'T'],
    ["'a' + 'b' = 'ab'", 'T'],
    ["'a' + 1 = 'a1'", 'U'],
    ["-'a' = 'a'", 'U'],
    ['isUrgent + 1 = 2', 'U'],
    ['nothing + 1 = 1', 'U'],
    ['-nothing = 1', 'U'],
  ],
  'NULL, absence, IN and EXISTS': [
    ['nothing = 1', 'U'],
    ['nothing <> 1', 'U'],
    ['empty = 1', 'U'],
    ['empty = NULL', 'U'],
    ['NULL = NULL', 'U'],
    ['nothing IS NULL', 'T'],
    ['empty IS NULL', 'T'],
    ['color IS NULL', 'F'],
    ['color IS NOT NULL', 'T'],
    ['raw IS NOT NULL', 'T'],
    ['EXISTS(color)', 'T'],
    ['EXISTS(user.empty)', 'T'],
    ['EXISTS(nothing)', 'F'],
    ['EXISTS (sys.Label)', 'T'],
    ['EXISTS(sys.To)', 'F'],
    ["color IN ('red', 'blue')", 'T'],
    ["color IN ('red')", 'F'],
    ["color NOT IN ('red')", 'T'],
    ['quantity IN (1, 2 * 5)', 'T'],
    ["nothing IN ('red')", 'U'],
    ["nothing NOT IN ('red')", 'U'],
    ["color IN (nothing, 'blue')", 'T'],
    ["color IN (nothing, 'red')", 'U'],
    ["color NOT IN (NULL, 'red')", 'U'],
  ],
  'LIKE with wildcards and an escape character': [
    ["color LIKE 'blue'", 'T'],
    ["color LIKE 'BLUE'", 'F'],
    ["color LIKE 'b%'", 'T'],
    ["color LIKE '%ue'", 'T'],
    ["color LIKE '%l%'", 'T'],
    ["color LIKE 'b__e'", 'T'],
    ["color LIKE 'b_e'", 'F'],
    ["color LIKE '%_____%'", 'F'],
    ["color LIKE '%'", 'T'],
    ["color LIKE ''", 'F'],
    ["color NOT LIKE 'r%'", 'T'],
    ["percent LIKE '100\\%' ESCAPE '\\'", 'T'],
    ["color LIKE 'blu\\%' ESCAPE '\\'", 'F'],
    ["percent LIKE '!1__!%' ESCAPE '!'", 'T'],
    ['percent LIKE pattern', 'T'],
    ["sys.Label LIKE '%bus%'", 'T'],
    ["quantity LIKE '1%'", 'U'],
    ["nothing LIKE 'a'", 'U'],
    ['color LIKE nothing', 'U'],
    ["color LIKE 'a' ESCAPE nothing", 'U'],
  ],
  'NOT binds before AND, AND before OR': [
    ['1=1 OR 1=0 AND 1=0', 'T'],
    ['(1=1 OR 1=0) AND 1=0', 'F'],
    ['NOT 1=0 AND 1=0', 'F'],
    ['NOT (1=0 AND 1=0)', 'T'],
    ['NOT NOT 1=1', 'T'],
    ['not nothing = 1 or 1 = 1', 'T'],
    ["NOT color = 'red' AND quantity = 10", 'T'],
  ],
};

for (const [title, rows] of Object.entries(tables)) {
  test(title, () => {
    for (const [text, expected] of rows) assert.equal(truthOf(text), expected, text);
  });
}

test('AND, OR and NOT have the three values of the documented tables', () => {
  const operand = { T: '1=1', F: '1=0', U: 'nothing=1' };
  const and = { TT: 'T', TF: 'F', TU: 'U', FT: 'F', FF: 'F', FU: 'F', UT: 'U', UF: 'F', UU: 'U' };
  const or = { TT: 'T', TF: 'T', TU: 'T', FT: 'T', FF: 'F', FU: 'U', UT: 'T', UF: 'U', UU: 'U' };
  for (const [name, table] of Object.entries({ AND: and, OR: or })) {
    for (const [pair, expected] of Object.entries(table)) {
      const [left, right] = Array.from(pair) as ('T' | 'F' | 'U')[];
      if (left === undefined || right === undefined) assert.fail();
      const text = `${operand[left]} ${name} ${operand[right]}`;
      assert.equal(truthOf(text), expected, text);
    }
  }
  assert.deepEqual(
    ['T', 'F', 'U'].map((of) => truthOf(`NOT ${operand[of as 'T' | 'F' | 'U']}`)),
    ['F', 'T', 'U'],
  );
});

test('a wrong expression is refused with the character where it is wrong', () => {
  const wrong: readonly (readonly [string, number, RegExp])[] = [
    ['', 1, /a value, a property or \( is expected/],
    ['   ', 4, /is expected/],
    ['color', 1, /a condition is expected/],
    ['TRUE', 1, /a condition is expected/],
    ['a AND b = 1', 1, /a condition is expected/],
    ['a = 1 AND b', 11, /a condition is expected/],
    ['NOT 5', 5, /a condition is expected/],
    ['(a = 1) = 2', 1, /a value is expected/],
    ['1 + (a = 1) = 2', 5, /a value is expected/],
    ['a = b = c', 7, /an operator or the end/],
    ['a = 1 b = 2', 7, /an operator or the end/],
    ['a =', 4, /is expected/],
    ['a == 1', 4, /is expected/],
    ["a = 'x", 5, /the text is not closed/],
    ['[a = 1', 1, /the name is not closed/],
    ['[] = 1', 1, /the name is empty/],
    ['a = ~1', 5, /begins nothing/],
    ['_a = 1', 1, /begins nothing/],
    ['a = @name', 5, /parameters are not played/],
    ['a = 12ab', 7, /the number does not end here/],
    ['a = 1.2.3', 8, /the number does not end here/],
    ['a = 1E+', 6, /the exponent has no digits/],
    ['a = 9223372036854775808', 5, /passes 64 bits/],
    ['a = -9223372036854775809', 6, /passes 64 bits/],
    ['sys.Labell = 1', 1, /no such system property/],
    ['sys.DeliveryCount > 1', 1, /not played by the stand-in/],
    ['other.name = 1', 1, /a scope is sys or user/],
    ['a.b = 1', 1, /a scope is sys or user/],
    ['length(a) = 1', 1, /a function is/],
    ['newid(1) = 1', 7, /\) is expected/],
    ['p() = 1', 3, /is expected/],
    ['in = 1', 1, /is expected/],
    ['a IS 1', 6, /NULL is expected/],
    ['1 IS NULL', 1, /only a property/],
    ['p(a) IS NULL', 1, /only a property/],
    ['EXISTS(1)', 8, /is expected/],
    ['EXISTS a', 8, /\( is expected/],
    ['a IN ()', 7, /is expected/],
    ['a IN 1', 6, /\( is expected/],
    ['a IN (1', 8, /\) is expected/],
    ['a NOT = 1', 7, /IN or LIKE/],
    ['a LIKE 5', 8, /the pattern must be a text/],
    ["a LIKE 'a!' ESCAPE '!'", 8, /the pattern must be a text/],
    ["a LIKE 'a' ESCAPE 'xy'", 8, /the pattern must be a text/],
    ["a LIKE 'a' ESCAPE ''", 8, /the pattern must be a text/],
    ['(a = 1', 7, /\) is expected/],
    ['a = 1)', 6, /an operator or the end/],
  ];
  for (const [text, at, why] of wrong) {
    const result = compileSqlFilter(text);
    assert.ok(!result.ok, `'${text}' was taken`);
    assert.equal(result.at, at, text);
    assert.match(result.why, why, text);
  }
});

test('a refusal repeats nothing of the expression', () => {
  const result = compileSqlFilter("plate = 'ZZ999' ZZ999");
  assert.ok(!result.ok);
  assert.equal(result.at, 17);
  assert.doesNotMatch(result.why, /ZZ999|plate/);
});

test('length and depth are bounded, and what fits the bounds compiles and runs', () => {
  const fits = `quantity IN (${'1,'.repeat(504)}10)`;
  assert.ok(fits.length <= 1_024);
  assert.equal(truthOf(`${'('.repeat(62)}1=1${')'.repeat(62)}`), 'T');
  assert.equal(truthOf(`(1=1)${' AND (1=1)'.repeat(90)}`), 'T', 'side by side is not deep');
  assert.ok(compiled(fits).isMatched(scopeOf(user)));
  assert.ok(compiled(`1${'+1'.repeat(508)} = 509`).isMatched(scopeOf(user)));
  const long = compileSqlFilter(`a = '${'x'.repeat(1_024)}'`);
  assert.ok(!long.ok && long.at === 1_025 && /longer than 1024/.test(long.why));
  for (const opening of ['(', 'NOT ', '-(', 'p(']) {
    const deep = compileSqlFilter(opening.repeat(200));
    assert.ok(!deep.ok && /nests deeper than 64/.test(deep.why), opening);
  }
  const many = compileSqlAction('REMOVE a;'.repeat(33));
  assert.ok(!many.ok && many.at === 289 && /at most 32 statements/.test(many.why));
});

test('what cannot be computed is no match and is counted, whatever OR would have made of it', () => {
  for (const text of [
    'quantity / 0 = 1 OR 1=1',
    'quantity % (five - 5) = 1 OR 1=1',
    'lowest / -1 = 1 OR 1=1',
    "long + long = 'x' OR 1=1",
    'color LIKE quantity OR 1=1',
    "color LIKE 'a' ESCAPE sys.Label OR 1=1",
  ]) {
    const filter = compiled(text);
    const scope = scopeOf(user);
    assert.equal(filter.isMatched(scope), false, text);
    assert.equal(filter.failures, 1, text);
    assert.equal(compiled('1=1').isMatched(scope), true, 'the next filter starts afresh');
  }
  const unreached = compiled('1=1 OR quantity / 0 = 1');
  assert.ok(unreached.isMatched(scopeOf(user)));
  assert.equal(unreached.failures, 0);
});

test('LIKE takes time in proportion to text and pattern, whatever the wildcards', () => {
  const before = process.cpuUsage();
  for (const pattern of [`${'%x'.repeat(490)}%y`, `%${'x'.repeat(980)}y%`, `%${'_x'.repeat(490)}y`]) {
    assert.equal(compiled(`shorter LIKE '${pattern}'`).isMatched(scopeOf(user)), false);
  }
  assert.ok(process.cpuUsage(before).user < 2_000_000, 'more than 2 s of this process');
});

test('no text makes the compilers throw', () => {
  const words = [
    ...'AND OR NOT IN LIKE ESCAPE IS NULL EXISTS TRUE FALSE SET REMOVE sys user newid p a b'.split(' '),
    ..."( ) , . ; = <> != < <= + - * / % 1 2.5 1E5 @x [ ] \" ' 'x' [a] sys.Label EnqueuedTimeUtc".split(' '),
  ];
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((parts) => parts.join(' ')),
  );
  const check = (text: string): void => {
    const filter = compileSqlFilter(text);
    if (filter.ok) filter.compiled.isMatched(scopeOf(user));
    else assert.ok(filter.at >= 1 && filter.at <= text.length + 1);
    const action = compileSqlAction(text);
    if (!action.ok) assert.ok(action.at >= 1 && action.at <= text.length + 1);
  };
  fc.assert(fc.property(texts, check), { numRuns: 5_000 });
});
