import { randomUUID } from 'node:crypto';
import { isLike, type LikePattern, likePattern } from './sql-like.ts';
import { compared, computed, signed, type Truth } from './sql-operate.ts';
import type { SqlScope } from './sql-scope.ts';
import { SqlSyntax } from './sql-token.ts';
import type { PredicateNode, ValueNode } from './sql-tree.ts';
import { Guid, type SqlValue } from './sql-value.ts';

/** A condition made ready to run; never throws. */
export type Condition = (scope: SqlScope) => Truth;

/** An expression made ready to run; undefined is unknown. Never throws. */
export type Computation = (scope: SqlScope) => SqlValue | undefined;

/** Turns a tree into nested functions. Throws `SqlSyntax` for a constant LIKE pattern that can never work. */
export function compileCondition(node: PredicateNode): Condition {
  switch (node.kind) {
    case 'compare':
      return comparison(node);
    case 'is-null': {
      const value = compileValue(node.of);
      return (scope) => (value(scope) ?? null) === null;
    }
    case 'exists': {
      const value = compileValue(node.of);
      // A system property always has a place in the message: it exists when it has a value.
      if (node.of.kind === 'sys') return (scope) => (value(scope) ?? null) !== null;
      return (scope) => value(scope) !== undefined;
    }
    case 'in':
      return membership(compileValue(node.of), node.list.map(compileValue));
    case 'like':
      return likeness(node);
    case 'not': {
      const of = compileCondition(node.of);
      return (scope) => {
        const truth = of(scope);
        return truth === undefined ? undefined : !truth;
      };
    }
    case 'and':
      return joined(false, node.parts.map(compileCondition));
    case 'or':
      return joined(true, node.parts.map(compileCondition));
  }
}

export function compileValue(node: ValueNode): Computation {
  switch (node.kind) {
    case 'constant': {
      const { value } = node;
      return () => value;
    }
    case 'user': {
      const { name } = node;
      return (scope) => scope.user(name);
    }
    case 'sys': {
      const { position } = node;
      return (scope) => scope.sys(position);
    }
    case 'newid':
      return () => new Guid(randomUUID());
    case 'property-of': {
      const name = compileValue(node.name);
      return (scope) => {
        const named = name(scope);
        return typeof named === 'string' ? scope.user(named.toLowerCase()) : undefined;
      };
    }
    case 'unary': {
      const { sign } = node;
      const of = compileValue(node.of);
      return (scope) => signed(sign, of(scope));
    }
    case 'arithmetic': {
      const { sign } = node;
      const left = compileValue(node.left);
      const right = compileValue(node.right);
      return (scope) => computed(sign, left(scope), right(scope), scope);
    }
  }
}

function comparison(node: PredicateNode & { kind: 'compare' }): Condition {
  const { sign } = node;
  if (node.left.kind === 'constant' && node.right.kind === 'constant') {
    const truth = compared(sign, node.left.value, node.right.value);
    return () => truth; // 1=1
  }
  const left = compileValue(node.left);
  if (sign === '=' && node.right.kind === 'constant' && typeof node.right.value === 'string') {
    const wanted = node.right.value; // the commonest filter of all
    return (scope) => {
      const value = left(scope);
      return typeof value === 'string' ? value === wanted : undefined;
    };
  }
  const right = compileValue(node.right);
  return (scope) => compared(sign, left(scope), right(scope));
}

/** `decisive` ends it: false for AND, true for OR. */
function joined(decisive: boolean, parts: readonly Condition[]): Condition {
  return (scope) => {
    let outcome: Truth = !decisive;
    for (const part of parts) {
      const truth = part(scope);
      if (truth === decisive) return decisive;
      if (truth === undefined) outcome = undefined;
    }
    return outcome;
  };
}

/** As a row of `=` joined by OR, which is how SQL-92 defines IN. */
function membership(of: Computation, list: readonly Computation[]): Condition {
  return (scope) => {
    const value = of(scope);
    if (value === undefined || value === null) return undefined;
    let outcome: Truth = false;
    for (const item of list) {
      const truth = compared('=', value, item(scope));
      if (truth === true) return true;
      if (truth === undefined) outcome = undefined;
    }
    return outcome;
  };
}

function likeness(node: PredicateNode & { kind: 'like' }): Condition {
  const of = compileValue(node.of);
  const patternOf = patternFor(node);
  return (scope) => {
    const value = of(scope);
    const pattern = patternOf(scope);
    return typeof value === 'string' && pattern !== undefined ? isLike(value, pattern) : undefined;
  };
}

/** A constant pattern is taken apart, and refused, once; any other at every message. */
function patternFor(node: PredicateNode & { kind: 'like' }): (scope: SqlScope) => LikePattern | undefined {
  const pattern = compileValue(node.pattern);
  const escape = node.escape === undefined ? undefined : compileValue(node.escape);
  const read = (scope: SqlScope): LikePattern | undefined => {
    const text = pattern(scope) ?? undefined;
    const char = escape === undefined ? undefined : (escape(scope) ?? undefined);
    if (text === undefined || (escape !== undefined && char === undefined)) return undefined;
    const taken = patternOf(text, char);
    if (taken === undefined) scope.isFailed = true;
    return taken;
  };
  const isFixed = node.pattern.kind === 'constant' && (node.escape?.kind ?? 'constant') === 'constant';
  if (!isFixed) return read;
  const scope: SqlScope = { user: () => undefined, sys: () => null, isFailed: false };
  const fixed = read(scope);
  if (scope.isFailed)
    throw new SqlSyntax(
      node.pattern.at,
      'the pattern must be a text, its escape one character before another',
    );
  return () => fixed;
}

function patternOf(text: SqlValue, escape: SqlValue | undefined): LikePattern | undefined {
  if (typeof text !== 'string') return undefined;
  if (escape === undefined) return likePattern(text, undefined);
  return typeof escape === 'string' && escape.length === 1 ? likePattern(text, escape) : undefined;
}
