import { z } from 'zod';
import { destinationCode } from './destination-kinds.ts';
import { dialectFile, dialectName, fieldCode, fieldFile, keyCode, schemaLink, source } from './file-kinds.ts';
import { ncicDifference } from './ncic-form.ts';

/** The files of a dialect that stands on another one: what they leave out, the other one says. `null` takes away what it has. */
const { shape } = dialectFile;
const { header, destinations, answers, output } = shape;

export const dialectDifferenceFile = z
  .strictObject({
    ...shape,
    extends: dialectName.describe('The dialect this one stands on: a folder beside this one'),
    without: z
      .union([z.literal('all'), z.array(keyCode).max(1000)])
      .optional()
      .describe('Message keys of the other dialect to leave out; all: every one'),
    header: header
      .extend({
        messageKey: header.shape.messageKey.partial(),
        control: header.shape.control.partial(),
      })
      .partial()
      .optional(),
    destinations: destinations
      .extend({
        state: destinations.shape.state.nullable(),
        region: destinations.shape.region.nullable(),
        mnemonic: destinations.shape.mnemonic.nullable(),
        group: destinations.shape.group.nullable(),
        aliases: z.record(destinationCode, destinationCode.nullable()).optional(),
        genericOris: destinations.shape.genericOris.nullable(),
      })
      .partial()
      .optional(),
    body: shape.body.optional(),
    unknownKeysLike: shape.unknownKeysLike.unwrap().partial().optional(),
    answers: answers.partial().optional(),
    output: output.extend({ receipts: output.shape.receipts.partial() }).partial().optional(),
    relayed: shape.relayed.nullable(),
    session: shape.session.nullable(),
    ncic: ncicDifference.nullable().optional(),
    parts: shape.parts.nullable(),
  })
  .meta({ title: 'dialect.json of a dialect that extends another: what is different' });

export const fieldsDifferenceFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    fields: z.record(fieldCode, fieldFile.nullable()).describe('A whole entry each; null takes one away'),
  })
  .meta({ title: 'fields.json of a dialect that extends another: what is different' });

export const differenceFileKinds = {
  'dialect-difference': dialectDifferenceFile,
  'fields-difference': fieldsDifferenceFile,
} as const;
