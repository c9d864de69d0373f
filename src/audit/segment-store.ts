import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { HeadLines, headsInPage } from './head-lines.ts';
import { headOf, type PageHeader, readHeader } from './page.ts';
import { Positions, type Standing } from './positions.ts';
import { isClosing, scanPositions } from './scan-positions.ts';
import { blockLineText, listSegments, segmentPath, unknownWriter } from './segment-format.ts';
import { recoverTail } from './segment-tail.ts';
import type { SignedHead } from './signing.ts';
import { readSynced, SyncedNote } from './synced-note.ts';

export type StoredPage = {
  readonly w: string;
  readonly n: number;
  readonly head: string;
  readonly standing: Standing | 'unreadable' | 'journal';
  readonly bytes: number;
};
type Segment = {
  number: number;
  pages: FileHandle;
  bodies: FileHandle;
  pagesBytes: number;
  bodiesBytes: number;
};

/**
 * The folder a recorder writes. `store` appends a batch and returns when it is on disk: both files fdatasynced, heads
 * too. After an error the object is spent: `abandon` cuts back to what was synced, and a new one is opened.
 */
export class SegmentStore {
  readonly positions: Positions;
  /** Bytes the crash before left torn, and whether the newest segment was damaged below what had been synced. */
  readonly recovered: { readonly cutBytes: number; readonly isDamaged: boolean };
  readonly #folder: string;
  readonly #segmentBytesMax: number;
  readonly #heads: HeadLines;
  readonly #note: SyncedNote;
  #segment: Segment;
  #synced: { pagesBytes: number; bodiesBytes: number };

  private constructor(o: {
    folder: string;
    segmentBytesMax: number;
    heads: HeadLines;
    note: SyncedNote;
    segment: Segment;
    positions: Positions;
    recovered: { cutBytes: number; isDamaged: boolean };
  }) {
    this.#folder = o.folder;
    this.#segmentBytesMax = o.segmentBytesMax;
    this.#heads = o.heads;
    this.#note = o.note;
    this.#segment = o.segment;
    this.#synced = { pagesBytes: o.segment.pagesBytes, bodiesBytes: o.segment.bodiesBytes };
    this.positions = o.positions;
    this.recovered = o.recovered;
  }

  static async open(folder: string, segmentBytesMax: number, nowMs: number): Promise<SegmentStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const numbers = await listSegments(folder);
    const last = numbers.at(-1);
    const synced = await readSynced(folder);
    const none = { pagesBytes: 0, bodiesBytes: 0 };
    const recovered =
      last === undefined
        ? { ...none, cutBytes: 0, isDamaged: false }
        : await recoverTail(folder, last, synced?.number === last ? synced : none);
    const positions = new Positions();
    await scanPositions(folder, numbers, positions);
    positions.forget(nowMs);
    // A segment of its own for every life: a forerunner that only slept may wake in the middle of a write, and its bytes must not fall
    // among ours.
    const segment = await openSegment(folder, (last ?? 0) + 1);
    const heads = await HeadLines.open(folder);
    const note = await SyncedNote.open(folder);
    return new SegmentStore({ folder, segmentBytesMax, heads, note, segment, positions, recovered });
  }

  /** Stores what is new of a batch, in order. Nothing of it counts until the promise is kept. */
  async store(
    batch: readonly { readonly page: Buffer; readonly journal: Buffer }[],
    nowMs: number,
  ): Promise<readonly StoredPage[]> {
    if (this.#segment.pagesBytes + this.#segment.bodiesBytes >= this.#segmentBytesMax) await this.#rotate();
    const stored: StoredPage[] = [];
    const pages: Buffer[] = [];
    const bodies: Buffer[] = [];
    const heads: SignedHead[] = [];
    for (const { page, journal } of batch) {
      const head = headOf(page);
      const header = readHeader(page)?.header;
      const { w, n } = header ?? { w: unknownWriter, n: 0 };
      const sum = journal.length === 0 ? '' : headOf(journal);
      const standing = this.#standing(header, head, sum);
      stored.push({ w, n, head, standing, bytes: page.length + journal.length });
      // A repeated page's heads may still be missing: the crash can have fallen between pages and heads.
      if (header !== undefined) heads.push(...headsInPage(w, page));
      if (standing === 'repeated') continue;
      pages.push(Buffer.from(blockLineText('pages', { w, n, length: page.length, hash: head })), page);
      if (sum !== '' || (header?.j ?? '') !== '') {
        const line = blockLineText('bodies', { w, n, length: journal.length, hash: headOf(journal) });
        bodies.push(Buffer.from(line), journal, Buffer.from('\n'));
      }
      if (header !== undefined) this.positions.store({ ...header, head }, nowMs, isClosing(page));
    }
    await this.#append(pages, bodies);
    await this.#heads.append(heads);
    this.positions.forget(nowMs);
    return stored;
  }

  #standing(header: PageHeader | undefined, head: string, journal: string): StoredPage['standing'] {
    if (header === undefined) return 'unreadable';
    const standing = this.positions.standing({ ...header, head });
    return standing === 'next' && header.j !== journal ? 'journal' : standing;
  }

  async #append(pages: readonly Buffer[], bodies: readonly Buffer[]): Promise<void> {
    const s = this.#segment;
    if (pages.length === 0) return;
    // Bodies first: a page is never on disk without its journal unless the disk reorders, which recovery allows for.
    s.bodiesBytes += await writeAll(s.bodies, bodies);
    s.pagesBytes += await writeAll(s.pages, pages);
    await Promise.all([s.pages.datasync(), bodies.length === 0 ? undefined : s.bodies.datasync()]);
    this.#synced = { pagesBytes: s.pagesBytes, bodiesBytes: s.bodiesBytes };
    await this.#note.write({ number: s.number, ...this.#synced });
  }

  async #rotate(): Promise<void> {
    const old = this.#segment;
    this.#segment = await openSegment(this.#folder, old.number + 1);
    this.#synced = { pagesBytes: 0, bodiesBytes: 0 };
    await old.pages.close();
    await old.bodies.close();
  }

  /**
   * Cuts off what was written but not synced: after a failed fdatasync its bytes may be in the cache and nowhere else,
   * where a later reader would take them for stored. Fails with the disk; call it until it does not, then open anew.
   */
  async abandon(): Promise<void> {
    await this.#segment.pages.truncate(this.#synced.pagesBytes);
    await this.#segment.bodies.truncate(this.#synced.bodiesBytes);
    await this.close();
  }

  async close(): Promise<void> {
    const files = [this.#segment.pages, this.#segment.bodies, this.#heads, this.#note];
    await Promise.allSettled(files.map((f) => f.close()));
  }
}

/** Begins a segment. Fails when its files exist: another recorder has begun it. */
async function openSegment(folder: string, number: number): Promise<Segment> {
  const pages = await open(segmentPath(folder, number, 'pages'), 'ax', 0o600);
  const bodies = await open(segmentPath(folder, number, 'bodies'), 'ax', 0o600);
  // A new file is durable when its name is: sync the folder once for both.
  const dir = await open(folder, 'r');
  await dir.sync();
  await dir.close();
  return { number, pages, bodies, pagesBytes: 0, bodiesBytes: 0 };
}

async function writeAll(file: FileHandle, buffers: readonly Buffer[]): Promise<number> {
  if (buffers.length === 0) return 0;
  const length = buffers.reduce((sum, b) => sum + b.length, 0);
  const { bytesWritten } = await file.writev(buffers);
  if (bytesWritten !== length) throw new Error('short write');
  return length;
}
