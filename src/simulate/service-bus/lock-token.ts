import { randomBytes } from 'node:crypto';
import { writeUint64 } from './amqp-bytes.ts';

const ownHalf = randomBytes(8);

/**
 * Delivery tag of a lock: 16 bytes that the SDK shows as a GUID. The key sits in the last eight because the SDK
 * turns the first eight round (.NET byte order) on the way back through `$management`.
 */
export function lockToken(key: number): Buffer {
  const token = Buffer.allocUnsafe(16);
  ownHalf.copy(token);
  writeUint64(token, key, 8);
  return token;
}

/** The lock's key; 0, which no lock has, for anything that is no token. */
export function lockKeyOf(token: unknown): number {
  if (!(token instanceof Uint8Array) || token.length !== 16) return 0;
  return Number(Buffer.from(token).readBigUInt64BE(8));
}
