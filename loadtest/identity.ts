/**
 * Who a message is, in a load test: its line and the µs it was meant to be sent, both in the ten characters of its control field,
 * which travels sealed from end to end. So identity and send stamp need no table between sender and receiver, and no help from the
 * ids of the switch under test.
 */
const LINE_CHARACTERS = 3;
const STAMP_CHARACTERS = 7;
export const controlCharacters = LINE_CHARACTERS + STAMP_CHARACTERS;
const RADIX = 36;

/** How many lines send and how many places a delivery can have: with the stamp they make a key, which must be an exact number. */
export type KeySpace = { readonly lines: number; readonly places: number };

/** µs that keys of this space can tell apart: the longer a run, the fewer lines and places. Never more than seven characters hold. */
export const stampsMax = ({ lines, places }: KeySpace): number =>
  Math.min(RADIX ** STAMP_CHARACTERS, Math.floor(Number.MAX_SAFE_INTEGER / (lines * places)));

const DIGITS = Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'latin1');

/** Writes the control field in place: tens of thousands a second, so digit by digit and without a string. */
export const writeControl = (target: Buffer, at: number, line: number, stampUs: number): void => {
  writeDigits(target, at, LINE_CHARACTERS, line);
  writeDigits(target, at + LINE_CHARACTERS, STAMP_CHARACTERS, stampUs);
};

const writeDigits = (target: Buffer, at: number, count: number, value: number): void => {
  let left = value;
  for (let place = at + count - 1; place >= at; place -= 1) {
    const rest = Math.floor(left / RADIX);
    target[place] = DIGITS[left - rest * RADIX] ?? 0;
    left = rest;
  }
};

export type Identity = { readonly line: number; readonly stampUs: number };

/** Reads what `writeControl` wrote; undefined when these are not such characters. */
export const readControl = (text: string): Identity | undefined => {
  if (!/^[0-9A-Z]{10}$/.test(text)) return undefined;
  return {
    line: parseInt(text.slice(0, LINE_CHARACTERS), RADIX),
    stampUs: parseInt(text.slice(LINE_CHARACTERS), RADIX),
  };
};

/** One delivery of one message as a number; `place` says which of all possible deliveries of a message it is. */
export const deliveryKey = ({ line, stampUs }: Identity, place: number, space: KeySpace): number =>
  (stampUs * space.lines + line) * space.places + place;

/** µs since the run's base, the same in every process of this machine: all read CLOCK_MONOTONIC. */
export class RunClock {
  readonly #offsetUs: number;

  constructor(baseNs: bigint) {
    this.#offsetUs = Number(process.hrtime.bigint() - baseNs) / 1000 - performance.now() * 1000;
  }

  nowUs(): number {
    return performance.now() * 1000 + this.#offsetUs;
  }
}
