import type { Dialect, KeyDefinition } from './definitions.ts';
import { passedKey } from './unknown-keys.ts';

const suffixMark = '-';

/**
 * What the dialect says of a message key; undefined where it takes no such key. A key with a suffix, as EW-C (domain sheet 5.1), is the
 * key before it where that one takes such a suffix. One that has no file is what the dialect lets such keys be.
 */
export function keyOf(
  dialect: Pick<Dialect, 'keys' | 'unknownKeys' | 'output'>,
  messageKey: string,
): KeyDefinition | undefined {
  return dialect.keys.get(messageKey) ?? suffixedKey(dialect, messageKey) ?? passedKey(dialect, messageKey);
}

function suffixedKey({ keys }: Pick<Dialect, 'keys'>, messageKey: string): KeyDefinition | undefined {
  if (messageKey.at(-2) !== suffixMark) return undefined;
  const key = keys.get(messageKey.slice(0, -2));
  return key !== undefined && takes(key, messageKey.slice(-1)) ? key : undefined;
}

function takes({ suffixes }: KeyDefinition, suffix: string): boolean {
  return suffixes === 'any' || suffixes.includes(suffix);
}
