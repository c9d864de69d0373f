const DESCRIBED = 0x00;
const SMALL_ULONG = 0x53;
const NULL = 0x40;
const TRUE = 0x41;
const FALSE = 0x42;
const LONG = 0x81;
const STRING_8 = 0xa1;
const STRING_32 = 0xb1;
const SYMBOL_8 = 0xa3;
const LIST_32 = 0xd0;
const MAP_32 = 0xd1;

const BYTES_START = 4096;
/** Far above what a bus takes as properties (64 KiB). */
const BYTES_MAX = 1024 * 1024;
/** A string of so many characters fits a one-byte length whatever they are: a character is at most three bytes of UTF-8. */
const SHORT_MAX = 85;
/** A table's names and the groups of a directory; a name past the limit is written like any other text. */
const NAMES_MAX = 4096;
const TWO_32 = 0x1_0000_0000;

/**
 * Writes AMQP sections of lists, maps and simple values into one buffer that is kept and grows, so that a message makes no small ones.
 * Throws RangeError for what AMQP cannot carry or past 1 MiB. [AMQP 1.0 part 1.6]
 */
export class SectionWriter {
  #out = Buffer.allocUnsafe(BYTES_START);
  #at = 0;
  readonly #names = new Map<string, Buffer>();

  start(): void {
    this.#at = 0;
  }

  /** What was written since `start`: a view, good until the next `start`. */
  bytes(): Buffer {
    return this.#out.subarray(0, this.#at);
  }

  /** Begins a section that is one list. `end` needs what this answers. */
  list(section: number): number {
    return this.#compound(section, LIST_32);
  }

  /** Begins a section that is one map; names and values follow in turn. */
  map(section: number): number {
    return this.#compound(section, MAP_32);
  }

  /** Ends the list or map begun at `start` with the count of its items: names and values each are one. */
  end(start: number, items: number): void {
    this.#out.writeUInt32BE(this.#at - start - 4, start);
    this.#out.writeUInt32BE(items, start + 4);
  }

  nothing(): void {
    this.#byte(NULL);
  }

  boolean(value: boolean): void {
    this.#byte(value ? TRUE : FALSE);
  }

  /** Two halves, for a BigInt is an object made only to be dropped. The upper one throws above 64 bits. */
  long(value: number): void {
    if (!Number.isInteger(value)) throw new RangeError('AMQP long: not an integer');
    this.#room(9);
    const at = this.#at;
    this.#out[at] = LONG;
    this.#out.writeInt32BE(Math.floor(value / TWO_32), at + 1);
    this.#out.writeUInt32BE(value >>> 0, at + 5);
    this.#at = at + 9;
  }

  string(text: string): void {
    this.#room(5 + text.length * 3);
    const at = this.#at;
    const isShort = text.length <= SHORT_MAX || Buffer.byteLength(text) < 256;
    const from = at + (isShort ? 2 : 5);
    const length = this.#out.write(text, from);
    this.#at = from + length;
    if (isShort) {
      this.#out[at] = STRING_8;
      this.#out[at + 1] = length;
    } else {
      this.#out[at] = STRING_32;
      this.#out.writeUInt32BE(length, at + 1);
    }
  }

  /** A string that comes with nearly every message: encoded once. */
  name(text: string): void {
    const known = this.#names.get(text);
    if (known === undefined) {
      const at = this.#at;
      this.string(text);
      if (this.#names.size < NAMES_MAX) this.#names.set(text, Buffer.from(this.#out.subarray(at, this.#at)));
      return;
    }
    this.#room(known.length);
    this.#out.set(known, this.#at);
    this.#at += known.length;
  }

  /** ASCII, 255 characters at most. */
  symbol(text: string): void {
    this.#room(2 + text.length);
    const at = this.#at;
    this.#out[at] = SYMBOL_8;
    this.#out[at + 1] = text.length;
    this.#at = at + 2 + this.#out.write(text, at + 2, 'latin1');
  }

  #byte(value: number): void {
    this.#room(1);
    this.#out[this.#at] = value;
    this.#at += 1;
  }

  #compound(section: number, type: number): number {
    this.#room(12);
    const at = this.#at;
    this.#out[at] = DESCRIBED;
    this.#out[at + 1] = SMALL_ULONG;
    this.#out[at + 2] = section;
    this.#out[at + 3] = type;
    this.#at = at + 12;
    return at + 4;
  }

  #room(needed: number): void {
    const bytes = this.#at + needed;
    if (bytes <= this.#out.length) return;
    if (bytes > BYTES_MAX) throw new RangeError('AMQP properties: longer than 1 MiB');
    const wider = Buffer.allocUnsafe(Math.min(BYTES_MAX, Math.max(bytes, this.#out.length * 2)));
    wider.set(this.#out.subarray(0, this.#at));
    this.#out = wider;
  }
}
