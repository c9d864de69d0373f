import { byteClass, digit, letter } from './characters.ts';

const lengthMax = 3;

/** 1 to 10 for digits, 11 to 36 for letters of either case, 0 for all else. */
const symbols = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const of = byteClass[byte] ?? 0;
  if ((of & digit) !== 0) symbols[byte] = byte - 0x30 + 1;
  if ((of & letter) !== 0) symbols[byte] = (byte & ~0x20) - 0x41 + 11;
}
const symbolsMax = 37;

/** By their symbols, as they come up: 50,653 at most, whatever is read. */
const texts: (string | undefined)[] = Array.from({ length: symbolsMax ** lengthMax });

/**
 * One to three letters and digits, folded up: message keys, field codes, states and most values of a code table. Each is made once, and
 * looking one up in a map or comparing it is quicker than with a string made for the purpose. Undefined for anything else.
 */
export function shortText(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (to - from > lengthMax) return undefined;
  let place = 0;
  for (let at = from; at < to; at++) {
    const symbol = symbols[bytes[at] ?? 0] ?? 0;
    if (symbol === 0) return undefined;
    place = place * symbolsMax + symbol;
  }
  return texts[place] ?? made(place, bytes, from, to);
}

function made(place: number, bytes: Uint8Array, from: number, to: number): string {
  const text = String.fromCharCode(...bytes.subarray(from, to)).toUpperCase();
  // The reader of JSON gives the engine's one copy of a short string; two such are compared by their place alone.
  const only = JSON.parse(JSON.stringify(text)) as string;
  texts[place] = only;
  return only;
}
