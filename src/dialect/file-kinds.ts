import { z } from 'zod';
import { confidences, destinationKinds, headerForms, keyKinds } from './definitions.ts';
import { framingFile } from './framing-file.ts';

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
export const keyCode = z.string().regex(/^[A-Z]{2,5}$/);
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
const destinationCode = z.string().regex(/^[A-Z0-9]{1,9}$/);

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
    }),
    body: z.strictObject({ fieldsMax: z.int().min(1).max(256) }),
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
  codeTable: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/)
    .optional()
    .describe('codes/NAME.tsv'),
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
        implied: z
          .array(destinationCode)
          .min(1)
          .max(5)
          .optional()
          .describe('None is written: KEY.ORI. and then the body. These are meant'),
      })
      .describe('Either kinds and max, or implied'),
    ...fieldSet,
    exclusive: z
      .array(z.array(fieldCode).min(2).max(16))
      .max(16)
      .optional()
      .describe('Of each list one at most may be there'),
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
    expiresMs: z
      .int()
      .min(1000)
      .max(86_400_000)
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
