/** Classes of bytes as bits, so that the hot path asks one table once for each byte. */
export const letter = 1;
export const digit = 2;
export const printable = 4;
/** CR, LF and DEL: may stand anywhere in a text and mean nothing inside a field (domain sheet 3.1 [S8][S15]). */
export const lineEnd = 8;

export const byteClass: Uint8Array = new Uint8Array(256);
for (let byte = 0x20; byte <= 0x7e; byte++) byteClass[byte] = printable;
for (let at = 0; at < 26; at++) {
  byteClass[0x41 + at] = printable | letter;
  byteClass[0x61 + at] = printable | letter;
}
for (let byte = 0x30; byte <= 0x39; byte++) byteClass[byte] = printable | digit;
for (const byte of [0x0d, 0x0a, 0x7f]) byteClass[byte] = lineEnd;

export function classAt(bytes: Uint8Array, at: number): number {
  return byteClass[bytes[at] ?? 0] ?? 0;
}

/** Class each picture letter stands for: A a letter, 9 a digit, X either. */
const pictureClasses = new Map([
  [0x41, letter],
  [0x39, digit],
  [0x58, letter | digit],
]);

/** Is `text` as long as the picture and of its classes? Lower-case letters count as letters; any other character stands for itself. */
export function matchesPicture(text: string, picture: string): boolean {
  if (text.length !== picture.length) return false;
  for (let at = 0; at < text.length; at++) {
    const wanted = pictureClasses.get(picture.charCodeAt(at));
    if (wanted === undefined) {
      if (text.charCodeAt(at) !== picture.charCodeAt(at)) return false;
    } else if (((byteClass[text.charCodeAt(at)] ?? 0) & wanted) === 0) return false;
  }
  return true;
}
