import { systemNames, systemNamesNotPlayed } from './sql-scope.ts';
import { SqlSyntax, type Token, tokenize } from './sql-token.ts';
import {
  type ArithmeticSign,
  asPredicate,
  asProperty,
  asValue,
  type ComparisonSign,
  negatedIf,
  type PredicateNode,
  type PropertyNode,
  type SqlNode,
  type StatementNode,
  type ValueNode,
} from './sql-tree.ts';
import type { SqlValue } from './sql-value.ts';

/** How deep parentheses, NOT and signs may nest. The service names no number; 1,024 characters bound the rest. */
const nestingMax = 64;

/** Service Bus quotas: expressions of one rule action. */
const statementsMax = 32;

const reserved: ReadonlySet<string> = new Set(
  'AND OR NOT IN LIKE ESCAPE IS NULL EXISTS TRUE FALSE SET REMOVE'.split(' '),
);
const comparisons: ReadonlyMap<string, ComparisonSign> = new Map([
  ['=', '='],
  ['<>', '<>'],
  ['!=', '<>'],
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
]);
const longMax = 2n ** 63n - 1n;

/** Reads a filter condition. Throws `SqlSyntax` and nothing else. */
export function parseCondition(source: string): PredicateNode {
  const parser = new Parser(tokenize(source));
  const condition = asPredicate(parser.disjunction());
  parser.expectEnd();
  return condition;
}

/** Reads the statements of an action, of which there is at least one. Throws `SqlSyntax` and nothing else. */
export function parseStatements(source: string): readonly StatementNode[] {
  const parser = new Parser(tokenize(source));
  const statements: StatementNode[] = [];
  do {
    const { at } = parser.next;
    if (statements.push(parser.statement()) > statementsMax)
      throw new SqlSyntax(at, `an action holds at most ${String(statementsMax)} statements`);
  } while (parser.next.kind !== 'end');
  return statements;
}

/**
 * Operators from loose to tight: OR, AND, NOT, comparisons (which do not chain), + and -, * / and %, signs. Conditions
 * and values share parentheses, so every operator checks which of the two it was given.
 */
class Parser {
  readonly #tokens: readonly Token[];
  #place = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get next(): Token {
    // The last token is `end` and is never taken.
    return this.#tokens[this.#place] as Token;
  }

  expectEnd(): void {
    if (this.next.kind !== 'end') throw new SqlSyntax(this.next.at, 'an operator or the end is expected');
  }

  statement(): StatementNode {
    const removes = this.#takeWord('REMOVE');
    if (!removes && !this.#takeWord('SET')) throw new SqlSyntax(this.next.at, 'SET or REMOVE is expected');
    const property = this.#property();
    let value: ValueNode | undefined;
    if (!removes) {
      this.#expectSign('=');
      value = asValue(this.#sum());
    }
    if (!this.#takeSign(';')) this.#takeSign(',');
    return { property, value };
  }

  disjunction(): SqlNode {
    return this.#joined('OR', 'or', () => this.#joined('AND', 'and', () => this.#negation()));
  }

  #joined(word: string, kind: 'and' | 'or', part: () => SqlNode): SqlNode {
    const first = part();
    if (!this.#isWord(word)) return first;
    const parts = [asPredicate(first)];
    while (this.#takeWord(word)) parts.push(asPredicate(part()));
    return { kind, parts, at: first.at };
  }

  #negation(): SqlNode {
    const { at } = this.next;
    if (!this.#takeWord('NOT')) return this.#comparison();
    return this.#deeper(at, () => ({ kind: 'not', of: asPredicate(this.#negation()), at }));
  }

  #comparison(): SqlNode {
    const left = this.#sum();
    const { at } = left;
    const sign = this.next.kind === 'sign' ? comparisons.get(this.next.key) : undefined;
    if (sign !== undefined) {
      this.#place++;
      return { kind: 'compare', sign, left: asValue(left), right: asValue(this.#sum()), at };
    }
    if (this.#takeWord('IS')) {
      const isNegated = this.#takeWord('NOT');
      this.#expectWord('NULL');
      return negatedIf(isNegated, { kind: 'is-null', of: asProperty(left), at });
    }
    const isNegated = this.#takeWord('NOT');
    if (this.#takeWord('IN'))
      return negatedIf(isNegated, { kind: 'in', of: asValue(left), list: this.#list(), at });
    if (this.#takeWord('LIKE')) return negatedIf(isNegated, this.#like(asValue(left)));
    if (isNegated) throw new SqlSyntax(this.next.at, 'IN or LIKE is expected');
    return left;
  }

  #list(): readonly ValueNode[] {
    this.#expectSign('(');
    const list = [asValue(this.#sum())];
    while (this.#takeSign(',')) list.push(asValue(this.#sum()));
    this.#expectSign(')');
    return list;
  }

  #like(of: ValueNode): PredicateNode {
    const pattern = asValue(this.#sum());
    const escape = this.#takeWord('ESCAPE') ? asValue(this.#sum()) : undefined;
    return { kind: 'like', of, pattern, escape, at: of.at };
  }

  #sum(): SqlNode {
    return this.#chained('+-', () => this.#chained('*/%', () => this.#signed()));
  }

  #chained(signs: string, operand: () => SqlNode): SqlNode {
    let left = operand();
    while (this.next.kind === 'sign' && this.next.key.length === 1 && signs.includes(this.next.key)) {
      const sign = this.next.key as ArithmeticSign;
      this.#place++;
      left = { kind: 'arithmetic', sign, left: asValue(left), right: asValue(operand()), at: left.at };
    }
    return left;
  }

  #signed(): SqlNode {
    const { at, kind, key } = this.next;
    if (kind !== 'sign' || (key !== '+' && key !== '-')) return this.#primary();
    this.#place++;
    // The lowest Int64 has no positive twin, so a sign before a number belongs to the constant.
    if (key === '-' && this.next.kind === 'long') return { ...this.#long(-1n), at };
    return this.#deeper(at, () => ({ kind: 'unary', sign: key, of: asValue(this.#signed()), at }));
  }

  #primary(): SqlNode {
    const { at, kind, key, text } = this.next;
    if (kind === 'long') return this.#long(1n);
    if (kind === 'double') return this.#constant(Number(text));
    if (kind === 'text') return this.#constant(text);
    if (kind === 'word' && key === 'TRUE') return this.#constant(true);
    if (kind === 'word' && key === 'FALSE') return this.#constant(false);
    if (kind === 'word' && key === 'NULL') return this.#constant(null);
    if (this.#takeSign('(')) return this.#enclosed(at, () => this.disjunction());
    if (this.#takeWord('EXISTS')) {
      this.#expectSign('(');
      return this.#enclosed(at, () => ({ kind: 'exists', of: this.#property(), at }));
    }
    return this.#call() ?? this.#property();
  }

  #call(): ValueNode | undefined {
    const { at, kind, key } = this.next;
    const opening = this.#tokens[this.#place + 1];
    if (kind !== 'word' || opening?.key !== '(') return undefined;
    if (key !== 'NEWID' && key !== 'PROPERTY' && key !== 'P')
      throw new SqlSyntax(at, 'a function is newid, property or p');
    this.#place += 2;
    return this.#enclosed(at, (): ValueNode => {
      if (key === 'NEWID') return { kind: 'newid', at };
      return { kind: 'property-of', name: asValue(this.#sum()), at };
    });
  }

  #property(): PropertyNode {
    const { at, kind, key } = this.next;
    const dot = this.#tokens[this.#place + 1];
    if (kind !== 'word' || dot?.kind !== 'sign' || dot.key !== '.') return userProperty(this.#name(), at);
    if (key !== 'SYS' && key !== 'USER') throw new SqlSyntax(at, 'a scope is sys or user');
    this.#place += 2;
    const name = this.#name();
    return key === 'USER' ? userProperty(name, at) : systemProperty(name, at);
  }

  #name(): string {
    const { at, kind, key, text } = this.next;
    if (kind !== 'name' && (kind !== 'word' || reserved.has(key)))
      throw new SqlSyntax(at, 'a value, a property or ( is expected');
    this.#place++;
    return text;
  }

  #long(sign: bigint): ValueNode {
    const { at, text } = this.next;
    const value = BigInt(text);
    if (value > (sign < 0n ? longMax + 1n : longMax)) throw new SqlSyntax(at, 'the number passes 64 bits');
    return this.#constant(sign * value);
  }

  #constant(value: SqlValue): ValueNode {
    const { at } = this.next;
    this.#place++;
    return { kind: 'constant', value, at };
  }

  #enclosed<T extends SqlNode>(at: number, inside: () => T): T {
    const node = this.#deeper(at, inside);
    this.#expectSign(')');
    return { ...node, at };
  }

  #deeper<T>(at: number, inside: () => T): T {
    if (++this.#depth > nestingMax)
      throw new SqlSyntax(at, `the expression nests deeper than ${String(nestingMax)} levels`);
    const node = inside();
    this.#depth--;
    return node;
  }

  #isWord(key: string): boolean {
    return this.next.kind === 'word' && this.next.key === key;
  }

  #takeWord(key: string): boolean {
    const isThere = this.#isWord(key);
    if (isThere) this.#place++;
    return isThere;
  }

  #takeSign(key: string): boolean {
    const isThere = this.next.kind === 'sign' && this.next.key === key;
    if (isThere) this.#place++;
    return isThere;
  }

  #expectWord(key: string): void {
    if (!this.#takeWord(key)) throw new SqlSyntax(this.next.at, `${key} is expected`);
  }

  #expectSign(key: string): void {
    if (!this.#takeSign(key)) throw new SqlSyntax(this.next.at, `${key} is expected`);
  }
}

function userProperty(name: string, at: number): PropertyNode {
  return { kind: 'user', name: name.toLowerCase(), written: name, at };
}

function systemProperty(name: string, at: number): PropertyNode {
  const key = name.toLowerCase();
  const position = systemNames.get(key);
  if (position !== undefined) return { kind: 'sys', position, at };
  const isKnown = systemNamesNotPlayed.has(key);
  throw new SqlSyntax(
    at,
    isKnown ? 'this system property is not played by the stand-in' : 'no such system property',
  );
}
