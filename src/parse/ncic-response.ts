import { classAt, destinationKindOf, digit, letter, lineEnd } from '../dialect/dialect.ts';
import type { Dialect, NcicForm, NcicResponse } from '../dialect/dialect.ts';
import type { Destination } from '../message/message.ts';
import type { Outcome } from '../message/refusal.ts';
import { refused, skipLineEnd, textOf, wordEnd } from './header-parts.ts';

/** What stands behind the reference of a response, or all of one that comes without. */
export type ResponseRest = {
  readonly messageKey: string;
  /** Where the line stands that told the key. */
  readonly keyOffset: number;
  readonly destination: Destination;
  readonly bodyOffset: number;
};

const blank = 0x20;
const wildcard = 0x3f;
const oriField = 'ORI/';

/** ORI on a line of its own, an empty line or none, and the text (domain sheet 5.2). `from`: where the ORI should stand. */
export function readOriAndText(
  bytes: Buffer,
  from: number,
  form: NcicForm,
  dialect: Dialect,
): Outcome<ResponseRest> {
  const destination = oriLine(bytes, from, dialect);
  if (destination === undefined) {
    const length = wordEnd(bytes, from) - from;
    return refused({ code: 'PARSE_DESTINATION', field: 'destination', offset: from, length });
  }
  const oriEnd = rowEnd(bytes, from);
  if (oriEnd === bytes.length) return refused({ code: 'PARSE_TEXT_MISSING', field: 'text', offset: oriEnd });
  const bodyOffset = skipLineEnd(bytes, skipLineEnd(bytes, oriEnd));
  const textAt = behindMark(bytes, bodyOffset, dialect);
  return { ok: true, value: { ...keyOfText(bytes, textAt, form), destination, bodyOffset } };
}

/** A switch may have said before the text that it may have sent it before: the text begins behind that. */
function behindMark(bytes: Buffer, from: number, { output }: Dialect): number {
  const { possibleDuplicate } = output;
  const end = from + possibleDuplicate.length;
  return beginsWith(bytes, from, possibleDuplicate) && end === rowEnd(bytes, from)
    ? skipGaps(bytes, end)
    : from;
}

/**
 * A notice that nobody asked for: no lead and no reference of ours, with the ORI on its first line or only in its text (5.2). Undefined
 * where it is nothing of the kind.
 */
export function readAlone(
  bytes: Buffer,
  form: NcicForm,
  dialect: Dialect,
): Outcome<ResponseRest> | undefined {
  const alone = form.responses.filter(({ mayStandAlone }) => mayStandAlone);
  const isAlone = (at: number): boolean => alone.some((response) => whereFits(bytes, at, response) !== -1);
  if (oriLine(bytes, 0, dialect) !== undefined) {
    const bodyOffset = skipLineEnd(bytes, skipLineEnd(bytes, rowEnd(bytes, 0)));
    return isAlone(behindMark(bytes, bodyOffset, dialect))
      ? readOriAndText(bytes, 0, form, dialect)
      : undefined;
  }
  if (!isAlone(0)) return undefined;
  const destination = oriInText(bytes, dialect);
  if (destination === undefined) {
    return refused({ code: 'PARSE_DESTINATION', field: 'destination', offset: bytes.length, length: 0 });
  }
  return { ok: true, value: { ...keyOfText(bytes, 0, form), destination, bodyOffset: 0 } };
}

/** What a response is, by how its text begins: the first of the dialect's list that fits. */
function keyOfText(
  bytes: Buffer,
  from: number,
  { responses, otherKey }: NcicForm,
): Pick<ResponseRest, 'messageKey' | 'keyOffset'> {
  for (const response of responses) {
    const keyOffset = whereFits(bytes, from, response);
    if (keyOffset !== -1) return { messageKey: response.messageKey, keyOffset };
  }
  return { messageKey: otherKey, keyOffset: from };
}

/** Where the text, or the first of its lines or words, begins so; -1 where none does. */
function whereFits(bytes: Buffer, from: number, { begins, where }: NcicResponse): number {
  const endOf = where === 'word' ? wordEndIn : rowEnd;
  for (let at = skipGaps(bytes, from); at < bytes.length; at = skipGaps(bytes, endOf(bytes, at))) {
    if (beginsWith(bytes, at, begins)) return at;
    if (where === 'text') return -1;
  }
  return -1;
}

/** Where another word may begin: letters and digits are one, and whatever else stands there is one by itself. */
function wordEndIn(bytes: Buffer, from: number): number {
  let at = from;
  while ((classAt(bytes, at) & (letter | digit)) !== 0) at++;
  return at === from ? from + 1 : at;
}

function beginsWith(bytes: Buffer, at: number, begins: string): boolean {
  if (at + begins.length > bytes.length) return false;
  for (let index = 0; index < begins.length; index++) {
    const wanted = begins.charCodeAt(index);
    const isThere =
      wanted === wildcard
        ? (classAt(bytes, at + index) & (letter | digit)) !== 0
        : folded(bytes[at + index] ?? 0) === folded(wanted);
    if (!isThere) return false;
  }
  return true;
}

const folded = (byte: number): number => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);

/** The ORI that a line holds and nothing else but blanks behind it. */
function oriLine(bytes: Buffer, from: number, dialect: Dialect): Destination | undefined {
  const end = wordEnd(bytes, from);
  let rest = end;
  while (bytes[rest] === blank) rest++;
  return rest === rowEnd(bytes, from) ? oriAt(bytes, from, end, dialect) : undefined;
}

function oriAt(bytes: Buffer, from: number, end: number, dialect: Dialect): Destination | undefined {
  const text = textOf(bytes, from, end);
  return destinationKindOf(text, dialect) === 'ori' ? { text, offset: from } : undefined;
}

/** The first line that is an ORI, or else the first ORI field. */
function oriInText(bytes: Buffer, dialect: Dialect): Destination | undefined {
  for (let at = 0; at < bytes.length; at = skipGaps(bytes, rowEnd(bytes, at))) {
    const found = oriLine(bytes, at, dialect);
    if (found !== undefined) return found;
  }
  for (let at = 0; at < bytes.length; at++) {
    if (!beginsWith(bytes, at, oriField)) continue;
    const from = at + oriField.length;
    const found = oriAt(bytes, from, wordEnd(bytes, from), dialect);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where a line ends, before its line end. */
function rowEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && (classAt(bytes, at) & lineEnd) === 0) at++;
  return at;
}

function skipGaps(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] === blank || (classAt(bytes, at) & lineEnd) !== 0)) at++;
  return at;
}
