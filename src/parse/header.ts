import { classAt, destinationKindOf, digit, letter, matchesPicture, printable } from '../dialect/dialect.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Destination } from '../message/message.ts';
import type { Outcome, Refusal } from '../message/refusal.ts';

export type Header = {
  readonly messageKey: string;
  readonly originatingOri: string;
  readonly destinations: readonly Destination[];
  readonly control: string;
  readonly bodyOffset: number;
};

const period = 0x2e;
/** No header part but the control field is longer; a part that does not end by then is not one. */
const partBytesMax = 9;

/** KEY.ORI.DESTINATION.[DESTINATION.]...[*CONTROL.]TXT (domain sheet 3.1). Lower case is folded up. */
export function readHeader(bytes: Buffer, dialect: Dialect): Outcome<Header> {
  const { header } = dialect;
  const keyEnd = partEnd(bytes, 0);
  if (keyEnd === -1) return refused({ code: 'PARSE_HEADER', field: 'key', offset: 0 });
  const messageKey = textOf(bytes, 0, keyEnd);
  const { lengthMin, lengthMax } = header.messageKey;
  if (keyEnd < lengthMin || keyEnd > lengthMax || !isLetters(bytes, 0, keyEnd)) {
    return refused({ code: 'PARSE_MESSAGE_KEY', field: 'key', offset: 0, length: keyEnd });
  }

  const oriAt = keyEnd + 1;
  const oriEnd = partEnd(bytes, oriAt);
  if (oriEnd === -1) return refused({ code: 'PARSE_HEADER', field: 'ori', offset: oriAt });
  const originatingOri = textOf(bytes, oriAt, oriEnd);
  if (!matchesPicture(originatingOri, header.originatingOri)) {
    return refused({ code: 'PARSE_ORI', field: 'ori', offset: oriAt, length: oriEnd - oriAt });
  }

  const listed = readDestinations(bytes, oriEnd + 1, dialect);
  if (!listed.ok) return listed;
  const { destinations, end } = listed.value;
  const control = readControl(bytes, end, dialect);
  if (!control.ok) return control;
  const textAt = control.value.end;
  if (!isTextMark(bytes, textAt, dialect)) {
    return refused({ code: 'PARSE_TEXT_MISSING', field: 'text', offset: textAt });
  }
  const bodyOffset = skipLineEnd(bytes, textAt + header.textMark.length);
  return {
    ok: true,
    value: { messageKey, originatingOri, destinations, control: control.value.text, bodyOffset },
  };
}

type Destinations = { readonly destinations: readonly Destination[]; readonly end: number };

function readDestinations(bytes: Buffer, from: number, dialect: Dialect): Outcome<Destinations> {
  const limit = dialect.header.destinationsReadMax;
  const mark = dialect.header.control.mark.charCodeAt(0);
  const destinations: Destination[] = [];
  let at = from;
  while (bytes[at] !== mark && !isTextMark(bytes, at, dialect)) {
    const end = partEnd(bytes, at);
    // What no period closes is not a header part any more: the commonest mistake here is a forgotten TXT.
    if (end === -1) return refused({ code: 'PARSE_TEXT_MISSING', field: 'text', offset: at });
    const text = textOf(bytes, at, end);
    if (destinationKindOf(text, dialect) === undefined) {
      return refused({ code: 'PARSE_DESTINATION', field: 'destination', offset: at, length: end - at });
    }
    if (destinations.length === limit) {
      return refused({ code: 'PARSE_DESTINATION', field: 'destination', offset: at, limit });
    }
    destinations.push({ text, offset: at });
    at = end + 1;
  }
  if (destinations.length === 0) {
    return refused({ code: 'PARSE_DESTINATION', field: 'destination', offset: at, length: 0 });
  }
  return { ok: true, value: { destinations, end: at } };
}

function readControl(
  bytes: Buffer,
  at: number,
  dialect: Dialect,
): Outcome<{ readonly text: string; readonly end: number }> {
  const { mark, lengthMax } = dialect.header.control;
  const markByte = mark.charCodeAt(0);
  if (bytes[at] !== markByte) return { ok: true, value: { text: '', end: at } };
  let end = at + 1;
  while (end - at - 1 <= lengthMax && bytes[end] !== period && bytes[end] !== markByte) {
    if ((classAt(bytes, end) & printable) === 0) break;
    end++;
  }
  const length = end - at - 1;
  if (length === 0 || length > lengthMax || bytes[end] !== period) {
    return refused({ code: 'PARSE_CONTROL', field: 'control', offset: at + 1, length, limit: lengthMax });
  }
  return { ok: true, value: { text: bytes.toString('latin1', at + 1, end), end: end + 1 } };
}

/**
 * An ORI may begin with the letters of the text mark (one state’s do). Where one does, and a period closes nine such bytes,
 * we read a destination: taken wrongly the message is refused, while a swallowed destination would be lost silently.
 */
function isTextMark(bytes: Buffer, at: number, dialect: Dialect): boolean {
  const { textMark, originatingOri } = dialect.header;
  for (let index = 0; index < textMark.length; index++) {
    // 0x20 apart: upper and lower case of a letter.
    if (((bytes[at + index] ?? 0) & ~0x20) !== textMark.charCodeAt(index)) return false;
  }
  const after = at + textMark.length;
  if ((classAt(bytes, after) & (letter | digit)) === 0) return true;
  const end = partEnd(bytes, at);
  return end === -1 || !matchesPicture(textOf(bytes, at, end), originatingOri);
}

/** Where the period stands that closes the letters and digits from `from`; -1 when none does. */
function partEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (at - from <= partBytesMax && (classAt(bytes, at) & (letter | digit)) !== 0) at++;
  return at > from && bytes[at] === period ? at : -1;
}

function isLetters(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    if ((classAt(bytes, at) & letter) === 0) return false;
  }
  return true;
}

/** Header parts are nine bytes at most: building the string here is quicker than a call into Node. */
function textOf(bytes: Buffer, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    text += String.fromCharCode(byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);
  }
  return text;
}

/** Each of CR, LF, DEL once, in this order, each optional (domain sheet 2.1 [S6][S7][S8]). */
function skipLineEnd(bytes: Buffer, from: number): number {
  let at = from;
  for (const byte of [0x0d, 0x0a, 0x7f]) if (bytes[at] === byte) at++;
  return at;
}

function refused(refusal: Refusal): { readonly ok: false; readonly refusals: readonly [Refusal] } {
  return { ok: false, refusals: [refusal] };
}
