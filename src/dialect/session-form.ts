import { z } from 'zod';

/** How a station logs on to the switch and off again, in messages of its dialect (domain sheet 2.5, 2.7). */
export type SessionForm = {
  /** Message keys of kind `session`. */
  readonly logOn: string;
  readonly logOff: string;
  /** Fields of the log-on. */
  readonly user: string;
  readonly password: string;
  /** Lines of what a station reads once it is on, and once it is off. */
  readonly accepted: readonly string[];
  readonly ended: readonly string[];
  /** In place of the dialect's answer where a log-on or log-off is refused. */
  readonly refused: readonly string[];
};

/** No {original}: what a log-on held is never said again. */
const placeholders = [
  'gatewayOri',
  'receivedTime',
  'receivedDate',
  'receivedCount',
  'sentTime',
  'sentDate',
  'sentCount',
  'originatingOri',
  'control',
  'status',
] as const;
const form = z
  .array(z.string().regex(new RegExp(`^(?:[ -z|~]|\\{(?:${placeholders.join('|')})\\})*$`)))
  .min(1)
  .max(40);
const key = z.string().regex(/^[A-Z]{2,5}$/);
const field = z.string().regex(/^[A-Z]{3}$/);

/** `session` of dialect.json. */
export const sessionForm = z
  .strictObject({
    source: z.string().min(3).describe('Where this was read: manual, section, edition, and how sure we are'),
    confidence: z
      .enum(['read', 'well-known', 'convention', 'uncertain'])
      .describe('How sure we are of the weakest thing said here'),
    logOn: key.describe('Message key of kind session by which a station logs on'),
    logOff: key.describe('Message key of kind session by which it logs off'),
    user: field.describe('Field of the log-on that names who'),
    password: field.describe('Field of the log-on with the password; it must be sensitive'),
    accepted: form.describe('Lines a station reads when it is logged on'),
    ended: form.describe('Lines a station reads when it is logged off'),
    refused: form.describe('Lines it reads when that is refused; one with {status} repeats for each refusal'),
  })
  .describe('How a station logs on and off; without it no line of this dialect can require it');
