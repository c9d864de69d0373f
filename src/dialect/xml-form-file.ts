import { z } from 'zod';
import { keyKinds } from './definitions.ts';
import { confidence, fieldCode, keyCode, schemaLink, source, title } from './file-kinds.ts';
import { xmlHeaderParts, xmlNameParts, xmlValueForms } from './xml-form.ts';

const prefix = /[A-Za-z][A-Za-z0-9-]{0,15}/.source;
const local = /[A-Za-z_][A-Za-z0-9_.-]{0,79}/.source;
const name = z
  .string()
  .regex(new RegExp(`^(?:${prefix}:)?${local}$`))
  .describe('Element or attribute by one of the prefixes of this file; none: in no namespace');
const path = z
  .string()
  .regex(new RegExp(`^(?:${prefix}:)?${local}(?:/(?:${prefix}:)?${local}){0,15}$`))
  .describe('Elements below the body element, one inside the other, a slash between');
const setName = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/);

/** xml.json of a dialect whose header's form is `xml`; a dialect that stands on another one replaces it whole. */
export const xmlFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    confidence,
    limits: z
      .strictObject({
        depthMax: z.int().min(4).max(64),
        elementsMax: z.int().min(16).max(100_000),
        attributesMax: z.int().min(1).max(256),
        tagBytesMax: z.int().min(256).max(65_536).describe('Name and attributes of one start tag'),
        namespacesMax: z.int().min(1).max(64).describe('Declarations in one document'),
      })
      .describe('A document that passes one is refused; its length is frameBytesMax of framing.json'),
    namespaces: z
      .record(z.string().regex(new RegExp(`^${prefix}$`)), z.array(z.string().min(1).max(200)).min(1).max(8))
      .describe('Prefix of this file to the namespaces taken for it; the first is written'),
    aliases: z
      .record(z.string().regex(new RegExp(`^(?:(?:${prefix}|\\*):)?${local}$`)), name)
      .optional()
      .describe('Names that older documents use, read and never written; *:Name in any namespace'),
    root: z.strictObject({
      element: name,
      version: z
        .strictObject({ attribute: name, values: z.array(z.string().min(1).max(40)).min(1).max(8) })
        .optional(),
    }),
    header: z.strictObject({
      element: name,
      parts: z
        .partialRecord(z.enum(xmlHeaderParts), name)
        .describe('Elements of the header; messageKey, originatingOri and destination must be there'),
    }),
    keyAttribute: name.optional().describe('Attribute of the body element that repeats the message key'),
    nameParts: z
      .partialRecord(z.enum(xmlNameParts), name)
      .optional()
      .describe('Elements of a name; full is the whole of it'),
    fieldSets: z
      .record(
        setName,
        z.strictObject({
          source,
          confidence,
          fields: z.record(fieldCode, z.union([path, z.strictObject({ path, form: z.enum(xmlValueForms) })])),
        }),
      )
      .describe('Where fields stand below the body element, in sets that families name'),
    attachments: z
      .record(
        setName,
        z.strictObject({
          source,
          confidence,
          path,
          data: name.describe('Child with the base64 characters'),
          format: name.describe('Child that names the format'),
        }),
      )
      .optional(),
    families: z
      .array(
        z.strictObject({
          title,
          source,
          confidence,
          keys: z.array(keyCode).min(1).max(200).optional(),
          kinds: z
            .array(z.enum(keyKinds))
            .min(1)
            .optional()
            .describe('All keys of these kinds no family lists'),
          element: name.describe('The body element'),
          text: path.optional().describe('Free text'),
          textOfElements: z
            .boolean()
            .optional()
            .describe(
              'For keys whose body is text. true: without free text, the contents of all elements are it, a line each',
            ),
          fieldSets: z.array(setName).max(32).optional(),
          attachments: z.array(setName).max(8).optional(),
        }),
      )
      .min(1)
      .max(100)
      .describe('Message keys whose bodies look alike'),
  })
  .meta({ title: 'xml.json: how messages look as XML documents' });

export type XmlEntry = z.output<typeof xmlFile>;

/** File name under protocols/format/ to schema. */
export const xmlFileKinds = { xml: xmlFile } as const;
