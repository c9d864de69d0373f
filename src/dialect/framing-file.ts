import { z } from 'zod';
import { confidences } from './definitions.ts';
import { countableMax, type Framing, type StxEtxFraming } from './framing.ts';
import { isTemplate, templateOf, templateShape } from './template-file.ts';

const limits = {
  frameBytesMax: z
    .int()
    .min(64)
    .max(1_048_576)
    .describe('Most bytes of content, in both directions; marks and prefix are not counted'),
  frameFaultsMax: z.int().min(1).max(10_000).describe('Faults a minute before the line is closed'),
};
const head = {
  $schema: z.string().optional().describe('Lets editors check this file; ignored by the switch'),
  source: z.string().min(3).describe('Where this was read: manual, section, edition, and how sure we are'),
  confidence: z.enum(confidences).describe('How sure we are of the weakest thing said here'),
};
const kind = z.literal('length-prefix').describe('The content’s length, then the content');
const countsSelf = z.boolean().describe('Whether the number counts its own bytes too');

const binary = z
  .strictObject({
    ...head,
    kind,
    encoding: z.literal('binary'),
    width: z.literal([2, 4]).describe('Bytes of the number'),
    endian: z.enum(['big', 'little']).describe('big: the high byte first'),
    countsSelf,
    ...limits,
  })
  .check(isCountable);

const ascii = z
  .strictObject({
    ...head,
    kind,
    encoding: z.literal('ascii').describe('Decimal digits, padded with zeros'),
    width: z.literal([4, 5, 6]).describe('Digits of the number'),
    countsSelf,
    ...limits,
  })
  .check(isCountable);

const stxEtx = z.strictObject({
  ...head,
  kind: z.literal('stx-etx').describe('STX (0x02), content, ETX (0x03)'),
  lrc: z
    .enum(['none', 'xor'])
    .optional()
    .describe(
      'xor: one byte after ETX, the exclusive or of the bytes behind STX up to and with ETX. Default none',
    ),
  soh: z
    .strictObject({
      use: z.enum(['optional', 'required']).describe('Whether SOH (0x01) and a header must stand before STX'),
      header: z
        .string()
        .max(64)
        .regex(/^[ -~]*$/)
        .describe('The header we write; empty and optional: no SOH either'),
      headerBytesMax: z.int().min(1).max(4096).describe('Longest header taken; what it holds is dropped'),
    })
    .optional()
    .describe('Left out: there is no SOH'),
  ...limits,
});

/** framing.json of a dialect, and each file of protocols/framings/. */
export const framingFile = z
  .discriminatedUnion('kind', [
    stxEtx,
    z.discriminatedUnion('encoding', [binary, ascii]),
    z.strictObject({
      ...head,
      kind: z.literal('delimiter').describe('Content, then the delimiter'),
      // One printable character ends any text; CR, LF and NUL may stand between frames; ACK, NAK and ENQ are contents of their own.
      delimiter: z
        .string()
        .regex(/^(?![ -\u007f]$)[^\0\n\r\u0005\u0006\u0015\u0100-\uffff][\0-\u00ff]{0,3}$/)
        .describe('One to four bytes that end a frame, as characters of their codes; \\u0004 is EOT'),
      ...limits,
    }),
    z.strictObject({ ...head, ...templateShape, ...limits }).check(isTemplate),
  ])
  .meta({ title: 'framing.json: how messages are cut from the line' });

type LengthFile = z.output<typeof binary> | z.output<typeof ascii>;

/** A limit that the prefix cannot write down would be a limit nobody can reach. */
function isCountable(check: z.core.ParsePayload<LengthFile>): void {
  const maximum = countableMax(check.value);
  if (check.value.frameBytesMax <= maximum) return;
  check.issues.push({
    code: 'too_big',
    origin: 'number',
    maximum,
    inclusive: true,
    input: check.value.frameBytesMax,
    path: ['frameBytesMax'],
  });
}

function stxEtxOf({ lrc, soh, frameBytesMax, frameFaultsMax }: z.output<typeof stxEtx>): StxEtxFraming {
  return {
    kind: 'stx-etx',
    ...(lrc === 'xor' ? { lrc } : {}),
    ...(soh && {
      soh: { isRequired: soh.use === 'required', text: soh.header, bytesMax: soh.headerBytesMax },
    }),
    frameBytesMax,
    frameFaultsMax,
  };
}

/** What the switch needs of a framing file. */
export function framingOf(read: z.output<typeof framingFile>): Framing {
  const { kind, frameBytesMax, frameFaultsMax } = read;
  const limitsRead = { frameBytesMax, frameFaultsMax };
  if (kind === 'stx-etx') return stxEtxOf(read);
  if (kind === 'header-template') return templateOf(read);
  if (kind === 'delimiter') return { kind, delimiter: read.delimiter, ...limitsRead };
  const { countsSelf } = read;
  const prefix =
    read.encoding === 'binary'
      ? { encoding: read.encoding, width: read.width, endian: read.endian }
      : { encoding: read.encoding, width: read.width };
  return { kind, countsSelf, ...prefix, ...limitsRead };
}
