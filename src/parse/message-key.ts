import { classAt, letter } from '../dialect/dialect.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Outcome } from '../message/refusal.ts';
import { period, refused, textOf, wordEnd } from './header-parts.ts';

const hyphen = 0x2d;

/** `end`: where the period stands that closes it. */
export type FoundKey = { readonly messageKey: string; readonly end: number };

/**
 * Letters (one key has a digit), and behind a hyphen one more where the key has a suffix, as EW-C (domain sheet 5.1). Lower case is
 * folded up.
 */
export function readMessageKey(bytes: Buffer, from: number, dialect: Dialect): Outcome<FoundKey> {
  const { lengthMin, lengthMax } = dialect.header.messageKey;
  const lettersEnd = wordEnd(bytes, from);
  const end = hasSuffix(bytes, lettersEnd) ? lettersEnd + 2 : lettersEnd;
  if (lettersEnd === from || bytes[end] !== period) {
    return refused({ code: 'PARSE_HEADER', field: 'key', offset: from });
  }
  const length = lettersEnd - from;
  const messageKey = textOf(bytes, from, end);
  // A digit stands only in a key that has a file with one.
  const isKey = isLetters(bytes, from, lettersEnd) || dialect.keys.has(messageKey);
  if (length < lengthMin || length > lengthMax || !isKey) {
    return refused({ code: 'PARSE_MESSAGE_KEY', field: 'key', offset: from, length: end - from });
  }
  return { ok: true, value: { messageKey, end } };
}

function hasSuffix(bytes: Buffer, at: number): boolean {
  return bytes[at] === hyphen && (classAt(bytes, at + 1) & letter) !== 0;
}

function isLetters(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    if ((classAt(bytes, at) & letter) === 0) return false;
  }
  return true;
}
