import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault } from '../../message/codes.ts';

/** How frames travel on a line, as the far side reads it from protocols/. Names it does not know are for others. */
export type WireFraming =
  | { readonly kind: 'stx-etx' }
  | {
      readonly kind: 'length-prefix';
      readonly encoding: 'binary' | 'ascii';
      /** Bytes of the prefix: 2 or 4 in binary, 4 to 6 digits in ascii (domain sheet 2.2). */
      readonly width: number;
      readonly endian: 'big' | 'little';
      /** The length counts the prefix as well. */
      readonly countsSelf: boolean;
    }
  | { readonly kind: 'delimiter'; readonly delimiter: string };

export const stxEtx: WireFraming = { kind: 'stx-etx' };

const framingFile = z.discriminatedUnion('kind', [
  // A simulator checks no LRC and writes no header: better not to start than to be misread.
  z.object({ kind: z.literal('stx-etx'), lrc: z.literal('none').optional(), soh: z.undefined().optional() }),
  z
    .object({
      kind: z.literal('length-prefix'),
      encoding: z.enum(['binary', 'ascii']),
      width: z.int(),
      endian: z.enum(['big', 'little']).default('big'),
      countsSelf: z.boolean().default(false),
    })
    .refine(({ encoding, width }) => (encoding === 'binary' ? [2, 4] : [4, 5, 6]).includes(width)),
  z.object({ kind: z.literal('delimiter'), delimiter: z.string().min(1).max(8) }),
]);

/** The framing that `protocols/framings/NAME.json` describes. Throws DIALECT_INVALID naming the file. */
export function readFraming(protocols: string, name: string): WireFraming {
  const path = join('framings', `${name}.json`);
  let written: unknown;
  try {
    written = JSON.parse(readFileSync(join(protocols, path), 'utf8'));
  } catch {
    throw new Fault('DIALECT_INVALID', `${path} cannot be read`);
  }
  return wireFraming(written, path);
}

/** A framing as a dialect has it, or a file. `place` is named when it is none that a simulator speaks. */
export function wireFraming(written: unknown, place: string): WireFraming {
  const read = framingFile.safeParse(written);
  if (!read.success) throw new Fault('DIALECT_INVALID', `${place} is not a framing a simulator speaks`);
  return read.data;
}
