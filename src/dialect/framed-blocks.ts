import { Fault } from '../message/codes.ts';
import {
  blockOverhead,
  type BlockTypes,
  type ControlByte,
  controlBytes,
  countedBesides,
  type HeaderTemplateFraming,
  readNumber,
  type TemplateField,
  writeNumber,
} from './framing.ts';

/** What a session puts into the blocks it sends (domain sheet 2.3): a number of its own for each message, and what the peer calls it. */
export type Stamp = { readonly messageId: number; readonly session: number | undefined };

/** One message as blocks: one where it fits, else as many segments as it needs. Their message id is the default until they are stamped. */
export function blocksOf(framing: HeaderTemplateFraming, parts: readonly Buffer[]): Buffer {
  const { segments, blockType } = framing;
  const content = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  const type = blockType?.types.data;
  if (segments === undefined) return block(framing, content, type);
  const { segmentBytesMax } = segments;
  const count = Math.max(1, Math.ceil(content.length / segmentBytesMax));
  if (count > segments.segmentsMax)
    throw new Fault('DELIVER_FRAMING', 'a message needs more segments than the line may have');
  const blocks: Buffer[] = [];
  for (let number = 1; number <= count; number++) {
    const from = (number - 1) * segmentBytesMax;
    const one = block(framing, content.subarray(from, from + segmentBytesMax), type);
    writeNumber(one, segments.number.offset, segments.number, number);
    writeNumber(one, segments.count.offset, segments.count, count);
    blocks.push(one);
  }
  return blocks.length === 1 && blocks[0] !== undefined ? blocks[0] : Buffer.concat(blocks);
}

/** ACK and NAK have a block of their own where the framing names one; what is left is a message of this one byte [CONV]. */
export function controlBlock(framing: HeaderTemplateFraming, byte: ControlByte): Buffer {
  const type = typeOf(framing.blockType?.types, byte);
  if (type !== undefined) return block(framing, Buffer.alloc(0), type);
  return blocksOf(framing, [Buffer.of(controlBytes[byte])]);
}

/** What answers a keep-alive request that came with this session id; undefined where the framing has no such block. */
export function keepAliveReply(
  framing: HeaderTemplateFraming,
  session: number | undefined,
): Buffer | undefined {
  const type = framing.blockType?.types.keepAliveReply;
  if (type === undefined) return undefined;
  const reply = block(framing, Buffer.alloc(0), type);
  if (framing.session !== undefined && session !== undefined)
    writeNumber(reply, framing.session.offset, framing.session, session);
  return reply;
}

/**
 * Stamps blocks that this module wrote, in place: every one gets the session, those with a message its id. Answers whether there was
 * such a one, so that the next message gets the next id.
 */
export function stampBlocks(framing: HeaderTemplateFraming, blocks: Buffer, stamp: Stamp): boolean {
  const { blockType, session, segments, start, length } = framing;
  let isMessage = false;
  for (let at = 0; at < blocks.length; ) {
    const counted = readNumber(blocks, at + start.length, length);
    const one = blocks.subarray(at, at + counted - countedBesides(framing) + blockOverhead(framing));
    at += one.length;
    if (session !== undefined && stamp.session !== undefined)
      writeNumber(one, session.offset, session, stamp.session);
    const type = blockType && readNumber(one, blockType.field.offset, blockType.field);
    if (segments === undefined || type !== blockType?.types.data) continue;
    writeNumber(one, segments.messageId.offset, segments.messageId, stamp.messageId);
    isMessage = true;
  }
  return isMessage;
}

/** The message id behind this one: they wrap to 1. */
export function nextMessageId({ segments }: HeaderTemplateFraming, id: number): number {
  const idMax = segments === undefined ? 1 : numberMax(segments.messageId);
  return id >= idMax ? 1 : id + 1;
}

export const numberMax = ({ width }: Pick<TemplateField, 'width'>): number => 256 ** width - 1;

function block(framing: HeaderTemplateFraming, content: Buffer, type: number | undefined): Buffer {
  const { start, stop, length, headBytes, fields, blockType } = framing;
  const whole = Buffer.alloc(content.length + blockOverhead(framing));
  whole.write(start, 0, 'latin1');
  writeNumber(whole, start.length, length, content.length + countedBesides(framing));
  for (const field of fields) writeNumber(whole, field.offset, field, field.default);
  if (blockType !== undefined && type !== undefined)
    writeNumber(whole, blockType.field.offset, blockType.field, type);
  content.copy(whole, headBytes);
  whole.write(stop, headBytes + content.length, 'latin1');
  return whole;
}

function typeOf(types: BlockTypes | undefined, byte: ControlByte): number | undefined {
  if (byte === 'ENQ') return undefined;
  return byte === 'ACK' ? types?.ack : types?.nak;
}
