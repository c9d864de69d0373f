import type { Part } from './message.ts';

const blank = 0x20;
const nine = 0x39;
const letterA = 0x41;
/** Blanks that may stand where a marker has one. */
const blanksMax = 3;
const digitsMax = 2;

/**
 * Looks for a marker such as `P 01 OF 02` near the start of a text, then near its end (domain sheet 3.4). Lower case is the same, a `9`
 * or `99` stands for one digit or two, a blank for up to three. The first that says a number from 1 to how many there are is the one.
 */
export function partIn(
  bytes: Uint8Array,
  from: number,
  to: number,
  { markers, nearBytes }: { readonly markers: readonly string[]; readonly nearBytes: number },
): Part | undefined {
  const headEnd = Math.min(to, from + nearBytes);
  return (
    firstPart(bytes, from, headEnd, from, to, markers) ??
    firstPart(bytes, Math.max(headEnd, to - nearBytes), to, from, to, markers)
  );
}

/** A marker begins between `from` and `to`, at the beginning of a word, and ends with one, inside the text. */
function firstPart(
  bytes: Uint8Array,
  from: number,
  to: number,
  textFrom: number,
  textTo: number,
  markers: readonly string[],
): Part | undefined {
  let firsts = 0;
  for (const marker of markers) firsts |= 1 << (marker.charCodeAt(0) - letterA);
  for (let at = from; at < to; at++) {
    const letter = wordLetters[bytes[at] ?? 0] ?? 0;
    // Nearly no word begins as a marker does, and every response is searched.
    if (letter < letterA || ((firsts >>> (letter - letterA)) & 1) === 0) continue;
    if (at > textFrom && isWord(bytes[at - 1])) continue;
    for (const marker of markers) {
      const part = partAt(bytes, at, textTo, marker);
      if (part !== undefined) return part;
    }
  }
  return undefined;
}

function partAt(bytes: Uint8Array, from: number, to: number, marker: string): Part | undefined {
  let number = 0;
  let of = 0;
  let at = from;
  for (let place = 0; place < marker.length; place++) {
    const wanted = marker.charCodeAt(place);
    if (wanted === nine) {
      while (marker.charCodeAt(place + 1) === nine) place++;
      const end = digitsEnd(bytes, at, to);
      if (end === at) return undefined;
      [number, of] = [of, numberOf(bytes, at, end)];
      at = end;
    } else if (wanted === blank) {
      const end = blanksEnd(bytes, at, to);
      if (end === at) return undefined;
      at = end;
    } else if (at < to && folded(bytes[at]) === wanted) at++;
    else return undefined;
  }
  // A third digit makes it another number, a letter another word.
  if (at < to && isWord(bytes[at])) return undefined;
  return number >= 1 && number <= of ? { number, of } : undefined;
}

function digitsEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && at < from + digitsMax && isDigit(bytes[at])) at++;
  return at;
}

function blanksEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && at < from + blanksMax && bytes[at] === blank) at++;
  return at;
}

function numberOf(bytes: Uint8Array, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) number = number * 10 + ((bytes[at] ?? 0) - 0x30);
  return number;
}

/** A letter's upper case; other bytes as they are. */
const folded = (byte = 0): number => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);
const isDigit = (byte = 0): boolean => byte >= 0x30 && byte <= 0x39;
const isWord = (byte = 0): boolean => wordLetters[byte] !== 0;

/** By byte: a digit, a letter's upper case, 0 for what is in no word. */
const wordLetters = Uint8Array.from({ length: 256 }, (_none, byte) => {
  const letter = folded(byte);
  return isDigit(byte) || (letter >= letterA && letter <= 0x5a) ? letter : 0;
});
