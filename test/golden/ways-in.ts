import type { Framing } from '../../src/dialect/dialect.ts';
import { FrameDecoder, type FrameEvent } from '../../src/frame/frame.ts';

/** Of a longer wire not every boundary is cut at: those near its ends and near its marks are, of the rest every `strideOf`-th. */
const everyBoundaryMax = 2_048;
const nearEnds = 64;

/** Where to cut a wire in two: at every byte boundary, of a wire over 2 KB at those near its ends and at 512 spread over the rest. */
export function boundariesOf(wire: Buffer): number[] {
  const all = Array.from({ length: Math.max(0, wire.length - 1) }, (_none, at) => at + 1);
  if (wire.length <= everyBoundaryMax) return all;
  const stride = Math.ceil(wire.length / 512);
  return all.filter((at) => at <= nearEnds || at >= wire.length - nearEnds || at % stride === 0);
}

/** What a line's decoder finds in chunks, what it gives up when the line falls silent included. */
export function found(chunks: readonly Buffer[], framing: Framing): FrameEvent[] {
  const decoder = new FrameDecoder(framing);
  const events = chunks.flatMap((chunk) => [...decoder.push(chunk)]);
  const unfinished = decoder.expire();
  return unfinished === undefined
    ? events
    : [...events, { kind: 'fault', refusal: unfinished, isLast: false }];
}

export const byteByByte = (wire: Buffer): Buffer[] => Array.from(wire, (byte) => Buffer.of(byte));

/** Bytes that the framing takes for nothing between two frames. */
export function noiseOf(framing: Framing): Buffer {
  switch (framing.kind) {
    case 'stx-etx':
    case 'delimiter':
      return Buffer.from('\r\n\0\0\r\n', 'latin1');
    case 'length-prefix':
      // A length of nothing is a sign of life.
      return Buffer.alloc(2 * framing.width, framing.encoding === 'ascii' ? '0' : 0);
    case 'header-template':
      // It hunts for its start mark; without one there is nothing between two blocks.
      return framing.start === '' ? Buffer.alloc(0) : Buffer.from('\r\n\0 NOISE', 'latin1');
  }
}

/** Something wrong behind which the framing finds the next frame by itself; undefined where it closes the line. */
export function brokenFrameOf(framing: Framing): Buffer | undefined {
  switch (framing.kind) {
    case 'stx-etx':
      return Buffer.from('\x02A FRAME WITHOUT AN END', 'latin1');
    case 'delimiter':
      return Buffer.from(framing.delimiter, 'latin1');
    case 'length-prefix':
      return undefined;
    case 'header-template': {
      // A length that is more than any block has.
      const start = Buffer.from(framing.start, 'latin1');
      return start.length === 0
        ? undefined
        : Buffer.concat([start, Buffer.alloc(framing.length.width, 0xff)]);
    }
  }
}
