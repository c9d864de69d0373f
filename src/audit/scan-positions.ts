import { existsSync } from 'node:fs';
import { FileWindow } from './file-window.ts';
import { readHeader } from './page.ts';
import type { Positions } from './positions.ts';
import { walkBlocks } from './segment-blocks.ts';
import { segmentPath } from './segment-format.ts';

/** A living writer signs its head every minute: whoever wrote nothing for an hour of page time is gone. */
const scanBackMs = 3600 * 1000;

/**
 * Rebuilds each writer's position from the newest segments, as far back as an hour before the newest page. Memory:
 * one window a file. Whether bytes were changed is the verifier's question; here the block line is believed.
 */
export async function scanPositions(
  folder: string,
  numbers: readonly number[],
  positions: Positions,
): Promise<void> {
  const first = await firstToScan(folder, numbers);
  for (const number of numbers.slice(first)) {
    const path = segmentPath(folder, number, 'pages');
    if (!existsSync(path)) continue;
    const file = await FileWindow.open(path);
    try {
      for await (const block of walkBlocks(file, 'pages')) {
        if ('brokenAt' in block) continue;
        const page = await file.read(block.bytesAt, block.length);
        const header = readHeader(page)?.header;
        if (header !== undefined)
          positions.store({ ...header, head: block.line.hash }, header.t, isClosing(page));
      }
    } finally {
      await file.close();
    }
  }
}

/** A writer's `close` is the last record of its last page. */
export function isClosing(page: Buffer): boolean {
  const from = page.lastIndexOf(10, page.length - 2) + 1;
  return /^[0-9a-f]{8} \{"i":\d+,"e":"close"/.test(page.toString('latin1', from, from + 64));
}

async function firstToScan(folder: string, numbers: readonly number[]): Promise<number> {
  let newestMs = 0;
  for (let i = numbers.length - 1; i > 0; i--) {
    const t = await firstPageMs(folder, numbers[i] ?? 0);
    newestMs = Math.max(newestMs, t);
    if (t > 0 && t < newestMs - scanBackMs) return i;
  }
  return 0;
}

async function firstPageMs(folder: string, number: number): Promise<number> {
  const path = segmentPath(folder, number, 'pages');
  if (!existsSync(path)) return 0;
  const file = await FileWindow.open(path);
  try {
    for await (const block of walkBlocks(file, 'pages')) {
      if ('brokenAt' in block) continue;
      return readHeader(await file.read(block.bytesAt, block.length))?.header.t ?? 0;
    }
    return 0;
  } finally {
    await file.close();
  }
}
