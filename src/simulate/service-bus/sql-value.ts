import { afterValue, encodeText, primitiveAt } from './amqp-bytes.ts';

/** A unique identifier; compares with its like only. */
export class Guid {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value no operator takes (binary, decimal, described kinds): it exists, can be copied, compares with nothing. */
export class Opaque {
  readonly encoded: Buffer;

  constructor(encoded: Buffer) {
    this.encoded = encoded;
  }
}

/**
 * What SQL rules compute with. Whole numbers are `bigint` (the service's Int64), all others `number` (its Double), so
 * that 5/2 is 2 and 5.0/2 is 2.5, as there. `null`: the property is there and has no value.
 */
export type SqlValue = string | bigint | number | boolean | Date | Guid | Opaque | null;

/** Reads the AMQP value at `at` with its type; `primitiveAt` reads the same bytes for correlation rules, untyped. */
export function sqlValueAt(bytes: Buffer, at: number): SqlValue {
  switch (bytes[at]) {
    case 0x40:
      return null;
    case 0x72:
      return bytes.readFloatBE(at + 1);
    case 0x82:
      return bytes.readDoubleBE(at + 1);
    case 0x80:
      return bytes.readBigUInt64BE(at + 1);
    case 0x81:
      return bytes.readBigInt64BE(at + 1);
    case 0x83:
      return new Date(Number(bytes.readBigInt64BE(at + 1)));
    case 0x98:
      return new Guid(guidText(bytes.toString('hex', at + 1, at + 17)));
  }
  const value = primitiveAt(bytes, at);
  if (typeof value === 'number') return BigInt(value);
  return value ?? new Opaque(bytes.subarray(at, afterValue(bytes, at)));
}

/** The AMQP encoding of a value an action writes. */
export function encodeSqlValue(value: SqlValue): Buffer {
  if (typeof value === 'string') return encodeText(value);
  if (value instanceof Opaque) return value.encoded;
  if (value instanceof Guid) return Buffer.from(`98${value.text.replaceAll('-', '')}`, 'hex');
  if (value === null) return Buffer.from([0x40]);
  if (typeof value === 'boolean') return Buffer.from([value ? 0x41 : 0x42]);
  const bytes = Buffer.alloc(9);
  if (typeof value === 'bigint') {
    bytes[0] = 0x81;
    bytes.writeBigInt64BE(BigInt.asIntN(64, value), 1);
  } else if (typeof value === 'number') {
    bytes[0] = 0x82;
    bytes.writeDoubleBE(value, 1);
  } else {
    bytes[0] = 0x83;
    bytes.writeBigInt64BE(BigInt(value.getTime()), 1);
  }
  return bytes;
}

function guidText(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
