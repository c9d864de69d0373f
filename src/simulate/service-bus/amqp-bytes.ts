import { StandInError } from './stand-in-error.ts';

/**
 * Reads and writes AMQP 1.0 encodings in place (OASIS AMQP 1.0, part 1.6), so that a message is stored and sent
 * on as the bytes it came in. Every read is checked against the buffer's end: bytes come from the network.
 */
export type Primitive = string | number | boolean;

/** A described list or map: how many items, where the first starts, where the last ends. */
export type Compound = { readonly count: number; readonly first: number; readonly end: number };

const malformed = (what: string): StandInError =>
  new StandInError('STAND_IN_MESSAGE', `the message's bytes are malformed: ${what}`);

/** Offset just after the value at `at`; descriptors are walked in a loop, so nesting costs no stack. */
export function afterValue(bytes: Buffer, at: number): number {
  let start = at;
  while (bytes[start] === 0x00) start = afterPrimitive(bytes, start + 1);
  return afterPrimitive(bytes, start);
}

function afterPrimitive(bytes: Buffer, at: number): number {
  const end = at + 1 + widthAt(bytes, at);
  if (end > bytes.length) throw malformed('a value passes the end');
  return end;
}

/** Bytes that follow the constructor; its high nibble says the width class (part 1.6, figure 1.3). */
function widthAt(bytes: Buffer, at: number): number {
  switch ((bytes[at] ?? 0) >> 4) {
    case 0x4:
      return 0;
    case 0x5:
      return 1;
    case 0x6:
      return 2;
    case 0x7:
      return 4;
    case 0x8:
      return 8;
    case 0x9:
      return 16;
    case 0xa:
    case 0xc:
    case 0xe:
      return 1 + byteAt(bytes, at + 1);
    case 0xb:
    case 0xd:
    case 0xf:
      return 4 + uint32At(bytes, at + 1);
    default:
      throw malformed('unknown constructor');
  }
}

/** Code and value offset of the section at `at`; sections with symbolic descriptors are not met in practice. */
export function sectionAt(bytes: Buffer, at: number): { readonly code: number; readonly value: number } {
  if (bytes[at] === 0x00 && bytes[at + 1] === 0x53) return { code: byteAt(bytes, at + 2), value: at + 3 };
  if (bytes[at] === 0x00 && bytes[at + 1] === 0x80) return { code: byteAt(bytes, at + 9), value: at + 10 };
  throw malformed('section expected');
}

export function compoundAt(bytes: Buffer, at: number): Compound {
  const end = afterValue(bytes, at);
  switch (bytes[at]) {
    case 0x45:
      return { count: 0, first: end, end };
    case 0xc0:
    case 0xc1:
      return { count: byteAt(bytes, at + 2), first: at + 3, end };
    case 0xd0:
    case 0xd1:
      return { count: uint32At(bytes, at + 5), first: at + 9, end };
    default:
      throw malformed('list or map expected');
  }
}

/** Content of a binary value. */
export function binaryAt(bytes: Buffer, at: number): Buffer {
  const end = afterValue(bytes, at);
  if (bytes[at] === 0xa0) return bytes.subarray(at + 2, end);
  if (bytes[at] === 0xb0) return bytes.subarray(at + 5, end);
  throw malformed('binary expected');
}

/** The value at `at` where a rule can compare it; undefined for null and for kinds no rule compares. */
export function primitiveAt(bytes: Buffer, at: number): Primitive | undefined {
  const end = afterValue(bytes, at);
  switch (bytes[at]) {
    case 0xa1:
    case 0xa3:
      return bytes.toString('utf8', at + 2, end);
    case 0xb1:
    case 0xb3:
      return bytes.toString('utf8', at + 5, end);
    case 0x41:
      return true;
    case 0x42:
      return false;
    case 0x56:
      return bytes[at + 1] === 1;
    default:
      return numberAt(bytes, at);
  }
}

function numberAt(bytes: Buffer, at: number): number | undefined {
  switch (bytes[at]) {
    case 0x43:
    case 0x44:
      return 0;
    case 0x50:
    case 0x52:
    case 0x53:
      return bytes.readUInt8(at + 1);
    case 0x51:
    case 0x54:
    case 0x55:
      return bytes.readInt8(at + 1);
    case 0x60:
      return bytes.readUInt16BE(at + 1);
    case 0x61:
      return bytes.readInt16BE(at + 1);
    case 0x70:
      return bytes.readUInt32BE(at + 1);
    case 0x71:
      return bytes.readInt32BE(at + 1);
    case 0x72:
      return bytes.readFloatBE(at + 1);
    case 0x80:
      return Number(bytes.readBigUInt64BE(at + 1));
    case 0x81:
      return Number(bytes.readBigInt64BE(at + 1));
    case 0x82:
      return bytes.readDoubleBE(at + 1);
    default:
      return undefined;
  }
}

/** Text as `str32`. */
export function encodeText(text: string): Buffer {
  const encoded = Buffer.from(text);
  const head = Buffer.from([0xb1, 0, 0, 0, 0]);
  head.writeUInt32BE(encoded.length, 1);
  return Buffer.concat([head, encoded]);
}

/** A text, number or boolean as a value: whole numbers as `long`, others as `double`. */
export function encodePrimitive(value: Primitive): Buffer {
  if (typeof value === 'string') return encodeText(value);
  if (typeof value === 'boolean') return Buffer.from([value ? 0x41 : 0x42]);
  const encoded = Buffer.alloc(9);
  if (Number.isSafeInteger(value)) {
    encoded[0] = 0x81;
    encoded.writeBigInt64BE(BigInt(value), 1);
  } else {
    encoded[0] = 0x82;
    encoded.writeDoubleBE(value, 1);
  }
  return encoded;
}

/** Milliseconds of a timestamp value; undefined for anything else. */
export function timestampAt(bytes: Buffer, at: number): number | undefined {
  return bytes[at] === 0x83 && at + 9 <= bytes.length ? Number(bytes.readBigInt64BE(at + 1)) : undefined;
}

/** A described section holding a 32-bit list (0xd0) or map (0xd1) made of ready-encoded items. */
export function encodeSection(
  code: number,
  kind: 0xd0 | 0xd1,
  count: number,
  items: readonly Buffer[],
): Buffer {
  const head = Buffer.from([0x00, 0x53, code, kind, 0, 0, 0, 0, 0, 0, 0, 0]);
  const content = Buffer.concat([head, ...items]);
  content.writeUInt32BE(content.length - 8, 4);
  content.writeUInt32BE(count, 8);
  return content;
}

/** 64-bit integer from a safe one; several times faster than BigInt where it runs a few times a message. */
export function writeUint64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw malformed('the end comes early');
  return byte;
}

function uint32At(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw malformed('the end comes early');
  return bytes.readUInt32BE(at);
}
