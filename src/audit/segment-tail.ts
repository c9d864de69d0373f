import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { FileWindow } from './file-window.ts';
import { headOf, readHeader } from './page.ts';
import { type Block, walkBlocks } from './segment-blocks.ts';
import { type SegmentKind, segmentPath } from './segment-format.ts';

/** Bytes of the newest segment's two files. */
export type SegmentSizes = { readonly pagesBytes: number; readonly bodiesBytes: number };
export type TailRecovery = SegmentSizes & {
  readonly cutBytes: number;
  /** A block that was confirmed is not whole: the disk or a hand changed it. Nothing is cut, a new segment begins. */
  readonly isDamaged: boolean;
};

/**
 * Cuts the torn tail of the newest segment after a crash.
 *
 * Only bytes that were never confirmed are cut. A batch is confirmed after fdatasync of both files, and a segment is
 * synced before the next is begun; so every confirmed block is whole on disk and stands before every unconfirmed one.
 * The first block that is not whole is therefore unconfirmed, as is all behind it, whole or not (a power loss may keep
 * later disk pages and lose earlier ones): the source still holds it and gives it again. What breaks the reasoning is a
 * disk that loses synced bytes or a hand that changes them; `synced`, the sizes noted after the last fdatasync (that
 * note may be old, never ahead), tells this case: a block below it is not whole, and then nothing is cut.
 */
export async function recoverTail(
  folder: string,
  number: number,
  synced: SegmentSizes,
): Promise<TailRecovery> {
  const bodies: BodyEnd[] = [];
  await walkWhole(folder, number, 'bodies', (block) => {
    bodies.push({ w: block.line.w, n: block.line.n, end: block.end });
    return true;
  });
  let next = 0;
  const pagesBytes = await walkWhole(folder, number, 'pages', (block, bytes) => {
    // A page whose journal did not reach the disk is not whole either. Both files have one order.
    const body = bodies[next];
    const hasBody = body !== undefined && body.w === block.line.w && body.n === block.line.n;
    if (hasBody) next++;
    return hasBody || (readHeader(bytes)?.header.j ?? '') === '';
  });
  const bodiesBytes = bodies[next - 1]?.end ?? 0;
  const isDamaged = pagesBytes < synced.pagesBytes || bodiesBytes < synced.bodiesBytes;
  const pagesCut = await settle(folder, number, 'pages', isDamaged ? Number.POSITIVE_INFINITY : pagesBytes);
  const bodiesCut = await settle(
    folder,
    number,
    'bodies',
    isDamaged ? Number.POSITIVE_INFINITY : bodiesBytes,
  );
  return { pagesBytes, bodiesBytes, cutBytes: pagesCut + bodiesCut, isDamaged };
}

type BodyEnd = { readonly w: string; readonly n: number; readonly end: number };

/** Walks blocks while they are whole and wanted; answers where the last of these ends. */
async function walkWhole(
  folder: string,
  number: number,
  kind: SegmentKind,
  isWanted: (block: Block, bytes: Buffer) => boolean,
): Promise<number> {
  const path = segmentPath(folder, number, kind);
  if (!existsSync(path)) return 0;
  const file = await FileWindow.open(path);
  try {
    let whole = 0;
    for await (const block of walkBlocks(file, kind)) {
      if ('brokenAt' in block || !block.isSound) break;
      const bytes = await file.read(block.bytesAt, block.length);
      if (headOf(bytes) !== block.line.hash || !isWanted(block, bytes)) break;
      whole = block.end;
    }
    return whole;
  } finally {
    await file.close();
  }
}

/**
 * Cuts a file to `size` and syncs it. The sync matters without a cut too: whole blocks of a killed process may wait in
 * the page cache only, and their pages, when they come again, are taken as stored and confirmed.
 */
async function settle(folder: string, number: number, kind: SegmentKind, size: number): Promise<number> {
  const path = segmentPath(folder, number, kind);
  if (!existsSync(path)) return 0;
  const file = await open(path, 'r+');
  try {
    const before = (await file.stat()).size;
    if (before > size) await file.truncate(size);
    await file.sync();
    return Math.max(0, before - size);
  } finally {
    await file.close();
  }
}
