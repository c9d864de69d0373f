import { z } from 'zod';
import { codes, type RefusalCode } from '../message/codes.ts';

/** The JSON files of a sample, written by scripts/write-sample-results.ts and read by people. Offsets count bytes of the frame. */
const line = z.string().min(1).describe('The line of sample-directory it comes in on');
const note = z.string().min(1).optional().describe('What a reader should know');
const offset = z.int().min(0);
const place = { offset, length: z.int().min(0) };

export const sampleMessageFile = z
  .strictObject({
    line,
    note,
    messageKey: z.string(),
    isKeyUnknown: z.literal(true).optional(),
    originatingOri: z.string(),
    destinations: z.array(
      z.strictObject({ text: z.string(), offset, isImplied: z.literal(true).optional() }),
    ),
    isRelayed: z.literal(true).optional().describe('A network handed it on'),
    control: z.string(),
    priorityClass: z.int().min(0).max(6),
    bodyOffset: offset,
    bodyEnd: offset.optional(),
    fields: z.array(
      z.strictObject({ code: z.string(), codeOffset: offset, ...place, value: z.string().optional() }),
    ),
    text: z.string().optional(),
    attachments: z.array(z.strictObject({ format: z.string(), ...place })).optional(),
    unread: z.array(z.strictObject({ name: z.string(), ...place })).optional(),
    part: z.strictObject({ number: z.int().min(1), of: z.int().min(0) }).optional(),
  })
  .meta({ title: 'message.json of an accepted sample: how its wire.msg is read' });

export const sampleDeliveriesFile = z
  .array(
    z.strictObject({
      lane: z.string(),
      destination: z.string(),
      groups: z.array(z.string()),
      recipients: z.array(z.string()),
    }),
  )
  .meta({ title: 'deliveries.json of an accepted sample: where copies go' });

const refusalCodes = Object.keys(codes).filter(
  (code): code is RefusalCode => codes[code as keyof typeof codes].kind === 'refusal',
);

export const sampleRefusalFile = z
  .strictObject({
    line,
    note,
    framing: z.string().optional().describe('A sample of a framing: the file of protocols/framings/'),
    accepted: z.int().min(0).describe('Frames of wire.msg that pass all the same'),
    refusals: z
      .array(
        z.strictObject({
          code: z.enum(refusalCodes as [RefusalCode, ...RefusalCode[]]),
          field: z.string().optional(),
          offset: offset.optional(),
          length: z.int().min(0).optional(),
          limit: z.int().optional(),
        }),
      )
      .min(1),
  })
  .meta({ title: 'refusal.json of a refused sample: every refusal, in order' });

const clock = z.iso.datetime().describe('ISO 8601, UTC');
const count = z.int().min(1).describe('Five digits of it are shown');

export const sampleDeliveryFile = z
  .strictObject({
    line,
    note,
    lane: z.string().describe('The lane of the station that gets the copy'),
    receivedAt: clock,
    receivedCount: count,
    sentAt: clock,
    sentCount: count,
  })
  .meta({ title: 'delivery.json of an output sample: when and as which message the copy goes out' });

/** File name under protocols/format/ to schema. */
export const sampleFileKinds = {
  'sample-message': sampleMessageFile,
  'sample-deliveries': sampleDeliveriesFile,
  'sample-refusal': sampleRefusalFile,
  'sample-delivery': sampleDeliveryFile,
} as const;
