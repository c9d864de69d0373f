import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { FileWindow } from './file-window.ts';
import { crcHex, parseRecord } from './page.ts';
import { checkRecord } from './records.ts';
import { headsFile } from './segment-format.ts';
import { headLineText, readHeadLine, type SignedHead } from './signing.ts';

/** The last heads of every living writer stand well inside this much of the file's end. */
const tailBytes = 4 * 1024 * 1024;
const mark = '"e":"head"';

/**
 * The head records of a page, without reading its other records. The mark cannot stand inside a text of a record:
 * JSON would have escaped its quotes.
 */
export function headsInPage(writer: string, page: Buffer): SignedHead[] {
  const heads: SignedHead[] = [];
  for (let at = page.indexOf(mark); at >= 0; at = page.indexOf(mark, at + 1)) {
    const from = page.lastIndexOf(10, at) + 1;
    const to = page.indexOf(10, at);
    const body = page.subarray(from + 9, to < 0 ? page.length : to);
    if (page.toString('latin1', from, from + 8) !== crcHex(body)) continue;
    const record = checkRecord(parseRecord(body.toString('utf8')));
    if (typeof record === 'object' && record.e === 'head') {
      heads.push({
        w: writer,
        n: record.n,
        head: record.head,
        t: record.t,
        kid: record.kid,
        sig: record.sig,
      });
    }
  }
  return heads;
}

/**
 * Appends to heads.ndjson, each head once. After a crash the pages in doubt come again, and with them their heads;
 * the last number written for each writer tells which are already there.
 */
export class HeadLines {
  readonly #file: FileHandle;
  readonly #lastOf: Map<string, number>;
  #size: number;

  private constructor(file: FileHandle, size: number, lastOf: Map<string, number>) {
    this.#file = file;
    this.#size = size;
    this.#lastOf = lastOf;
  }

  static async open(folder: string): Promise<HeadLines> {
    const path = join(folder, headsFile);
    const file = await open(path, 'a+', 0o600);
    try {
      const { size, lastOf } = await readTail(path);
      await file.truncate(size);
      await file.datasync();
      return new HeadLines(file, size, lastOf);
    } catch (cause) {
      await file.close();
      throw cause;
    }
  }

  /** Writes and syncs those not yet there. Call it after the pages are synced and before they are confirmed. */
  async append(heads: readonly SignedHead[]): Promise<void> {
    let text = '';
    for (const h of heads) {
      if (h.n <= (this.#lastOf.get(h.w) ?? 0)) continue;
      this.#lastOf.delete(h.w);
      this.#lastOf.set(h.w, h.n);
      text += headLineText(h);
    }
    if (text === '') return;
    const bytes = Buffer.from(text);
    const { bytesWritten } = await this.#file.write(bytes);
    if (bytesWritten < bytes.length) throw new Error('short write');
    await this.#file.datasync();
    this.#size += bytes.length;
    // Writers come and go with restarts; those longest silent are forgotten.
    for (const w of this.#lastOf.keys()) {
      if (this.#lastOf.size <= 10_000) break;
      this.#lastOf.delete(w);
    }
  }

  get size(): number {
    return this.#size;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Where whole lines end (a torn line was never confirmed: its page comes again), and the last head of each writer. */
async function readTail(path: string): Promise<{ size: number; lastOf: Map<string, number> }> {
  const lastOf = new Map<string, number>();
  const file = await FileWindow.open(path);
  try {
    const bytes = await file.read(Math.max(0, file.size - tailBytes), tailBytes);
    const whole = bytes.lastIndexOf(10) + 1;
    for (const line of bytes.toString('utf8', 0, whole).split('\n')) {
      const head = readHeadLine(line);
      if (head !== null) lastOf.set(head.w, head.n);
    }
    return { size: file.size - (bytes.length - whole), lastOf };
  } finally {
    await file.close();
  }
}
