import type { SqlScope } from './sql-scope.ts';
import type { ArithmeticSign, ComparisonSign } from './sql-tree.ts';
import { Guid, type SqlValue } from './sql-value.ts';

/** Undefined is unknown, the third value of SQL. */
export type Truth = boolean | undefined;

/** Divided by -1 it passes 64 bits, which C# takes for an error and not for a wrap. */
const longMin = -(2n ** 63n);

/** The service's limit on one property, in characters here: what + may build from texts. */
export const textLengthMax = 32_767;

/**
 * Compares as the service does, by C#'s operators: numbers with numbers (a whole number next to a fraction becomes a
 * double), texts by character code and case, truth values and identifiers for equality only. All else is unknown.
 */
export function compared(
  sign: ComparisonSign,
  left: SqlValue | undefined,
  right: SqlValue | undefined,
): Truth {
  const isUnordered = typeof left === 'boolean' || left instanceof Guid;
  if (isUnordered && sign !== '=' && sign !== '<>') return undefined;
  const order = orderOf(left, right);
  if (order === undefined) return undefined;
  // A NaN is equal to nothing and neither before nor after anything; `order` is NaN then.
  switch (sign) {
    case '=':
      return order === 0;
    case '<>':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function orderOf(left: SqlValue | undefined, right: SqlValue | undefined): number | undefined {
  if (typeof left === 'string') return typeof right === 'string' ? ordinal(left, right) : undefined;
  if (typeof left === 'bigint' && typeof right === 'bigint') return ordinal(left, right);
  if (isNumeric(left)) return isNumeric(right) ? ordinal(Number(left), Number(right)) : undefined;
  if (typeof left === 'boolean') return typeof right === 'boolean' ? ordinal(left, right) : undefined;
  if (left instanceof Date)
    return right instanceof Date ? ordinal(left.getTime(), right.getTime()) : undefined;
  if (left instanceof Guid) return right instanceof Guid ? ordinal(left.text, right.text) : undefined;
  return undefined;
}

function ordinal<T extends string | bigint | number | boolean>(left: T, right: T): number {
  if (left === right) return 0;
  if (left < right) return -1;
  return left > right ? 1 : Number.NaN;
}

function isNumeric(value: SqlValue | undefined): value is number | bigint {
  return typeof value === 'bigint' || typeof value === 'number';
}

/**
 * Computes as C# does: 64-bit whole numbers wrap around, + joins texts. Undefined for operands that do not fit; what
 * cannot be computed marks the scope as failed.
 */
export function computed(
  sign: ArithmeticSign,
  left: SqlValue | undefined,
  right: SqlValue | undefined,
  scope: SqlScope,
): SqlValue | undefined {
  if (typeof left === 'bigint' && typeof right === 'bigint') return ofLongs(sign, left, right, scope);
  if (isNumeric(left) && isNumeric(right)) return ofDoubles(sign, Number(left), Number(right));
  if (sign !== '+' || typeof left !== 'string' || typeof right !== 'string') return undefined;
  if (left.length + right.length <= textLengthMax) return left + right;
  scope.isFailed = true;
  return undefined;
}

function ofLongs(sign: ArithmeticSign, left: bigint, right: bigint, scope: SqlScope): bigint | undefined {
  const isOverflow = sign === '/' && right === -1n && left === longMin;
  if (isOverflow || (right === 0n && (sign === '/' || sign === '%'))) {
    scope.isFailed = true;
    return undefined;
  }
  switch (sign) {
    case '+':
      return BigInt.asIntN(64, left + right);
    case '-':
      return BigInt.asIntN(64, left - right);
    case '*':
      return BigInt.asIntN(64, left * right);
    case '/':
      return left / right;
    case '%':
      return left % right;
  }
}

function ofDoubles(sign: ArithmeticSign, left: number, right: number): number {
  switch (sign) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
  }
}

export function signed(sign: '+' | '-', value: SqlValue | undefined): SqlValue | undefined {
  if (typeof value === 'number') return sign === '-' ? -value : value;
  if (typeof value === 'bigint') return sign === '-' ? BigInt.asIntN(64, -value) : value;
  return undefined;
}
