import { z } from 'zod';
import { destinationKinds, keyKinds } from './definitions.ts';

/**
 * The file kinds of a dialect folder: a closed vocabulary that code knows, never names of code or expressions.
 * protocols/format/*.schema.json is written from these, so editors check a file as it is typed.
 */
const schemaLink = z.string().optional().describe('Lets editors check this file; ignored by the switch');
const source = z
  .string()
  .min(3)
  .describe('Where this was read: manual, section, edition, and how sure we are');
const title = z.string().min(1).max(120);
const picture = z
  .string()
  .regex(/^[A9X]{1,32}$/)
  .describe('One letter a character: A letter, 9 digit, X letter or digit');
const fieldCode = z.string().regex(/^[A-Z]{3}$/);
const keyCode = z.string().regex(/^[A-Z]{2,5}$/);
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
const outputPlaceholders = ['messageKey', ...headerPlaceholders, 'destination', 'possibleDuplicate'] as const;
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

export const dialectFile = z
  .strictObject({
    $schema: schemaLink,
    name: z.string().regex(/^[a-z][a-z0-9-]{1,39}$/),
    title,
    source,
    header: z.strictObject({
      form: z.literal('dotted').describe('KEY.ORI.DESTINATION.[*CONTROL.]TXT body'),
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
      group: picture.optional(),
      allPoints: z.array(z.string().regex(/^[A-Z0-9]{1,9}$/)).max(8),
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
  })
  .meta({ title: 'dialect.json: what a dialect looks like' });

export const framingFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    kind: z.literal('stx-etx').describe('STX (0x02), content, ETX (0x03)'),
    frameBytesMax: z.int().min(64).max(1_048_576).describe('Most bytes between the marks'),
    frameFaultsMax: z.int().min(1).max(10_000).describe('Faults a minute before the line is closed'),
  })
  .meta({ title: 'framing.json: how messages are cut from the line' });

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
    kind: z.enum(keyKinds),
    priorityClass,
    priorityByField: z
      .strictObject({ field: fieldCode, classes: z.record(z.string().min(1), priorityClass) })
      .optional(),
    body: z.enum(['fields', 'text']),
    destinations: z.strictObject({
      kinds: z.array(z.enum(destinationKinds)).min(1),
      max: z.int().min(1).max(32),
    }),
    ...fieldSet,
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
    fields: z.record(
      fieldCode,
      z.strictObject({
        title,
        source,
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
        pictures: z.array(picture).min(1).max(8).optional(),
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
      }),
    ),
  })
  .meta({ title: 'fields.json: the field dictionary' });

/** File name under protocols/format/ to schema. */
export const dialectFileKinds = {
  dialect: dialectFile,
  framing: framingFile,
  'message-key': messageKeyFile,
  fields: fieldsFile,
} as const;
