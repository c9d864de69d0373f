import { z } from 'zod';

/** What the files say of single destinations: other names, and fields that not all of them take. */
export const destinationCode = z.string().regex(/^[A-Z0-9]{1,9}$/);

export const tableName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/)
  .describe('codes/NAME.tsv');

export const aliases = z
  .record(destinationCode, destinationCode)
  .optional()
  .describe('Another name of a destination, and the code it is read as');

/** As long as what it fits: A a letter, 9 a digit, X either, all else stands for itself. */
export const alone = z
  .array(destinationCode)
  .min(1)
  .max(8)
  .optional()
  .describe('Pictures of destinations that stand alone, as AAXXXHELP does: no other may be written with one');

const fieldCodes = z
  .array(z.string().regex(/^[A-Z]{3}$/))
  .min(1)
  .max(64);

export const byDestination = z
  .array(
    z.strictObject({
      destinations: z.array(destinationCode).min(1).max(64),
      only: fieldCodes.optional().describe('Where one of these is written, no other field may be there'),
      also: fieldCodes
        .optional()
        .describe('Fields that may be there only where nothing but these is written'),
    }),
  )
  .max(8)
  .optional()
  .describe('Fields that hang on where the message goes');
