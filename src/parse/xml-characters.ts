const blank = 1;
const nameStart = 2;
const namePart = 4;
/** Below 0x20 only tab, LF and CR may stand in a document. */
const control = 8;
/** Ends a run of characters that are what they look like, or has to be looked at. */
const mark = 16;

/** What a byte of ASCII may be. */
const classes = new Uint8Array(0x100);
for (let code = 0; code < 0x20; code++) classes[code] = control | mark;
for (const code of [0x20, 0x09, 0x0a]) classes[code] = blank;
classes[0x0d] = blank | mark;
for (const code of [0x26, 0x3c, 0x3e]) classes[code] = mark;
for (let at = 0; at < 26; at++) {
  classes[0x41 + at] = nameStart | namePart;
  classes[0x61 + at] = nameStart | namePart;
}
classes[0x5f] = nameStart | namePart;
for (const code of [0x2d, 0x2e, ...Array.from({ length: 10 }, (_, at) => 0x30 + at)])
  classes[code] = namePart;

/** Behind the end there is nothing, which is no character of any use. */
const classAt = (bytes: Uint8Array, at: number): number => classes[bytes[at] ?? 0] ?? 0;

export const isControl = (code: number): boolean => ((classes[code] ?? 0) & control) !== 0;

const colon = 0x3a;
const highBit = 0x80;
/** Letters beyond ASCII (XML 1.0, section 2.3), without two that JavaScript, and so the library, takes for blanks: U+1680 and U+FEFF. */
const letters = [
  String.raw`\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u167F\u1681-\u1FFF\u200C\u200D`,
  String.raw`\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFEFE\uFF00-\uFFFD\u{10000}-\u{EFFFF}`,
];
const letter = new RegExp(`^[${letters.join('')}]`, 'u');
/** What may stand behind a letter. */
const extender = /^[\u00B7\u0300-\u036F\u203F\u2040]/u;

/** Where the name ends that begins here; `from` when there is none. */
export function partEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  if ((classAt(bytes, at) & nameStart) !== 0) at++;
  for (;;) {
    if (at > from) while ((classAt(bytes, at) & namePart) !== 0) at++;
    if ((bytes[at] ?? 0) < highBit) return at;
    const length = letterLength(bytes, at, at > from);
    if (length === 0) return at;
    at += length;
  }
}

/** Bytes of the letter beyond ASCII that stands here; 0: it is none. */
function letterLength(bytes: Uint8Array, at: number, isInside: boolean): number {
  const text = Buffer.from(bytes.subarray(at, at + 4)).toString();
  const [found] = letter.exec(text) ?? (isInside ? extender.exec(text) : null) ?? [];
  return found === undefined ? 0 : Buffer.byteLength(found);
}

/** Where the second part of a name ends, whose first one ends here; the same place without one, -1 where a colon has nothing behind it. */
export function localEnd(bytes: Uint8Array, prefixEnd: number): number {
  if (bytes[prefixEnd] !== colon) return prefixEnd;
  const end = partEnd(bytes, prefixEnd + 1);
  return end === prefixEnd + 1 ? -1 : end;
}

export function blanksEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while ((classAt(bytes, at) & blank) !== 0) at++;
  return at;
}

/** Behind the last byte before `to` that is no blank; `from` when all are. */
export function blanksStart(bytes: Uint8Array, from: number, to: number): number {
  let at = to;
  while (at > from && (classAt(bytes, at - 1) & blank) !== 0) at--;
  return at;
}

/** The next place with a mark, a CR or a control character, or the end. */
export function plainEnd(bytes: Uint8Array, from: number): number {
  const { length } = bytes;
  let at = from;
  while (at < length && (classAt(bytes, at) & mark) === 0) at++;
  return at;
}

/** Bytes of a frame: from `start` to the one before `end`. */
export type Range = { readonly start: number; readonly end: number };

export function isSame(bytes: Uint8Array, one: Range, other: Range): boolean {
  return one.end - one.start === other.end - other.start && repeats(bytes, one.start, one.end, other.start);
}

/** Do the bytes from `start` on stand at `at` again? */
export function repeats(bytes: Uint8Array, start: number, end: number, at: number): boolean {
  const length = end - start;
  for (let index = 0; index < length; index++) {
    if (bytes[start + index] !== bytes[at + index]) return false;
  }
  return true;
}

/** Do these characters of ASCII stand here? */
export function standsAt(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
