import { classAt, destinationKindOf, digit, letter, matchesPicture, shortText } from '../dialect/dialect.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Destination } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';

/** What stands behind the originating ORI. */
export type HeaderRest = {
  readonly destinations: readonly Destination[];
  readonly control: string;
  readonly bodyOffset: number;
};

export const period = 0x2e;
/** No header part but the control field is longer; a part that does not end by then is not one. */
const partBytesMax = 9;
const oriLength = 9;

/**
 * An ORI may begin with the letters of the text mark (one state’s do), and a mnemonic too. Where such bytes are closed by a period,
 * we read a destination: taken wrongly the message is refused, while a swallowed destination would be lost silently.
 */
export function isTextMark(bytes: Buffer, at: number, dialect: Dialect): boolean {
  if (!hasTextMark(bytes, at, dialect)) return false;
  const after = at + dialect.header.textMark.length;
  if ((classAt(bytes, after) & (letter | digit)) === 0) return true;
  const end = partEnd(bytes, at);
  return end === -1 || !isAddress(textOf(bytes, at, end), dialect);
}

/** Do the letters of the text mark stand here, upper or lower case? */
export function hasTextMark(bytes: Buffer, at: number, dialect: Dialect): boolean {
  const { textMark } = dialect.header;
  for (let index = 0; index < textMark.length; index++) {
    // 0x20 apart: upper and lower case of a letter.
    if (((bytes[at + index] ?? 0) & ~0x20) !== textMark.charCodeAt(index)) return false;
  }
  return true;
}

function isAddress(text: string, dialect: Dialect): boolean {
  return (
    matchesPicture(text, dialect.header.originatingOri) || destinationKindOf(text, dialect) === 'mnemonic'
  );
}

/** Where the period stands that closes the letters and digits from `from`; -1 when none does. */
export function partEnd(bytes: Buffer, from: number): number {
  const at = wordEnd(bytes, from);
  return at > from && bytes[at] === period ? at : -1;
}

/** Where the letters and digits from `from` end; a header part has nine at most. */
export function wordEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (at - from <= partBytesMax && (classAt(bytes, at) & (letter | digit)) !== 0) at++;
  return at;
}

/** Header parts are nine bytes at most: building the string here is quicker than a call into Node. */
export function textOf(bytes: Buffer, from: number, to: number): string {
  const short = shortText(bytes, from, to);
  if (short !== undefined) return short;
  if (to - from === oriLength) return oriText(bytes, from);
  let text = '';
  for (let at = from; at < to; at++) text += String.fromCharCode(upperAt(bytes, at));
  return text;
}

/** An ORI stands in every header, and one call makes it in a third of the time of nine. */
function oriText(bytes: Buffer, at: number): string {
  return String.fromCharCode(
    upperAt(bytes, at),
    upperAt(bytes, at + 1),
    upperAt(bytes, at + 2),
    upperAt(bytes, at + 3),
    upperAt(bytes, at + 4),
    upperAt(bytes, at + 5),
    upperAt(bytes, at + 6),
    upperAt(bytes, at + 7),
    upperAt(bytes, at + 8),
  );
}

function upperAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0;
  return byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
}

/** Each of CR, LF, DEL once, in this order, each optional (domain sheet 2.1 [S6][S7][S8]). */
export function skipLineEnd(bytes: Buffer, from: number): number {
  let at = from;
  for (const byte of [0x0d, 0x0a, 0x7f]) if (bytes[at] === byte) at++;
  return at;
}

export function refused(refusal: Refusal): { readonly ok: false; readonly refusals: readonly [Refusal] } {
  return { ok: false, refusals: [refusal] };
}
