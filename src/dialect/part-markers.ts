import { z } from 'zod';

/** How far from the body's start or end a marker is looked for, in bytes; and the forms it has (domain sheet 3.4). */
export type PartForms = { readonly markers: readonly string[]; readonly nearBytes: number };

export const partsFile = z
  .strictObject({
    markers: z
      .array(z.string().regex(/^[A-Z]{1,8} ?9{1,2}(?: OF |\/)9{1,2}$/))
      .min(1)
      .max(8)
      .describe(
        'A word, the number of the part, OF or a slash, how many there are; 9 or 99: one digit or two',
      ),
    nearBytes: z
      .int()
      .min(10)
      .max(1000)
      .describe('How far from the start or the end of the text a marker may stand'),
  })
  .describe('How a response says that it is one part of several');
