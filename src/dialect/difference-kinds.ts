import { z } from 'zod';
import { dialectFile, dialectName, fieldCode, fieldFile, keyCode, schemaLink, source } from './file-kinds.ts';

/** The files of a dialect that stands on another one: what they leave out, the other one says. `null` takes away what it has. */
const { shape } = dialectFile;
const { header, destinations, answers, output } = shape;

export const dialectDifferenceFile = z
  .strictObject({
    ...shape,
    extends: dialectName.describe('The dialect this one stands on: a folder beside this one'),
    without: z.array(keyCode).max(1000).optional().describe('Message keys of the other dialect to leave out'),
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
      })
      .partial()
      .optional(),
    body: shape.body.optional(),
    answers: answers.partial().optional(),
    output: output.extend({ receipts: output.shape.receipts.partial() }).partial().optional(),
    relayed: shape.relayed.nullable(),
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
