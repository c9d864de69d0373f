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

/** Class each picture letter stands for: A a letter, 9 a digit, X either; 0: the character stands for itself. */
const pictureClass = new Uint8Array(256);
pictureClass[0x41] = letter;
pictureClass[0x39] = digit;
pictureClass[0x58] = letter | digit;

/** Is `text` as long as the picture and of its classes? Lower-case letters count as letters; any other character stands for itself. */
export function matchesPicture(text: string, picture: string): boolean {
  if (text.length !== picture.length) return false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const wanted = picture.charCodeAt(at);
    const wantedClass = pictureClass[wanted] ?? 0;
    if (wantedClass === 0 ? unit !== wanted : ((byteClass[unit] ?? 0) & wantedClass) === 0) return false;
  }
  return true;
}

/** As above, of bytes where they stand: no string is made. Nothing is folded, so a letter that stands for itself must be upper case. */
export function bytesMatchPicture(bytes: Uint8Array, from: number, to: number, picture: string): boolean {
  if (to - from !== picture.length) return false;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    const wanted = picture.charCodeAt(at - from);
    const wantedClass = pictureClass[wanted] ?? 0;
    if (wantedClass === 0 ? byte !== wanted : ((byteClass[byte] ?? 0) & wantedClass) === 0) return false;
  }
  return true;
}
