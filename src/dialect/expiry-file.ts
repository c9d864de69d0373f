import { z } from 'zod';

/** In milliseconds; a day at most. */
export const expiry = z.int().min(1000).max(86_400_000);

export const expiresByField = z
  .strictObject({ field: z.string().regex(/^[A-Z]{3}$/), ms: z.record(z.string().min(1), expiry) })
  .optional()
  .describe('A field whose value says how long instead, as PRI does for a hit confirmation');
