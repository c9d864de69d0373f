import { Fault } from '../../message/codes.ts';
import type { WireFraming } from './framing.ts';

/**
 * The far side's own framing: written from the domain sheet (2.1, 2.2), not from the switch's code, so that the two check each other.
 * Where there are no marks, a link confirmation is a frame of that one byte.
 */
export type WireControl = 'ACK' | 'NAK' | 'ENQ';
export type WireEvent =
  | { readonly kind: 'frame'; readonly content: Buffer }
  | { readonly kind: 'control'; readonly byte: WireControl }
  /** Bytes that can be no frame of this framing; what was gathered is dropped. */
  | { readonly kind: 'garbled' };

const STX = 0x02;
const ETX = 0x03;
const controlBytes: Readonly<Record<WireControl, number>> = { ACK: 0x06, NAK: 0x15, ENQ: 0x05 };
const controlOf = new Map(
  Object.entries(controlBytes).map(([name, byte]) => [byte, name as WireControl] as const),
);
/** Far above any message; a peer that never ends its frame costs this much and no more. */
const bytesMax = 1_048_576;

/** One frame as it travels. Throws where the content cannot be told in this framing. */
export function wireFrame(framing: WireFraming, content: Buffer): Buffer {
  switch (framing.kind) {
    case 'stx-etx':
      return Buffer.concat([Buffer.of(STX), content, Buffer.of(ETX)]);
    case 'delimiter':
      return Buffer.concat([content, Buffer.from(framing.delimiter, 'latin1')]);
    case 'length-prefix':
      return Buffer.concat([prefix(framing, content.length), content]);
  }
}

export const wireControl = (framing: WireFraming, byte: WireControl): Buffer => {
  const content = Buffer.of(controlBytes[byte]);
  return framing.kind === 'stx-etx' ? content : wireFrame(framing, content);
};

type LengthPrefix = Extract<WireFraming, { kind: 'length-prefix' }>;

function prefix({ encoding, width, endian, countsSelf }: LengthPrefix, contentBytes: number): Buffer {
  const length = contentBytes + (countsSelf ? width : 0);
  if (encoding === 'ascii') {
    const digits = String(length).padStart(width, '0');
    if (digits.length > width) throw tooLong();
    return Buffer.from(digits, 'latin1');
  }
  if (length >= 256 ** width) throw tooLong();
  const bytes = Buffer.alloc(width);
  if (endian === 'big') bytes.writeUIntBE(length, 0, width);
  else bytes.writeUIntLE(length, 0, width);
  return bytes;
}

const tooLong = () => new Fault('CONFIG_INVALID', 'the message is longer than this framing can say');

/** What a cut found: how many bytes it used up, and what they were. Undefined: more bytes are needed. */
type Cut = { readonly used: number; readonly event?: WireEvent };

/** Reads frames and confirmations from a byte stream; the result does not depend on how the bytes were split. */
export class WireReader {
  readonly #framing: WireFraming;
  #pending = Buffer.alloc(0);

  constructor(framing: WireFraming) {
    this.#framing = framing;
  }

  push(chunk: Buffer): readonly WireEvent[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const events: WireEvent[] = [];
    let at = 0;
    for (;;) {
      const cut = this.#cut(this.#pending.subarray(at));
      if (cut === undefined) break;
      at += cut.used;
      if (cut.event !== undefined) events.push(cut.event);
    }
    this.#pending = this.#pending.subarray(at);
    if (this.#pending.length > bytesMax) {
      this.#pending = Buffer.alloc(0);
      events.push({ kind: 'garbled' });
    }
    return events;
  }

  #cut(bytes: Buffer): Cut | undefined {
    if (bytes.length === 0) return undefined;
    switch (this.#framing.kind) {
      case 'stx-etx':
        return cutMarked(bytes);
      case 'delimiter':
        return cutDelimited(bytes, Buffer.from(this.#framing.delimiter, 'latin1'));
      case 'length-prefix':
        return cutCounted(bytes, this.#framing);
    }
  }
}

function cutMarked(bytes: Buffer): Cut | undefined {
  const [first = 0] = bytes;
  if (first !== STX) {
    const byte = controlOf.get(first);
    return byte === undefined ? { used: 1 } : { used: 1, event: { kind: 'control', byte } };
  }
  const end = bytes.indexOf(ETX);
  return end < 0 ? undefined : { used: end + 1, event: frame(bytes.subarray(1, end)) };
}

function cutDelimited(bytes: Buffer, delimiter: Buffer): Cut | undefined {
  const end = bytes.indexOf(delimiter);
  return end < 0 ? undefined : { used: end + delimiter.length, ...told(bytes.subarray(0, end)) };
}

function cutCounted(bytes: Buffer, framing: LengthPrefix): Cut | undefined {
  const { width, countsSelf } = framing;
  if (bytes.length < width) return undefined;
  const said = lengthIn(bytes.subarray(0, width), framing);
  // Zero is a keep-alive, also where the prefix counts itself.
  const length = said === undefined || said === 0 ? said : said - (countsSelf ? width : 0);
  if (length === undefined || length < 0 || length > bytesMax)
    return { used: bytes.length, event: { kind: 'garbled' } };
  if (bytes.length < width + length) return undefined;
  return { used: width + length, ...told(bytes.subarray(width, width + length)) };
}

function lengthIn(bytes: Buffer, { encoding, endian, width }: LengthPrefix): number | undefined {
  if (encoding === 'binary')
    return endian === 'big' ? bytes.readUIntBE(0, width) : bytes.readUIntLE(0, width);
  const digits = bytes.toString('latin1');
  return /^\d+$/.test(digits) ? Number(digits) : undefined;
}

/** Nothing for an empty frame, a confirmation for one of its single byte. */
function told(content: Buffer): { readonly event?: WireEvent } {
  if (content.length === 0) return {};
  const byte = content.length === 1 ? controlOf.get(content[0] ?? 0) : undefined;
  return { event: byte === undefined ? frame(content) : { kind: 'control', byte } };
}

const frame = (content: Buffer): WireEvent => ({ kind: 'frame', content: Buffer.from(content) });
