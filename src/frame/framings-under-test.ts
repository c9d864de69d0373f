import { FrameDecoder, type FrameEvent } from './frame.ts';
import type { Framing, HeaderTemplateFraming, TemplateField } from '../dialect/dialect.ts';

/** Framings with small limits, and how a peer that speaks them writes a frame: by hand, not by the code that is tested. */
export type Spoken = {
  readonly name: string;
  readonly framing: Framing;
  readonly wire: (content: string) => string;
  /** Most bytes held between calls. */
  readonly heldMax: number;
  /** Longest content that travels in one piece; left out, the longest there is. */
  readonly blockMax?: number;
  /** Bytes that mean something, so that short inputs reach every state. */
  readonly telling: readonly number[];
};

const limits = { frameBytesMax: 64, frameFaultsMax: 3 } as const;
const bytes = (...codes: number[]): string => String.fromCharCode(...codes);
const lengths = [0, 1, 2, 3, 4, 5, 6, 64, 65];
const digits = Array.from('0000000001234569', (digit) => digit.charCodeAt(0));

const binary = (
  name: string,
  width: 2 | 4,
  endian: 'big' | 'little',
  countsSelf: boolean,
  prefix: (length: number) => string,
): Spoken => ({
  name,
  framing: { kind: 'length-prefix', encoding: 'binary', width, endian, countsSelf, ...limits },
  wire: (content) => prefix(content.length) + content,
  heldMax: 64 + width,
  telling: lengths,
});

const ascii = (name: string, width: 4 | 5 | 6, countsSelf: boolean): Spoken => ({
  name,
  framing: { kind: 'length-prefix', encoding: 'ascii', width, countsSelf, ...limits },
  wire: (content) => `000000${String(content.length + (countsSelf ? width : 0))}`.slice(-width) + content,
  heldMax: 64 + width,
  telling: digits,
});

const delimited = (name: string, delimiter: string): Spoken => ({
  name,
  framing: { kind: 'delimiter', delimiter, ...limits },
  wire: (content) => content + delimiter,
  heldMax: 64 + delimiter.length - 1,
  telling: [...Buffer.from(delimiter.repeat(2), 'latin1'), 0x0d, 0x00, 0x06],
});

const lrc = (content: string): string =>
  bytes(Array.from(content, (character) => character.charCodeAt(0)).reduce((sum, byte) => sum ^ byte, 0x03));

const [start, stop] = ['\xff\x00\xaa\x55', '\x55\xaa\x00\xff'];

/** The bare envelope: start, length of all of it, content, stop. */
export const bareBlocks: HeaderTemplateFraming = {
  ...{ kind: 'header-template', start, stop, length: { width: 4, endian: 'big', counts: 'frame' } },
  ...{ headBytes: 8, fields: [], blockType: undefined, session: undefined, segments: undefined, ...limits },
};

const number = (name: string, offset: number, value: number): TemplateField => ({
  ...{ name, offset, width: 1, endian: 'big', default: value },
});
const [type, id, place, count] = [
  number('type', 6, 0),
  number('id', 7, 9),
  number('place', 8, 1),
  number('count', 9, 1),
];

/** Start, length of what follows it, then four numbers of a byte: type, message, place, count. */
export const segmentedBlocks: HeaderTemplateFraming = {
  ...bareBlocks,
  length: { width: 2, endian: 'big', counts: 'rest' },
  headBytes: 10,
  fields: [type, id, place, count],
  blockType: { field: type, types: { data: 0, keepAliveRequest: 1, keepAliveReply: 2, ack: 3, nak: 4 } },
  segments: {
    ...{ number: place, count, messageId: id },
    ...{ segmentBytesMax: 40, segmentsMax: 4, messagesMax: 2, bytesMax: 100, timeoutMs: 1000 },
  },
};

/** One block of those, as a peer writes it. */
export const block = (kind: number, message: number, at: number, of: number, content: string): string =>
  `${start}${bytes(0, content.length + 8, kind, message, at, of)}${content}${stop}`;

function segmented(content: string): string {
  const controls: Readonly<Record<string, number>> = { '\x06': 3, '\x15': 4 };
  const control = controls[content];
  if (control !== undefined) return block(control, 9, 1, 1, '');
  if (content.length <= 40) return block(0, 9, 1, 1, content);
  return block(0, 9, 1, 2, content.slice(0, 40)) + block(0, 9, 2, 2, content.slice(40));
}

export const spokenFramings: readonly Spoken[] = [
  {
    name: 'stx-etx',
    framing: { kind: 'stx-etx', ...limits },
    wire: (content) => `\x02${content}\x03`,
    heldMax: 64,
    telling: [0x02, 0x03, 0x06, 0x0d],
  },
  binary('two bytes, high first', 2, 'big', false, (n) => bytes(0, n)),
  binary('two bytes, low first', 2, 'little', false, (n) => bytes(n, 0)),
  binary('four bytes, high first', 4, 'big', false, (n) => bytes(0, 0, 0, n)),
  binary('four bytes, low first, counting themselves', 4, 'little', true, (n) => bytes(n + 4, 0, 0, 0)),
  ascii('four digits', 4, false),
  ascii('five digits, counting themselves', 5, true),
  ascii('six digits', 6, false),
  {
    name: 'stx-etx with an LRC',
    framing: { kind: 'stx-etx', lrc: 'xor', ...limits },
    wire: (content) => `\x02${content}\x03${lrc(content)}`,
    heldMax: 64,
    telling: [0x02, 0x03, 0x06, 0x0d, 0x42],
  },
  {
    name: 'stx-etx behind a header',
    framing: { kind: 'stx-etx', soh: { isRequired: true, text: 'HD', bytesMax: 8 }, ...limits },
    wire: (content) => `\x01HD\x02${content}\x03`,
    heldMax: 64,
    telling: [0x01, 0x02, 0x03, 0x06, 0x0d],
  },
  {
    name: 'stx-etx with an LRC, behind a header or not',
    framing: { kind: 'stx-etx', lrc: 'xor', soh: { isRequired: false, text: '', bytesMax: 8 }, ...limits },
    wire: (content) => `\x02${content}\x03${lrc(content)}`,
    heldMax: 64,
    telling: [0x01, 0x02, 0x03, 0x06, 0x42],
  },
  {
    name: 'bare blocks',
    framing: bareBlocks,
    wire: (content) => `${start}\0\0\0${bytes(content.length + 12)}${content}${stop}`,
    heldMax: 64 + 12,
    telling: [...Buffer.from(`${start}\0\0\0\x0d\x0eA${stop}`, 'latin1')],
  },
  {
    name: 'blocks without marks, low byte first, counting their content',
    framing: {
      ...bareBlocks,
      start: '',
      stop: '',
      headBytes: 2,
      length: { width: 2, endian: 'little', counts: 'content' },
    },
    wire: (content) => `${bytes(content.length, 0)}${content}`,
    heldMax: 64 + 2,
    telling: lengths,
  },
  {
    name: 'blocks in segments',
    framing: segmentedBlocks,
    wire: segmented,
    blockMax: 40,
    // One block and the unfinished messages.
    heldMax: 64 + 12 + 100,
    telling: [...Buffer.from(`${start}\0\0\x0f${bytes(0, 1, 2, 3, 4, 0, 1, 1, 1)}A${stop}`, 'latin1')],
  },
  delimited('EOT', '\x04'),
  delimited('three of the same, as teletypes end', 'NNN'),
  delimited('four bytes with a beginning that comes again', '\x1cA\x1cB'),
];

/** Events as short text, so that a difference reads at a glance; `!` after which nothing is read. */
export function told(events: readonly FrameEvent[]): string[] {
  return events.map((event) => {
    if (event.kind === 'frame') return `frame ${event.bytes.toString('latin1')}`;
    return event.kind === 'fault' ? `${event.refusal.code}${event.isLast ? '!' : ''}` : event.byte;
  });
}

export function push(framing: Framing, ...chunks: string[]): string[] {
  const decoder = new FrameDecoder(framing);
  return chunks.flatMap((chunk) => told(decoder.push(Buffer.from(chunk, 'latin1'))));
}
