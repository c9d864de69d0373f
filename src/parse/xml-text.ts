import { isAscii } from 'node:buffer';
import type { Outcome } from '../message/refusal.ts';
import { refused } from './header-parts.ts';

/** A document's characters. */
export type XmlText = {
  /** Without a byte order mark. */
  readonly text: string;
  /** Where in the frame it begins. */
  readonly from: number;
  /** Those between two places of the frame. */
  readonly between: (start: number, end: number) => string;
};

const byteOrderMark = Buffer.of(0xef, 0xbb, 0xbf);
const highBit = 0x80;

/** The frame as UTF-8, which is all that XML is read in here. Refuses what is none. */
export function xmlText(bytes: Buffer): Outcome<XmlText> {
  if (isAscii(bytes)) {
    const text = bytes.toString('latin1');
    return { ok: true, value: { text, from: 0, between: (start, end) => text.slice(start, end) } };
  }
  const stranger = firstStranger(bytes);
  if (stranger !== -1) return refused({ code: 'PARSE_CHARACTER', offset: stranger, length: 1 });
  const from = bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? byteOrderMark.length : 0;
  const between = (start: number, end: number): string => bytes.toString('utf8', start, end);
  return { ok: true, value: { text: between(from, bytes.length), from, between } };
}

/** The first byte that is not part of a character which a document may hold; -1 when there is none. */
function firstStranger(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return -1;
}

/** How many bytes the character has that begins here; 0: it is none, or none for XML. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < highBit) return isXmlCharacter(first) ? 1 : 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  // 0xc0 and 0xc1 would write ASCII in two bytes, 0xf5 and above would pass the last code point.
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return 0;
  let code = first & (0xff >> (length + 1));
  for (let next = 1; next < length; next++) {
    const byte = bytes[at + next] ?? 0;
    if ((byte & 0xc0) !== highBit) return 0;
    code = (code << 6) | (byte & 0x3f);
  }
  const least = length === 4 ? 0x1_0000 : length === 3 ? 0x800 : highBit;
  return code >= least && isXmlCharacter(code) ? length : 0;
}

/** XML 1.0, section 2.2. */
export function isXmlCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x09 || code === 0x0a || code === 0x0d;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x1_0000 && code <= 0x10_ffff);
}
