import { canonicalDestination, classAt, destinationKindOf, digit, printable } from '../dialect/dialect.ts';
import type { Dialect, RelayedForm, RelayedLine, RelayedPiece } from '../dialect/dialect.ts';
import type { Destination } from '../message/message.ts';
import type { Outcome, Refusal } from '../message/refusal.ts';
import {
  hasTextMark,
  type HeaderRest,
  period,
  refused,
  skipLineEnd,
  textOf,
  wordEnd,
} from './header-parts.ts';

const blank = 0x20;
const lineEnds: readonly (number | undefined)[] = [0x0d, 0x0a];

/** What has been read of a form so far. */
type Found = { readonly destinations: Destination[]; control: string };

/** Where the originating ORI ends when a line ends with it, as in a message that a network hands on; -1 when none does. */
export function relayedOriEnd(bytes: Buffer, oriAt: number, dialect: Dialect): number {
  if (dialect.relayed.length === 0) return -1;
  const end = wordEnd(bytes, oriAt);
  return end > oriAt && lineEnds.includes(bytes[end]) ? end : -1;
}

/**
 * The header lines of a message that a network hands on (domain sheet 3.2), from the end of the first one. Clocks and counts must look
 * like some and are not kept. Tries the dialect's forms in turn; where none fits, says what stopped the one that got furthest.
 */
export function readRelayed(bytes: Buffer, from: number, dialect: Dialect): Outcome<HeaderRest> {
  let furthest: Refusal = clockRefusal(from);
  for (const form of dialect.relayed) {
    const read = readForm(bytes, from, form, dialect);
    if (read.ok) return read;
    const [refusal] = read.refusals;
    if ((refusal.offset ?? 0) > (furthest.offset ?? 0)) furthest = refusal;
  }
  return refused(furthest);
}

function readForm(bytes: Buffer, from: number, form: RelayedForm, dialect: Dialect): Outcome<HeaderRest> {
  const found: Found = { destinations: [], control: '' };
  let at = skipLineEnd(bytes, from);
  for (const line of form) {
    const end = readLine(bytes, at, line, found, dialect);
    if (typeof end === 'number') at = end;
    else if (!line.isOptional || end.offset !== at) return refused(end);
  }
  if (!hasTextMark(bytes, at, dialect) || wordEnd(bytes, at) !== at + dialect.header.textMark.length) {
    return refused({ code: 'PARSE_TEXT_MISSING', field: 'text', offset: at });
  }
  const bodyOffset = skipLineEnd(bytes, at + dialect.header.textMark.length);
  return { ok: true, value: { ...found, bodyOffset } };
}

/** Where the next line begins, or what is wrong with this one. */
function readLine(
  bytes: Buffer,
  from: number,
  line: RelayedLine,
  found: Found,
  dialect: Dialect,
): number | Refusal {
  let at = from;
  for (const piece of line.pieces) {
    const end = readPiece(bytes, at, piece, found, dialect);
    if (typeof end !== 'number') return end;
    at = end;
  }
  let end = at;
  while (bytes[end] === blank) end++;
  return lineEnds.includes(bytes[end]) ? skipLineEnd(bytes, end) : clockRefusal(at);
}

function readPiece(
  bytes: Buffer,
  at: number,
  piece: RelayedPiece,
  found: Found,
  dialect: Dialect,
): number | Refusal {
  switch (piece.kind) {
    case 'text':
      return isAt(bytes, at, piece.text, false) ? at + piece.text.length : clockRefusal(at);
    case 'clock':
      return isAt(bytes, at, piece.picture, true) ? at + piece.picture.length : clockRefusal(at);
    case 'destination':
      return readDestinations(bytes, at, found, dialect);
    case 'control':
      return readControl(bytes, at, found, dialect);
  }
}

const nine = 0x39;

/** Does this stand here? In a picture a 9 is any digit. Byte by byte: a header has six clocks, and a string of each would cost more. */
function isAt(bytes: Buffer, at: number, wanted: string, isPicture: boolean): boolean {
  for (let index = 0; index < wanted.length; index++) {
    const unit = wanted.charCodeAt(index);
    const isMet =
      isPicture && unit === nine ? (classAt(bytes, at + index) & digit) !== 0 : bytes[at + index] === unit;
    if (!isMet) return false;
  }
  return true;
}

/** One destination, or the codes a broadcast was sent to with a period between. */
function readDestinations(bytes: Buffer, from: number, found: Found, dialect: Dialect): number | Refusal {
  const limit = dialect.header.destinationsReadMax;
  let at = from;
  for (;;) {
    const end = wordEnd(bytes, at);
    const text = textOf(bytes, at, end);
    const where = { field: 'destination', offset: at };
    if (destinationKindOf(text, dialect) === undefined) {
      return { code: 'PARSE_DESTINATION', ...where, length: end - at };
    }
    if (found.destinations.length === limit) return { code: 'PARSE_DESTINATION', ...where, limit };
    found.destinations.push({ text: canonicalDestination(text, dialect), offset: at });
    if (bytes[end] !== period) return end;
    at = end + 1;
  }
}

/** Everything up to the end of the line: a blank that ends it is the sender's own. */
function readControl(bytes: Buffer, from: number, found: Found, dialect: Dialect): number | Refusal {
  const { mark, lengthMax } = dialect.header.control;
  const markByte = mark.charCodeAt(0);
  let end = from;
  while (end - from <= lengthMax && (classAt(bytes, end) & printable) !== 0) {
    if (bytes[end] === period || bytes[end] === markByte) break;
    end++;
  }
  const length = end - from;
  if (length === 0 || length > lengthMax || !lineEnds.includes(bytes[end])) {
    return { code: 'PARSE_CONTROL', field: 'control', offset: from, length, limit: lengthMax };
  }
  found.control = bytes.toString('latin1', from, end);
  return end;
}

function clockRefusal(offset: number): Refusal {
  return { code: 'PARSE_CLOCK_LINE', field: 'clock', offset };
}
