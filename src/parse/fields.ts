import { classAt, letter, lineEnd, shortText } from '../dialect/dialect.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Field } from '../message/message.ts';
import type { Outcome } from '../message/refusal.ts';
import { period, refused } from './header-parts.ts';

const slash = 0x2f;
const blank = 0x20;
const codeLength = 3;

/**
 * Reads CODE/VALUE pairs with periods between. A period inside a value cannot be told from the separator, so every
 * period ends a field; one after the last field is tolerated though members must not send it (domain sheet 3.1 [S8]).
 * Line ends and blanks around a field are skipped, blanks at the end of a value dropped [S14].
 */
export function readFields(bytes: Buffer, from: number, dialect: Dialect): Outcome<readonly Field[]> {
  const fields: Field[] = [];
  let at = skipGaps(bytes, from);
  while (at < bytes.length) {
    if (!isFieldStart(bytes, at)) return refused({ code: 'PARSE_FIELD', offset: at });
    if (fields.length === dialect.fieldsMax) {
      return refused({ code: 'PARSE_FIELD', offset: at, limit: dialect.fieldsMax });
    }
    const offset = at + codeLength + 1;
    let end = offset;
    while (end < bytes.length && bytes[end] !== period) end++;
    fields.push({
      // Letters only, checked before, so there is one.
      code: shortText(bytes, at, at + codeLength) ?? '',
      codeOffset: at,
      offset,
      length: trimmedEnd(bytes, offset, end) - offset,
    });
    at = skipGaps(bytes, end + 1);
  }
  return { ok: true, value: fields };
}

/** Three letters and a slash. */
export function isFieldStart(bytes: Buffer, at: number): boolean {
  return (
    (classAt(bytes, at) & classAt(bytes, at + 1) & classAt(bytes, at + 2) & letter) !== 0 &&
    bytes[at + codeLength] === slash
  );
}

function skipGaps(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && isGap(bytes, at)) at++;
  return at;
}

function trimmedEnd(bytes: Buffer, from: number, to: number): number {
  let end = to;
  while (end > from && isGap(bytes, end - 1)) end--;
  return end;
}

function isGap(bytes: Buffer, at: number): boolean {
  return bytes[at] === blank || (classAt(bytes, at) & lineEnd) !== 0;
}
