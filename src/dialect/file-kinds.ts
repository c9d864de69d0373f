import { z } from 'zod';
import { confidences, destinationKinds, headerForms, keyKinds } from './definitions.ts';
import { aliases, alone, byDestination, destinationCode, tableName } from './destination-kinds.ts';
import { expiresByField, expiry } from './expiry-file.ts';
import { framingFile } from './framing-file.ts';
import { ncicFile } from './ncic-form.ts';
import { partsFile } from './part-markers.ts';
import { sessionForm } from './session-form.ts';

/**
 * The file kinds of a dialect folder: a closed vocabulary that code knows, never names of code or expressions.
 * protocols/format/*.schema.json is written from these, so editors check a file as it is typed.
 */
export const schemaLink = z
  .string()
  .optional()
  .describe('Lets editors check this file; ignored by the switch');
export const source = z
  .string()
  .min(3)
  .describe('Where this was read: manual, section, edition, and how sure we are');
export const confidence = z
  .enum(confidences)
  .describe(
    'How sure we are of the weakest thing said here: read in a source, well-known in the field, our own convention, uncertain',
  );
export const title = z.string().min(1).max(120);
const picture = z
  .string()
  .regex(/^[A9X]{1,32}$/)
  .describe('One letter a character: A letter, 9 digit, X letter or digit');
/** In a field's picture the characters that part a value may stand as well. */
const fieldPicture = z
  .string()
  .regex(/^[A9X@,:/-]{1,32}$/)
  .describe('One character each: A letter, 9 digit, X letter or digit; others stand for themselves');
export const fieldCode = z.string().regex(/^[A-Z]{3}$/);
/** Letters; one letter and a digit is a key too (L1, domain sheet 6.3). */
export const keyCode = z.string().regex(/^(?:[A-Z]{2,5}|[A-Z][0-9])$/);
const priorityClass = z.literal([0, 1, 2, 3, 4, 5, 6]).describe('0 highest, 6 lowest');

/** Names that may stand in braces in any form: both clock lines, who wrote, and the sender's own reference. */
const headerPlaceholders = [
  'receivedTime',
  'receivedDate',
  'receivedCount',
  'sentTime',
  'sentDate',
  'sentCount',
  'originatingOri',
  'control',
] as const;
const answerPlaceholders = ['gatewayOri', ...headerPlaceholders, 'status', 'original', 'messageId'] as const;
const outputPlaceholders = [
  'messageKey',
  ...headerPlaceholders,
  'destination',
  'possibleDuplicate',
  'notCarried',
  'body',
] as const;
const relayedPlaceholders = ['messageKey', ...headerPlaceholders, 'destination'] as const;
export type Placeholder = (typeof answerPlaceholders)[number] | (typeof outputPlaceholders)[number];

const formOf = (placeholders: readonly Placeholder[]) =>
  z
    .array(z.string().regex(new RegExp(`^(?:[ -z|~]|\\{(?:${placeholders.join('|')})\\})*$`)))
    .min(1)
    .max(40);
const answerForm = formOf(answerPlaceholders).describe(
  'Lines; one whose placeholders are all empty is left out, one with {status} repeats for each refusal',
);
const outputForm = formOf(outputPlaceholders).describe(
  'Header lines of a message the switch sends to a station; the last one is the text mark, the body follows it',
);

const relayedForm = formOf(relayedPlaceholders).describe(
  'Header lines of a message the network hands on: first {messageKey}.{originatingOri}, last the text mark',
);

export const dialectName = z.string().regex(/^[a-z][a-z0-9-]{1,39}$/);

export const dialectFile = z
  .strictObject({
    $schema: schemaLink,
    name: dialectName,
    title,
    source,
    confidence,
    header: z.strictObject({
      form: z
        .enum(headerForms)
        .describe(
          'dotted: KEY.ORI.DESTINATION.[*CONTROL.]TXT body, KEY.ORI.body for a key with implied destinations; ncic: LEAD and reference.KEY.ORI.body; xml: a document, as xml.json says',
        ),
      messageKey: z.strictObject({
        lengthMin: z.int().min(1).max(5),
        lengthMax: z.int().min(1).max(5),
      }),
      originatingOri: picture,
      destinationsReadMax: z.int().min(1).max(32),
      control: z.strictObject({
        mark: z.string().regex(/^[^A-Za-z0-9.\s]$/),
        lengthMax: z.int().min(1).max(32),
      }),
      textMark: z.string().regex(/^[A-Z]{1,8}$/),
    }),
    destinations: z.strictObject({
      ori: picture,
      state: picture.optional(),
      region: picture.optional(),
      mnemonic: z.array(picture).min(1).max(4).optional().describe('The lengths a mnemonic may have'),
      group: picture.optional(),
      allPoints: z.array(destinationCode).max(8),
      aliases,
      genericOris: tableName.optional().describe('Table of ORIs every state has, xx for the state'),
    }),
    body: z.strictObject({ fieldsMax: z.int().min(1).max(256) }),
    parts: partsFile.optional(),
    tables: z.array(tableName).min(1).max(32).optional().describe('Tables no field names, there to be read'),
    unknownKeys: z
      .enum(['refuse', 'pass'])
      .optional()
      .describe('A message whose key has no file. Default refuse; pass takes it as free text'),
    unknownKeysLike: z
      .strictObject({
        inquiry: keyCode,
        response: keyCode,
        administrative: keyCode,
        implied: z
          .array(destinationCode)
          .min(1)
          .max(5)
          .optional()
          .describe('Where one goes that has no destination: KEY.ORI.FLD/value. None: it is refused'),
      })
      .optional()
      .describe(
        'With pass: the keys they are taken like, for one of three letters that ends in Q, in R, and for all others',
      ),
    answers: z.strictObject({
      utcOffsetMinutes: z.int().min(-720).max(840),
      originalCharactersMax: z.int().min(0).max(1000),
      refused: answerForm,
      accepted: answerForm,
    }),
    output: z.strictObject({
      form: outputForm,
      possibleDuplicate: z
        .string()
        .regex(/^[A-Z0-9][ -~]{0,79}$/)
        .describe('What {possibleDuplicate} says of a message that may have been sent before'),
      receipts: z
        .strictObject({ accepted: keyCode, refused: keyCode })
        .describe('Keys by which a station on an application line confirms or rejects what it was sent'),
    }),
    relayed: z
      .array(relayedForm)
      .min(1)
      .max(4)
      .optional()
      .describe('How messages look that a network hands on to us; the first form that fits is taken'),
    session: sessionForm.optional(),
    ncic: ncicFile.optional().describe('Where header.form is ncic: how header and responses look'),
  })
  .meta({ title: 'dialect.json: what a dialect looks like' });

export const fieldFile = z.strictObject({
  title,
  source,
  confidence,
  lengthMin: z.int().min(1).max(1000),
  lengthMax: z.int().min(1).max(1000),
  characters: z.enum(['letters', 'digits', 'letters-digits', 'text']),
  also: z
    .string()
    .max(16)
    .regex(/^[ -~]*$/)
    .optional()
    .describe('Further characters that may stand in the value'),
  contains: z.string().length(1).optional().describe('A character the value must hold'),
  pictures: z.array(fieldPicture).min(1).max(8).optional(),
  orValues: z
    .array(z.string().regex(/^[!-~]{1,32}$/))
    .max(8)
    .optional()
    .describe('Values that pass whatever the pictures say'),
  codeTable: tableName.optional(),
  codeTableComplete: z.boolean().optional().describe('false: other codes pass too. Default true'),
  sensitive: z.boolean().describe('Masked wherever a person might see it'),
});

const fieldSet = {
  required: z.array(fieldCode).max(64).optional().describe('Every one of these must be there'),
  alternatives: z
    .array(z.array(fieldCode).min(1).max(16))
    .max(16)
    .optional()
    .describe('One of these lists, whole'),
  optional: z.array(fieldCode).max(64).optional().describe('These may be there'),
};

export const messageKeyFile = z
  .strictObject({
    $schema: schemaLink,
    key: keyCode,
    title,
    source,
    confidence,
    kind: z.enum(keyKinds),
    suffixes: z
      .union([
        z.literal('any'),
        z
          .array(z.string().regex(/^[A-Z]$/))
          .min(1)
          .max(26),
      ])
      .optional()
      .describe('Letters that may stand behind the key and a hyphen, as in EW-C; any: every letter'),
    priorityClass,
    priorityByField: z
      .strictObject({ field: fieldCode, classes: z.record(z.string().min(1), priorityClass) })
      .optional(),
    body: z.enum(['fields', 'text']),
    destinations: z
      .strictObject({
        kinds: z.array(z.enum(destinationKinds)).min(1).optional(),
        max: z.int().min(1).max(32).optional(),
        codesMax: z
          .int()
          .min(1)
          .max(32)
          .optional()
          .describe('How many of them may be states, regions or all points; none: as many as max'),
        only: z
          .array(destinationCode)
          .min(1)
          .max(64)
          .optional()
          .describe('No other destination than these; none: any of its kinds'),
        except: z.array(destinationCode).min(1).max(64).optional().describe('Not these, though of its kinds'),
        alone,
        implied: z
          .array(destinationCode)
          .min(1)
          .max(5)
          .optional()
          .describe('None is written: KEY.ORI. and then the body. These are meant'),
      })
      .describe('Either kinds and max, or implied'),
    ...fieldSet,
    alternativesFirst: z
      .enum(['once', 'again'])
      .optional()
      .describe(
        'The fields of an alternative stand first, as those that say which record is meant; again: each may come once more, with its new value',
      ),
    exclusive: z
      .array(z.array(fieldCode).min(2).max(16))
      .max(16)
      .optional()
      .describe('Of each list one at most may be there'),
    byDestination,
    numbers: tableName.optional().describe('Table of the numbers its text may begin with'),
    fields: z
      .record(fieldCode, fieldFile)
      .optional()
      .describe('Fields that mean something else in this key than in fields.json'),
    cases: z
      .array(z.strictObject({ field: fieldCode, by: z.record(z.string().min(1), z.strictObject(fieldSet)) }))
      .max(8)
      .optional()
      .describe('More fields, chosen by the value of one field'),
    repliedBy: z.array(keyCode).max(8).optional(),
    expiresByField,
    expiresMs: expiry
      .optional()
      .describe('How long a delivery may wait before it is expired and its sender told; none: it waits'),
  })
  .meta({ title: 'message-keys/KEY.json: one message key' });

export const fieldsFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    fields: z.record(fieldCode, fieldFile),
  })
  .meta({ title: 'fields.json: the field dictionary' });

export type KeyEntry = z.output<typeof messageKeyFile>;
export type FieldEntry = z.output<typeof fieldFile>;

/** File name under protocols/format/ to schema. */
export const dialectFileKinds = {
  dialect: dialectFile,
  framing: framingFile,
  'message-key': messageKeyFile,
  fields: fieldsFile,
} as const;
