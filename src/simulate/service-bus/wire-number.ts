import { z } from 'zod';
import { plainOf } from './settlement.ts';

/** A number off the wire: plain, wrapped in its type, or as the eight bytes of a long. */
export const wireNumber = z.unknown().transform((value, context) => {
  const plain = plainOf(value);
  if (typeof plain === 'number') return plain;
  if (plain instanceof Uint8Array && plain.length === 8) return Number(Buffer.from(plain).readBigInt64BE());
  context.addIssue('must be a number');
  return z.NEVER;
});

/** An array of them, such as sequence numbers. */
export const wireNumbers = z.unknown().transform(plainOf).pipe(z.array(wireNumber).min(1).max(10_000));
