import { existsSync } from 'node:fs';
import { Fault } from '../message/codes.ts';
import { FileWindow } from './file-window.ts';
import type { Where } from './findings.ts';
import { readHeader } from './page.ts';
import { type Block, walkBlocks } from './segment-blocks.ts';
import { type SegmentKind, segmentFile, segmentPath } from './segment-format.ts';
import type { AuditItem } from './source.ts';

/** Blocks one segment may hold; a page is rarely under 1 KiB, so 64 MiB never come near it. */
const blocksMax = 1_000_000;

/**
 * The pages of one segment, each with its journal. Journals are found by writer and number through an index of the
 * bodies file, so a lost or moved one does not misplace those after it.
 */
export async function* segmentItems(
  folder: string,
  number: number,
  isTornTailFine: boolean,
): AsyncGenerator<AuditItem> {
  const pages = await openIfThere(folder, number, 'pages');
  const bodies = await openIfThere(folder, number, 'bodies');
  try {
    const journals = new JournalIndex(segmentFile(number, 'bodies'), bodies);
    if (bodies !== null) yield* journals.fill(isTornTailFine);
    const file = segmentFile(number, 'pages');
    if (pages === null) yield { damage: 'SEGMENT_MISSING', where: { file, offset: 0 } };
    else {
      for await (const block of walkBlocks(pages, 'pages')) {
        if ('brokenAt' in block) {
          if (isTornTailFine && block.isTail) continue;
          yield { damage: 'SEGMENT_BROKEN', where: { file, offset: block.brokenAt } };
          continue;
        }
        yield* pageItems(pages, block, file, journals);
      }
    }
    // While a recorder writes, the bodies may be a batch ahead of the pages.
    if (!isTornTailFine) yield* journals.strays();
  } finally {
    await pages?.close();
    await bodies?.close();
  }
}

async function* pageItems(
  pages: FileWindow,
  block: Block,
  file: string,
  journals: JournalIndex,
): AsyncGenerator<AuditItem> {
  const page = await pages.read(block.bytesAt, block.length);
  const where = { file, offset: block.bytesAt };
  const { w, n, hash } = block.line;
  const header = readHeader(page)?.header;
  const isLineTrue = block.isSound && (header === undefined || (header.w === w && header.n === n));
  if (!isLineTrue) yield { damage: 'SEGMENT_LINE', where: { file, offset: block.at }, writer: w, page: n };
  const journal = header?.j === '' ? undefined : await journals.take(w, n, header?.j);
  if (journal?.isLineTrue === false) yield { damage: 'SEGMENT_LINE', where: journal.at, writer: w, page: n };
  yield { page, where, journal: journal?.bytes, journalWhere: journal?.where, stated: { w, n, head: hash } };
}

async function openIfThere(folder: string, number: number, kind: SegmentKind): Promise<FileWindow | null> {
  const path = segmentPath(folder, number, kind);
  return existsSync(path) ? FileWindow.open(path) : null;
}

type Journal = {
  readonly bytes: Buffer;
  readonly where: Where;
  /** Where its block line stands. */
  readonly at: Where;
  readonly isLineTrue: boolean;
};

class JournalIndex {
  readonly #blocks = new Map<string, Block[]>();
  readonly #file: string;
  readonly #bodies: FileWindow | null;

  constructor(file: string, bodies: FileWindow | null) {
    this.#file = file;
    this.#bodies = bodies;
  }

  async *fill(isTornTailFine: boolean): AsyncGenerator<AuditItem> {
    if (this.#bodies === null) return;
    let count = 0;
    for await (const block of walkBlocks(this.#bodies, 'bodies')) {
      if ('brokenAt' in block) {
        if (isTornTailFine && block.isTail) continue;
        yield { damage: 'SEGMENT_BROKEN', where: this.#where(block.brokenAt) };
        continue;
      }
      if (++count > blocksMax) throw new Fault('AUDIT_STORE', 'a segment holds too many blocks');
      const { w, n } = block.line;
      const key = `${w} ${String(n)}`;
      this.#blocks.set(key, [...(this.#blocks.get(key) ?? []), block]);
    }
  }

  /** The journal of a page; of several (a fork has two pages of one number) that with the hash the page names. */
  async take(w: string, n: number, hash: string | undefined): Promise<Journal | undefined> {
    const key = `${w} ${String(n)}`;
    const blocks = this.#blocks.get(key) ?? [];
    const block = blocks.find((b) => b.line.hash === hash) ?? blocks[0];
    if (block === undefined || this.#bodies === null) return undefined;
    if (blocks.length === 1) this.#blocks.delete(key);
    else
      this.#blocks.set(
        key,
        blocks.filter((b) => b !== block),
      );
    const { line, at, bytesAt, length, isSound } = block;
    const isLineTrue = isSound && (hash === undefined || line.hash === hash);
    return {
      bytes: await this.#bodies.read(bytesAt, length),
      where: this.#where(bytesAt),
      at: this.#where(at),
      isLineTrue,
    };
  }

  *strays(): Generator<AuditItem> {
    for (const block of [...this.#blocks.values()].flat()) {
      yield {
        damage: 'JOURNAL_STRAY',
        where: this.#where(block.at),
        writer: block.line.w,
        page: block.line.n,
      };
    }
  }

  #where(offset: number): Where {
    return { file: this.#file, offset };
  }
}
