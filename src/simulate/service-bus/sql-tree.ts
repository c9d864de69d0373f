import { SqlSyntax } from './sql-token.ts';
import type { SqlValue } from './sql-value.ts';

export type ComparisonSign = '=' | '<>' | '<' | '<=' | '>' | '>=';
export type ArithmeticSign = '+' | '-' | '*' | '/' | '%';

/** A property as an expression names it: by its name in lower case, or by its place among the system properties. */
export type PropertyNode =
  | { readonly kind: 'user'; readonly name: string; readonly written: string; readonly at: number }
  | { readonly kind: 'sys'; readonly position: number; readonly at: number };

/** What has a value. `at` is the character where the node begins, from 0. */
export type ValueNode =
  | { readonly kind: 'constant'; readonly value: SqlValue; readonly at: number }
  | PropertyNode
  | { readonly kind: 'newid'; readonly at: number }
  | { readonly kind: 'property-of'; readonly name: ValueNode; readonly at: number }
  | { readonly kind: 'unary'; readonly sign: '+' | '-'; readonly of: ValueNode; readonly at: number }
  | {
      readonly kind: 'arithmetic';
      readonly sign: ArithmeticSign;
      readonly left: ValueNode;
      readonly right: ValueNode;
      readonly at: number;
    };

/** What is true, false or unknown. */
export type PredicateNode =
  | {
      readonly kind: 'compare';
      readonly sign: ComparisonSign;
      readonly left: ValueNode;
      readonly right: ValueNode;
      readonly at: number;
    }
  | { readonly kind: 'is-null'; readonly of: PropertyNode; readonly at: number }
  | { readonly kind: 'exists'; readonly of: PropertyNode; readonly at: number }
  | { readonly kind: 'in'; readonly of: ValueNode; readonly list: readonly ValueNode[]; readonly at: number }
  | {
      readonly kind: 'like';
      readonly of: ValueNode;
      readonly pattern: ValueNode;
      readonly escape: ValueNode | undefined;
      readonly at: number;
    }
  | { readonly kind: 'not'; readonly of: PredicateNode; readonly at: number }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly PredicateNode[]; readonly at: number };

/** One statement of an action; without a value it removes the property. */
export type StatementNode = { readonly property: PropertyNode; readonly value: ValueNode | undefined };

export type SqlNode = ValueNode | PredicateNode;

export function negatedIf(isNegated: boolean, of: PredicateNode): PredicateNode {
  return isNegated ? { kind: 'not', of, at: of.at } : of;
}

function isPredicate(node: SqlNode): node is PredicateNode {
  return (
    node.kind === 'compare' ||
    node.kind === 'is-null' ||
    node.kind === 'exists' ||
    node.kind === 'in' ||
    node.kind === 'like' ||
    node.kind === 'not' ||
    node.kind === 'and' ||
    node.kind === 'or'
  );
}

/** Conditions and values share parentheses: these say which of the two a place wants. Throw `SqlSyntax`. */
export function asPredicate(node: SqlNode): PredicateNode {
  if (isPredicate(node)) return node;
  throw new SqlSyntax(node.at, 'a condition is expected, not a value');
}

export function asValue(node: SqlNode): ValueNode {
  if (!isPredicate(node)) return node;
  throw new SqlSyntax(node.at, 'a value is expected, not a condition');
}

export function asProperty(node: SqlNode): PropertyNode {
  if (node.kind === 'user' || node.kind === 'sys') return node;
  throw new SqlSyntax(node.at, 'only a property can be IS NULL');
}
