import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileWindow } from './file-window.ts';
import { headsFile, listSegments, segmentFile } from './segment-format.ts';
import { segmentItems } from './segment-items.ts';
import type { AuditItem, AuditSource, HeadLine } from './source.ts';

/**
 * A recorder's folder or an exported one. `isLive`: a recorder may be in the middle of a write, so an unfinished last
 * block is no finding.
 * Beside a running recorder give the stream first and the folder after it: a page that moves meanwhile is then in both.
 */
export function folderSource(folder: string, options: { readonly isLive?: boolean } = {}): AuditSource {
  return {
    [Symbol.asyncIterator]: () => folderItems(folder, options.isLive ?? false),
    heads: () => headLines(folder, options.isLive ?? false),
  };
}

async function* folderItems(folder: string, isLive: boolean): AsyncGenerator<AuditItem> {
  const numbers = await listSegments(folder);
  const last = numbers.at(-1);
  let expected = numbers[0];
  for (const number of numbers) {
    if (number !== expected)
      yield { damage: 'SEGMENT_MISSING', where: { file: segmentFile(number, 'pages'), offset: 0 } };
    yield* segmentItems(folder, number, isLive && number === last);
    expected = number + 1;
  }
}

/** A head line is about 270 bytes. */
const headLineBytesMax = 1024;

/** The lines of heads.ndjson. A line without its LF, or too long to be one, is given empty: no reader takes that. */
async function* headLines(folder: string, isTornTailFine: boolean): AsyncGenerator<HeadLine> {
  const path = join(folder, headsFile);
  if (!existsSync(path)) return;
  const file = await FileWindow.open(path);
  try {
    for (let offset = 0; offset < file.size; ) {
      const text = await file.line(offset, headLineBytesMax);
      const where = { file: headsFile, offset };
      const next = text === null ? await file.find('\n', offset) : offset + text.length;
      if (text !== null || next >= 0 || !isTornTailFine) yield { text: text ?? '', where };
      offset = next < 0 ? file.size : next + 1;
    }
  } finally {
    await file.close();
  }
}

/** Public keys lying in an export's `keys/`. Only as trustworthy as the folder: an auditor brings his own copy. */
export async function readKeyFolder(folder: string): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  if (!existsSync(folder)) return keys;
  for (const name of await readdir(folder)) {
    if (name.endsWith('.pem')) keys.set(name.slice(0, -4), await readFile(join(folder, name), 'utf8'));
  }
  return keys;
}
