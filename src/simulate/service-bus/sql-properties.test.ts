import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileSqlFilter, type SqlFilter } from './sql-rule.ts';
import type { SqlScope } from './sql-scope.ts';
import type { SqlValue } from './sql-value.ts';

/**
 * Conditions made at random, written as text with all parentheses or with as few as precedence allows, then judged by
 * the compiled filter and by the evaluator below, which shares no code with it and computes truth as 1, 0 and 1/2.
 */
type Tree =
  | { readonly is: 'constant'; readonly value: string | bigint | number | boolean | null }
  | { readonly is: 'property'; readonly name: string }
  | { readonly is: 'negative'; readonly of: Tree }
  | { readonly is: 'arithmetic'; readonly sign: string; readonly left: Tree; readonly right: Tree };
type Logic =
  | { readonly is: 'compare'; readonly sign: string; readonly left: Tree; readonly right: Tree }
  | { readonly is: 'null'; readonly name: string; readonly negated: boolean }
  | { readonly is: 'exists'; readonly name: string }
  | { readonly is: 'in'; readonly of: Tree; readonly list: readonly Tree[]; readonly negated: boolean }
  | { readonly is: 'like'; readonly of: Tree; readonly pattern: string; readonly negated: boolean }
  | { readonly is: 'not'; readonly of: Logic }
  | { readonly is: 'and' | 'or'; readonly left: Logic; readonly right: Logic };

const names = ['a', 'b', 'c', 'Größe', 'with space', 'x]y'];
const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'A', "'", '%', '_', 'é'), maxLength: 4 });
const constants = fc.oneof(
  texts,
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -3n, max: 3n }),
  fc.constantFrom(0.5, 1.5, 2.25, 1e21, 1e-7),
  fc.boolean(),
  fc.constant(null),
);
const name = fc.constantFrom(...names);
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    constants.map((value): Tree => ({ is: 'constant', value })),
    name.map((of): Tree => ({ is: 'property', name: of })),
    fc.record({ is: fc.constant('negative' as const), of: tie('tree') }),
    fc.record({
      is: fc.constant('arithmetic' as const),
      sign: fc.constantFrom('+', '-', '*', '/', '%'),
      left: tie('tree'),
      right: tie('tree'),
    }),
  ),
}));
const { logic } = fc.letrec<{ logic: Logic }>((tie) => ({
  logic: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      is: fc.constant('compare' as const),
      sign: fc.constantFrom('=', '<>', '!=', '<', '<=', '>', '>='),
      left: tree,
      right: tree,
    }),
    fc.record({ is: fc.constant('null' as const), name, negated: fc.boolean() }),
    fc.record({ is: fc.constant('exists' as const), name }),
    fc.record({
      is: fc.constant('in' as const),
      of: tree,
      list: fc.array(tree, { minLength: 1, maxLength: 3 }),
      negated: fc.boolean(),
    }),
    fc.record({ is: fc.constant('like' as const), of: tree, pattern: texts, negated: fc.boolean() }),
    fc.record({ is: fc.constant('not' as const), of: tie('logic') }),
    fc.record({
      is: fc.constantFrom('and' as const, 'or' as const),
      left: tie('logic'),
      right: tie('logic'),
    }),
  ),
}));
const messages = fc.dictionary(name, constants, { maxKeys: 6 });

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const property = (of: string): string => (/^\p{L}+$/u.test(of) ? of : `[${of.replaceAll(']', ']]')}]`);

function written(node: Tree, isFull: boolean, outer = 0): string {
  switch (node.is) {
    case 'constant': {
      const { value } = node;
      if (value === null) return 'NULL';
      if (typeof value === 'string') return quoted(value);
      if (typeof value === 'number') return value.toExponential().replace('+', '');
      return String(value).toUpperCase();
    }
    case 'property':
      return property(node.name);
    case 'negative':
      return `-(${written(node.of, isFull)})`;
    case 'arithmetic': {
      const own = node.sign === '+' || node.sign === '-' ? 1 : 2;
      const inner = `${written(node.left, isFull, own)} ${node.sign} ${written(node.right, isFull, own + 1)}`;
      return isFull || own < outer ? `(${inner})` : inner;
    }
  }
}

function said(node: Logic, isFull: boolean, outer = 0): string {
  const not = 'negated' in node && node.negated ? 'NOT ' : '';
  const of = (inner: Tree): string => written(inner, isFull);
  switch (node.is) {
    case 'compare':
      return `${of(node.left)} ${node.sign} ${of(node.right)}`;
    case 'null':
      return `${property(node.name)} IS ${not}NULL`;
    case 'exists':
      return `EXISTS(${property(node.name)})`;
    case 'in':
      return `${of(node.of)} ${not}IN (${node.list.map(of).join(', ')})`;
    case 'like':
      return `${of(node.of)} ${not}LIKE ${quoted(node.pattern)}`;
    case 'not':
      return isFull ? `NOT (${said(node.of, true)})` : `NOT ${said(node.of, false, 3)}`;
    default: {
      const own = node.is === 'or' ? 1 : 2;
      const inner = `${said(node.left, isFull, own)} ${node.is.toUpperCase()} ${said(node.right, isFull, own)}`;
      return isFull || own < outer ? `(${inner})` : inner;
    }
  }
}

type Message = Readonly<Record<string, SqlValue>>;
const uncomputable = new Error('a division by zero or past 64 bits');

function valueOf(node: Tree, message: Message): SqlValue {
  switch (node.is) {
    case 'constant':
      return node.value;
    case 'property':
      return message[node.name] ?? null;
    case 'negative': {
      const of = valueOf(node.of, message);
      if (typeof of === 'bigint') return BigInt.asIntN(64, 0n - of);
      return typeof of === 'number' ? -1 * of : null;
    }
    case 'arithmetic':
      return result(node.sign, valueOf(node.left, message), valueOf(node.right, message));
  }
}

function result(sign: string, left: SqlValue, right: SqlValue): SqlValue {
  if (typeof left === 'string' && typeof right === 'string' && sign === '+') return `${left}${right}`;
  if (typeof left === 'bigint' && typeof right === 'bigint') {
    if (right === 0n && '/%'.includes(sign)) throw uncomputable;
    if (sign === '/' && left / right === 2n ** 63n) throw uncomputable;
    const longs: Record<string, () => bigint> = {
      '+': () => left + right,
      '-': () => left - right,
      '*': () => left * right,
      '/': () => left / right,
      '%': () => left % right,
    };
    return BigInt.asIntN(64, longs[sign]?.() ?? 0n);
  }
  if (!/^(bigint|number) (bigint|number)$/.test(`${typeof left} ${typeof right}`)) return null;
  const [x, y] = [Number(left), Number(right)];
  const doubles: Record<string, number> = { '+': x + y, '-': x - y, '*': x * y, '/': x / y, '%': x % y };
  return doubles[sign] ?? null;
}

const unknown = 0.5;

function compare(sign: string, left: SqlValue, right: SqlValue): number {
  if (left === null || right === null) return unknown;
  const kind = (of: SqlValue): string => (typeof of === 'bigint' ? 'number' : typeof of);
  if (kind(left) !== kind(right)) return unknown;
  if (typeof left === 'boolean' && !['=', '<>', '!='].includes(sign)) return unknown;
  const isMixed = typeof left !== typeof right;
  const [x, y] = isMixed ? [Number(left), Number(right)] : [left, right];
  const checks: Record<string, boolean> = {
    '=': x === y,
    '<>': x !== y,
    '!=': x !== y,
    '<': x < y,
    '<=': x <= y,
    '>': x > y,
    '>=': x >= y,
  };
  return checks[sign] === true ? 1 : 0;
}

function fits(text: string, pattern: string): boolean {
  const [first, rest] = [pattern.charAt(0), pattern.slice(1)];
  if (pattern === '') return text === '';
  if (first === '%') return fits(text, rest) || (text !== '' && fits(text.slice(1), pattern));
  return text !== '' && (first === '_' || first === text.charAt(0)) && fits(text.slice(1), rest);
}

function truth(node: Logic, message: Message): number {
  const turned = (of: number): number => ('negated' in node && node.negated ? 1 - of : of);
  switch (node.is) {
    case 'compare':
      return compare(node.sign, valueOf(node.left, message), valueOf(node.right, message));
    case 'null':
      return turned((message[node.name] ?? null) === null ? 1 : 0);
    case 'exists':
      return node.name in message ? 1 : 0;
    case 'in': {
      const of = valueOf(node.of, message);
      if (of === null) return unknown;
      let most = 0;
      for (const item of node.list) {
        if (most < 1) most = Math.max(most, compare('=', of, valueOf(item, message)));
      }
      return turned(most);
    }
    case 'like': {
      const of = valueOf(node.of, message);
      return typeof of === 'string' ? turned(fits(of, node.pattern) ? 1 : 0) : unknown;
    }
    case 'not':
      return 1 - truth(node.of, message);
    case 'and': {
      const left = truth(node.left, message);
      return left === 0 ? 0 : Math.min(left, truth(node.right, message));
    }
    case 'or': {
      const left = truth(node.left, message);
      return left === 1 ? 1 : Math.max(left, truth(node.right, message));
    }
  }
}

function expected(node: Logic, message: Message): boolean | 'uncomputable' {
  try {
    return truth(node, message) === 1;
  } catch (error) {
    assert.equal(error, uncomputable);
    return 'uncomputable';
  }
}

function scopeOf(message: Message): SqlScope {
  const named = new Map(Object.entries(message).map(([of, value]) => [of.toLowerCase(), value]));
  return { user: (of) => named.get(of), sys: () => null, isFailed: false };
}

test('a condition written out and compiled says what an evaluator of its own says', () => {
  let compiled = 0;
  const seen = new Set<unknown>();
  const check = (node: Logic, message: Message): void => {
    for (const isFull of [true, false]) {
      const text = said(node, isFull);
      const result = compileSqlFilter(text);
      if (!result.ok) {
        assert.ok(text.length > 1_024 || /nests deeper/.test(result.why), `${text} ${result.why}`);
        continue;
      }
      compiled++;
      const opposite: Logic = { is: 'not', of: node };
      for (const one of [node, opposite]) {
        const filter: SqlFilter = one === node ? result.compiled : filterOf(said(one, isFull));
        const wanted = expected(one, message);
        seen.add(wanted);
        assert.equal(filter.isMatched(scopeOf(message)), wanted === true, text);
        assert.equal(filter.failures, wanted === 'uncomputable' ? 1 : 0, text);
      }
    }
  };
  fc.assert(fc.property(logic, messages, check), { numRuns: 4_000 });
  assert.ok(compiled > 6_000, `only ${String(compiled)} of 8,000 texts were compared`);
  assert.equal(seen.size, 3);
});

function filterOf(text: string): SqlFilter {
  const result = compileSqlFilter(text);
  return result.ok ? result.compiled : assert.fail(`${text}: ${result.why}`);
}
