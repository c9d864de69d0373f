import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { journalBytesMax, pageBytesMax } from './page.ts';

/**
 * The recorder's folder: `00000001.pages` and `00000001.bodies` side by side, `heads.ndjson`. A block is a line
 * (`#page <writer> <n> <byte length> <head>`, `#bodies ... <sha256>`), its bytes and, for bodies, one LF. Names carry
 * no content.
 */
export type SegmentKind = 'pages' | 'bodies';
export type BlockLine = {
  readonly w: string;
  readonly n: number;
  readonly length: number;
  readonly hash: string;
};

/** What differs between the two files. A page ends in LF by itself; a body needs one to keep block lines at line starts. */
export const segmentKinds = {
  pages: { mark: '#page ', endBytes: 0, bytesMax: pageBytesMax },
  bodies: { mark: '#bodies ', endBytes: 1, bytesMax: journalBytesMax },
} as const;

export const headsFile = 'heads.ndjson';
export const blockLineBytesMax = 256;
/** Stands for the writer of a page whose header could not be read; page number 0. */
export const unknownWriter = '-';

export function blockLineText(kind: SegmentKind, b: BlockLine): string {
  return `${segmentKinds[kind].mark}${b.w} ${String(b.n)} ${String(b.length)} ${b.hash}\n`;
}

const rest = /^(-|[A-Za-z0-9][A-Za-z0-9._:-]{0,95}) (0|[1-9]\d{0,15}) (0|[1-9]\d{0,8}) ([0-9a-f]{64})$/;

/** Reads a block line without its LF; null when it is not one of this kind. */
export function readBlockLine(kind: SegmentKind, line: string): BlockLine | null {
  const { mark, bytesMax } = segmentKinds[kind];
  const m = line.startsWith(mark) ? rest.exec(line.slice(mark.length)) : null;
  if (m === null) return null;
  const [, w = '', n, length, hash = ''] = m;
  const block = { w, n: Number(n), length: Number(length), hash };
  return block.length <= bytesMax ? block : null;
}

export function segmentFile(number: number, kind: SegmentKind): string {
  return `${String(number).padStart(8, '0')}.${kind}`;
}

export function segmentPath(folder: string, number: number, kind: SegmentKind): string {
  return join(folder, segmentFile(number, kind));
}

/** Segment numbers in a folder, rising: of every file pair of which at least one is there. */
export async function listSegments(folder: string): Promise<number[]> {
  const numbers = new Set<number>();
  for (const name of await readdir(folder)) {
    const m = /^(\d{8})\.(?:pages|bodies)$/.exec(name);
    if (m !== null) numbers.add(Number(m[1]));
  }
  return [...numbers].sort((a, b) => a - b);
}
