import { Fault } from '../message/codes.ts';
import { blocksOf, controlBlock } from './framed-blocks.ts';
import {
  controlBytes,
  type ControlByte,
  type DelimiterFraming,
  type Framing,
  type LengthPrefixFraming,
  type StxEtxFraming,
} from './framing.ts';

const soh = 0x01;
const stx = 0x02;
const etx = 0x03;
const controls = {
  ACK: Buffer.of(controlBytes.ACK),
  NAK: Buffer.of(controlBytes.NAK),
  ENQ: Buffer.of(controlBytes.ENQ),
} as const;

/**
 * One frame as it travels, its content in parts. Nothing is escaped, in no framing: a content that holds a mark, or is longer than
 * `frameBytesMax` and so than the prefix can count, throws DELIVER_FRAMING. It would be read as something else, or not at all: a station
 * that never confirms it would hold up its lane.
 */
export function framed(framing: Framing, ...parts: readonly Buffer[]): Buffer {
  if (bytesOf(parts) > framing.frameBytesMax)
    throw new Fault('DELIVER_FRAMING', 'a message is longer than a frame on the line may be');
  const frame = assembled(framing, parts);
  if (strayMarkAt(frame, framing, bytesOf(parts)) !== -1)
    throw new Fault('DELIVER_FRAMING', 'a message holds what ends or begins a frame on the line');
  return frame;
}

/**
 * One frame with a text of the switch's own, which always can be sent: what passes `frameBytesMax` is cut off, and a mark inside, as an
 * echo of the sender's text may hold on a line with printable delimiters, goes out as a question mark.
 */
export function framedText(framing: Framing, text: Buffer): Buffer {
  const cut = text.subarray(0, framing.frameBytesMax);
  if (framing.kind === 'stx-etx') return assembled(framing, [withoutMarks(cut, framing)]);
  const frame = assembled(framing, [cut]);
  // Never the first byte of a delimiter, or the loop would not end.
  const instead = framing.kind === 'delimiter' && framing.delimiter.startsWith('?') ? ' ' : '?';
  const strayAt = (): number => strayMarkAt(frame, framing, cut.length);
  for (let at = strayAt(); at !== -1; at = strayAt()) frame.write(instead, at, 'latin1');
  return frame;
}

/**
 * ACK, NAK or ENQ. Between STX/ETX frames it is the byte itself (domain sheet 2.1); a length prefix or delimiter has no place between
 * frames, so there it is a frame that holds this byte and nothing else [CONV]; blocks may have a type for it.
 */
export function controlFrame(framing: Framing, byte: ControlByte): Buffer {
  const content = controls[byte];
  if (framing.kind === 'header-template') return controlBlock(framing, byte);
  return framing.kind === 'stx-etx' ? content : assembled(framing, [content]);
}

function assembled(framing: Framing, parts: readonly Buffer[]): Buffer {
  switch (framing.kind) {
    case 'stx-etx':
      return enclosed(framing, parts);
    case 'length-prefix':
      return Buffer.concat([prefixOf(framing, bytesOf(parts)), ...parts]);
    case 'delimiter':
      return Buffer.concat([...parts, delimiterOf(framing)]);
    case 'header-template':
      return blocksOf(framing, parts);
  }
}

function enclosed({ lrc, soh: header }: StxEtxFraming, parts: readonly Buffer[]): Buffer {
  // A header that may be left out and would be empty is left out.
  const isWritten = header !== undefined && (header.isRequired || header.text !== '');
  const before = isWritten ? [Buffer.of(soh), Buffer.from(header.text, 'latin1')] : [];
  const content = [Buffer.of(stx), ...parts, Buffer.of(etx)];
  return Buffer.concat([...before, ...content, ...(lrc === 'xor' ? [Buffer.of(lrcOf(parts))] : [])]);
}

/** The exclusive or of the bytes behind STX, up to and with ETX. */
function lrcOf(parts: readonly Buffer[]): number {
  let lrc = etx;
  for (const part of parts) for (const byte of part) lrc ^= byte;
  return lrc;
}

const isMark = (byte: number, { soh: header }: StxEtxFraming): boolean =>
  byte === stx || byte === etx || (byte === soh && header !== undefined);

function withoutMarks(text: Buffer, framing: StxEtxFraming): Buffer {
  return Buffer.from(text.map((byte) => (isMark(byte, framing) ? 0x3f : byte)));
}

function prefixOf(framing: LengthPrefixFraming, contentBytes: number): Buffer {
  const { width, countsSelf } = framing;
  const counted = countsSelf ? contentBytes + width : contentBytes;
  if (framing.encoding === 'ascii') return Buffer.from(String(counted).padStart(width, '0'), 'latin1');
  const prefix = Buffer.alloc(width);
  if (framing.endian === 'big') prefix.writeUIntBE(counted, 0, width);
  else prefix.writeUIntLE(counted, 0, width);
  return prefix;
}

/** Where a reader would find a mark that is not the frame's own; -1 when nowhere. */
function strayMarkAt(frame: Buffer, framing: Framing, contentBytes: number): number {
  // Where the length says how far it goes, a content may hold anything.
  if (framing.kind === 'length-prefix' || framing.kind === 'header-template') return -1;
  if (framing.kind === 'stx-etx') {
    const from = frame.indexOf(stx) + 1;
    const content = frame.subarray(from, from + contentBytes);
    const marks = framing.soh === undefined ? [stx, etx] : [stx, etx, soh];
    const found = marks.map((mark) => content.indexOf(mark)).find((at) => at !== -1);
    return found === undefined ? -1 : from + found;
  }
  // Searched with the delimiter at the end: a content that ends with the delimiter's first bytes would end too early.
  const delimiter = delimiterOf(framing);
  const at = frame.indexOf(delimiter);
  return at === frame.length - delimiter.length ? -1 : at;
}

const delimiterOf = ({ delimiter }: DelimiterFraming): Buffer => Buffer.from(delimiter, 'latin1');

const bytesOf = (parts: readonly Buffer[]): number => parts.reduce((sum, { length }) => sum + length, 0);
