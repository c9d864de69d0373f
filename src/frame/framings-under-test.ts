import { FrameDecoder, type FrameEvent } from './frame.ts';
import type { Framing } from '../dialect/dialect.ts';

/** Framings with small limits, and how a peer that speaks them writes a frame: by hand, not by the code that is tested. */
export type Spoken = {
  readonly name: string;
  readonly framing: Framing;
  readonly wire: (content: string) => string;
  /** Most bytes held between calls. */
  readonly heldMax: number;
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
