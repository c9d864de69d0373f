import { z } from 'zod';
import { numberMax } from './framed-blocks.ts';
import { countedBesides, type HeaderTemplateFraming, lengthCounts, type TemplateField } from './framing.ts';

const endian = z.enum(['big', 'little']).describe('big: the high byte first');
const mark = z
  .string()
  .regex(/^(?:[0-9A-F]{2}){1,8}$/)
  .describe('One to eight bytes in hex, such as FF00AA55');
/** Each that waits costs a few hundred bytes besides its content, however short it is. */
const heldSegmentsMax = 65_536;
const number = z.int().min(0).max(4_294_967_295);

const roles = ['block-type', 'session', 'message-id', 'segment-number', 'segment-count'] as const;
type Role = (typeof roles)[number];

const field = z.strictObject({
  name: z.string().regex(/^[a-z][a-z-]{0,39}$/),
  width: z.literal([1, 2, 4]).describe('Bytes of the number'),
  endian: endian.optional().describe('big: the high byte first. Default big'),
  default: number.describe('What is written where nothing else is to be said'),
  role: z.enum(roles).optional().describe('What the switch reads it as; none: it is skipped'),
});

/** A framing file of kind header-template, without what every framing has. */
export const templateShape = {
  kind: z.literal('header-template').describe('Start mark, length, numbers, content, stop mark'),
  start: mark.optional(),
  stop: mark.optional(),
  length: z.strictObject({
    width: z.literal([2, 4]).describe('Bytes of the length'),
    endian,
    counts: z
      .enum(lengthCounts)
      .describe(
        'frame: from the first byte to the last; rest: what comes behind the length; content: only that',
      ),
  }),
  fields: z.array(field).max(32).describe('The numbers between length and content, in their order'),
  blockTypes: z
    .strictObject({
      data: number,
      ack: number.optional(),
      nak: number.optional(),
      keepAliveRequest: number.optional(),
      keepAliveReply: number.optional(),
    })
    .optional()
    .describe('What the field with the role block-type may say'),
  segments: z
    .strictObject({
      segmentBytesMax: z.int().min(16).max(1_048_576).describe('Most content of a block we write'),
      segmentsMax: z.int().min(2).max(65_535).describe('Most segments of a message, in both directions'),
      messagesMax: z.int().min(1).max(1000).describe('Unfinished messages a line may have'),
      bytesMax: z.int().min(64).max(16_777_216).describe('Most bytes of unfinished messages of a line'),
      timeoutMs: z.int().min(100).max(600_000).describe('How long an unfinished message waits for more'),
    })
    .optional()
    .describe('Messages in several blocks; it needs message-id, segment-number and segment-count'),
};

type Sizes = { readonly frameBytesMax: number; readonly frameFaultsMax: number };
type TemplateFile = z.output<z.ZodObject<typeof templateShape>> & Sizes;
type Problem = { readonly path: (string | number)[]; readonly message: string };

/** What no single member shows: roles that belong together, and numbers that hold what is written into them. */
export function isTemplate(check: z.core.ParsePayload<TemplateFile>): void {
  for (const { path, message } of problems(check.value))
    check.issues.push({ code: 'custom', input: undefined, path, message });
}

function problems(file: TemplateFile): readonly Problem[] {
  const found: Problem[] = [];
  const wrong = (message: string, ...path: (string | number)[]) => found.push({ path, message });
  const { fields, blockTypes, segments } = file;
  const byRole = new Map<Role, (typeof fields)[number]>();
  for (const [at, one] of fields.entries()) {
    const { name, role, width, default: value } = one;
    if (value > numberMax({ width })) wrong('is more than the field holds', 'fields', at, 'default');
    if (fields.findIndex((other) => other.name === name) !== at) wrong('is taken', 'fields', at, 'name');
    if (role === undefined) continue;
    if (byRole.has(role)) wrong('is taken', 'fields', at, 'role');
    byRole.set(role, one);
  }
  const type = byRole.get('block-type');
  if ((type === undefined) !== (blockTypes === undefined))
    wrong('is there exactly when a field has the role block-type', 'blockTypes');
  const values = Object.entries(blockTypes ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  for (const [at, [name, value]] of values.entries()) {
    if (type !== undefined && value > numberMax(type))
      wrong('is more than the field holds', 'blockTypes', name);
    if (values.findIndex(([, other]) => other === value) !== at) wrong('is taken', 'blockTypes', name);
  }
  if (blockTypes?.keepAliveRequest !== undefined && blockTypes.keepAliveReply === undefined)
    wrong('needs keepAliveReply, or nobody could answer it', 'blockTypes', 'keepAliveRequest');
  const parts = (['message-id', 'segment-number', 'segment-count'] as const).filter((role) =>
    byRole.has(role),
  );
  if (parts.length !== (segments === undefined ? 0 : 3))
    wrong(
      'is there exactly when fields have the roles message-id, segment-number and segment-count',
      'segments',
    );
  else found.push(...sizeProblems(file));
  return found;
}

/** The length must be able to count what the limits allow, and the segments be enough for the longest message. */
function sizeProblems(file: TemplateFile): readonly Problem[] {
  const { frameBytesMax, segments, length } = file;
  const framing = templateOf(file);
  const countable = numberMax(length) - countedBesides(framing);
  if (segments === undefined) {
    if (frameBytesMax <= countable) return [];
    return [{ path: ['frameBytesMax'], message: `is more than the length can count: ${String(countable)}` }];
  }
  const { segmentBytesMax, segmentsMax, messagesMax, bytesMax } = segments;
  const found: Problem[] = [];
  const wrong = (name: string, message: string) => found.push({ path: ['segments', name], message });
  if (segmentBytesMax > Math.min(countable, frameBytesMax))
    wrong('segmentBytesMax', 'is more than the length can count, or than frameBytesMax');
  const { number, count } = framing.segments ?? {};
  if (number && count && segmentsMax > Math.min(numberMax(number), numberMax(count)))
    wrong('segmentsMax', 'is more than the fields for it can count');
  if (segmentsMax * segmentBytesMax < frameBytesMax)
    wrong('segmentsMax', 'is too few for a message of frameBytesMax');
  if (messagesMax * segmentsMax > heldSegmentsMax)
    wrong('messagesMax', `lets a line have more than ${String(heldSegmentsMax)} segments waiting`);
  if (bytesMax < frameBytesMax) wrong('bytesMax', 'is less than one message may have');
  return found;
}

export function templateOf(file: TemplateFile): HeaderTemplateFraming {
  const { kind, length, blockTypes, segments, frameBytesMax, frameFaultsMax } = file;
  const [start, stop] = [bytesOf(file.start), bytesOf(file.stop)];
  let offset = start.length + length.width;
  const byRole = new Map<Role, TemplateField>();
  const fields = file.fields.map(({ name, width, endian = 'big', default: value, role }): TemplateField => {
    const made = { name, offset, width, endian, default: value };
    offset += width;
    if (role !== undefined) byRole.set(role, made);
    return made;
  });
  const [type, messageId] = [byRole.get('block-type'), byRole.get('message-id')];
  const [number, count] = [byRole.get('segment-number'), byRole.get('segment-count')];
  const isSegmented = segments !== undefined && messageId !== undefined;
  return {
    kind,
    start,
    stop,
    length,
    headBytes: offset,
    fields,
    blockType: type && blockTypes && { field: type, types: blockTypes },
    session: byRole.get('session'),
    segments: isSegmented && number && count ? { ...segments, number, count, messageId } : undefined,
    frameBytesMax,
    frameFaultsMax,
  };
}

const bytesOf = (hex = ''): string => Buffer.from(hex, 'hex').toString('latin1');
