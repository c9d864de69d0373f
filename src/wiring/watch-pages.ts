import { parseRecord, readHeader, recordLines } from '../audit/page.ts';
import { type AuditRecord, checkRecord } from '../audit/records.ts';
import type { SlotLook } from '../queue/queue.ts';
import { Pause } from './pause.ts';
import { DiskTail } from './watch-disk.ts';

/** Writers followed; each life of a process is one or two. Past it the one longest silent is forgotten. */
const WRITERS_MAX = 256;
const BLOCK_MS = 1000;
const RETRY_MS = 250;
/** How far back the stream is read at first. While a recorder is away it may hold hours. */
const BACK_MS = 60_000;
/** As many pages as fit here by the average of the last; the recorder reads no more at a time either. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const PAGES_A_READ_MAX = 128;

export type PagesOptions = {
  readonly slot: SlotLook;
  /** Where pages are found that had left the stream before they were read. */
  readonly recordFolder: string | undefined;
  /** `isHistory`: written before the watch began. */
  readonly onRecord: (record: AuditRecord, isHistory: boolean) => void;
};

/**
 * Follows a slot's audit pages beside the recorder, which takes them off the stream once they are on its disk. Pages are numbered by
 * their writers, so one that went by unread shows; it is then looked for on disk, and counted as missed when it is not there.
 */
export class PagesSeen {
  readonly #options: PagesOptions;
  readonly #disk: DiskTail | undefined;
  /** The last page of each writer, the longest silent first. */
  readonly #last = new Map<string, number>();
  readonly #pause = new Pause();
  #afterId = '';
  /** By Redis' clock, as the ids of the stream are; our own may be another. Unknown until Redis was there. */
  #beganAtMs = Infinity;
  #pageBytes = 64 * 1024;
  #isStopping = false;
  #running: Promise<void> | undefined;
  /** Pages since the watch began. */
  seen = 0;
  missed = 0;
  missedAt = -Infinity;

  constructor(options: PagesOptions) {
    this.#options = options;
    const { recordFolder } = options;
    this.#disk = recordFolder === undefined ? undefined : new DiskTail(recordFolder);
  }

  /** Takes up what is at the end of the record on disk, and follows the stream from there. */
  async start(): Promise<void> {
    await this.#readDisk(true);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#pause.end();
    await this.#running;
  }

  async #run(): Promise<void> {
    let isQuiet = false;
    while (!this.#isStopping) {
      try {
        isQuiet = await this.#round(isQuiet);
      } catch {
        // Redis is away, which the look at the lanes says too; or this call was cut off by `stop`.
        isQuiet = false;
        await this.#pause.wait(RETRY_MS);
      }
    }
  }

  /** True when nothing came. Then it is also asked whether a writer wrote what nobody will show us: no later page need ever come. */
  async #round(wasQuiet: boolean): Promise<boolean> {
    const { slot } = this.#options;
    if (this.#afterId === '') {
      this.#beganAtMs = await slot.nowMs();
      this.#afterId = `${String(this.#beganAtMs - BACK_MS)}-0`;
    }
    const before = wasQuiet ? await slot.lastPages([...this.#last.keys()]) : undefined;
    const countMax = Math.max(1, Math.min(PAGES_A_READ_MAX, Math.floor(BATCH_BYTES_MAX / this.#pageBytes)));
    const entries = await slot.pages(this.#afterId, countMax, BLOCK_MS);
    for (const { id, page, readBytes } of entries) {
      await this.#next(page, Number(id.split('-', 1)[0]) < this.#beganAtMs);
      this.#afterId = id;
      this.#pageBytes = Math.max(1024, (this.#pageBytes + readBytes) / 2);
    }
    // What was written before an empty read is not in the stream any more.
    if (entries.length === 0 && before !== undefined) await this.#seek(before);
    return entries.length === 0;
  }

  async #next(page: Buffer, isHistory: boolean): Promise<void> {
    const header = readHeader(page)?.header;
    if (header === undefined) return;
    const { w, n } = header;
    const isNext = (): boolean => (this.#last.get(w) ?? 0) >= n - 1;
    if (!isNext()) await this.#readDisk(false);
    this.#take(page, isHistory);
  }

  async #seek(written: ReadonlyMap<string, number>): Promise<void> {
    const isBehind = ([w, n]: readonly [string, number]): boolean => (this.#last.get(w) ?? n) < n;
    if (![...written].some(isBehind)) return;
    await this.#readDisk(false);
    for (const [w, n] of [...written].filter(isBehind)) {
      this.#miss(n - (this.#last.get(w) ?? n));
      this.#last.set(w, n);
    }
  }

  async #readDisk(isHistory: boolean): Promise<void> {
    if (this.#disk === undefined) return;
    try {
      for await (const page of this.#disk.pages()) this.#take(page, isHistory);
    } catch {
      // A disk that cannot be read is no reason not to show what the stream holds; what lacks is counted as missed.
    }
  }

  #miss(pages: number): void {
    this.missed += pages;
    this.missedAt = performance.now();
  }

  /** Every page once, whichever way it came. */
  #take(page: Buffer, isHistory: boolean): void {
    const read = readHeader(page);
    if (read === null) return;
    const { w, n } = read.header;
    const last = this.#last.get(w);
    if (last !== undefined && n <= last) return;
    // The first page of a writer that we see may be any: what went before is history. On disk only the newest are read.
    if (last !== undefined && n > last + 1 && !isHistory) this.#miss(n - 1 - last);
    this.#last.delete(w);
    this.#last.set(w, n);
    if (this.#last.size > WRITERS_MAX) this.#last.delete([...this.#last.keys()][0] ?? '');
    if (!isHistory) this.seen += 1;
    for (const { json, isCrcGood } of recordLines(page, read.length)) {
      const record = isCrcGood ? checkRecord(parseRecord(json)) : 'wrong';
      if (typeof record !== 'string') this.#options.onRecord(record, isHistory);
    }
  }
}
