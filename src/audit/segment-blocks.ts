import type { FileWindow } from './file-window.ts';
import { headOf } from './page.ts';
import {
  type BlockLine,
  blockLineBytesMax,
  readBlockLine,
  type SegmentKind,
  segmentKinds,
} from './segment-format.ts';

/** A block of a segment file; `at` is the offset of its line, `bytesAt` that of its first byte. */
export type Block = {
  readonly line: BlockLine;
  readonly at: number;
  readonly bytesAt: number;
  readonly length: number;
  /** The line states the right length and the closing LF is there. */
  readonly isSound: boolean;
  /** Offset of what follows the block. */
  readonly end: number;
};
/** A stretch that is no block. `isTail` when no block follows it: what a crash in the middle of a write leaves. */
export type BrokenStretch = { readonly brokenAt: number; readonly end: number; readonly isTail: boolean };

/**
 * Walks the blocks of a segment file. The stated length is believed when a block line or the end of the file follows,
 * or when the bytes have the stated hash; else the block is taken to reach to the next block line, so one wrong digit
 * costs one block's certainty and not the rest of the file.
 */
export async function* walkBlocks(
  file: FileWindow,
  kind: SegmentKind,
): AsyncGenerator<Block | BrokenStretch> {
  for (let at = 0; at < file.size; ) {
    const found = await blockAt(file, kind, at);
    if (found === null) {
      const next = await file.find(`\n${segmentKinds[kind].mark}`, at);
      const end = next < 0 ? file.size : next + 1;
      yield { brokenAt: at, end, isTail: next < 0 };
      at = end;
    } else {
      yield found;
      at = found.end;
    }
  }
}

async function blockAt(file: FileWindow, kind: SegmentKind, at: number): Promise<Block | null> {
  const text = await file.line(at, blockLineBytesMax);
  const line = text === null ? null : readBlockLine(kind, text);
  if (text === null || line === null) return null;
  const bytesAt = at + text.length + 1;
  const { endBytes, bytesMax } = segmentKinds[kind];
  const asStated = {
    line,
    at,
    bytesAt,
    length: line.length,
    end: bytesAt + line.length + endBytes,
    isSound: true,
  };
  if (await isFollowed(file, kind, asStated.end)) return asStated;
  if (asStated.end <= file.size && (await hasHash(file, asStated))) {
    const closing = await file.read(asStated.end - endBytes, endBytes);
    return { ...asStated, isSound: closing.every((byte) => byte === 10) };
  }
  const next = await file.find(`\n${segmentKinds[kind].mark}`, Math.max(at, bytesAt - 1));
  const end = next < 0 ? file.size : next + 1;
  const length = end - bytesAt - endBytes;
  if (length < 0 || length > bytesMax) return null;
  const asFound = { line, at, bytesAt, length, end, isSound: false };
  return next >= 0 || (await hasHash(file, asFound)) ? asFound : null;
}

async function isFollowed(file: FileWindow, kind: SegmentKind, end: number): Promise<boolean> {
  const { mark, endBytes } = segmentKinds[kind];
  if (end > file.size) return false;
  const seam = (await file.read(end - endBytes, endBytes + mark.length)).toString('latin1');
  const lf = '\n'.repeat(endBytes);
  return seam === lf + mark || (end === file.size && seam === lf);
}

async function hasHash(
  file: FileWindow,
  block: { line: BlockLine; bytesAt: number; length: number },
): Promise<boolean> {
  return headOf(await file.read(block.bytesAt, block.length)) === block.line.hash;
}
