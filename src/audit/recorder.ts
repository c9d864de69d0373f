import { setTimeout as wait } from 'node:timers/promises';
import { Fault } from '../message/codes.ts';
import { SegmentStore, type StoredPage } from './segment-store.ts';

/** A slot's audit stream, as the recorder sees it. Entries come in the order they were appended. */
export interface PageSource {
  /** Entries after `afterId` ('0-0': from the oldest), at most `countMax`; waits up to `blockMs` for the first. */
  read(
    afterId: string,
    countMax: number,
    blockMs: number,
  ): Promise<readonly { readonly id: string; readonly page: Buffer; readonly journal: Buffer }[]>;
  /** Everything up to `upToId` is on disk: the stream may be trimmed to it. Safe to repeat. */
  confirm(upToId: string): Promise<void>;
  /** The recorder lives; acceptance fails closed when this stops (design 5.12). */
  heartbeat(): Promise<void>;
}

/** A page that does not continue its writer as stored. It is stored all the same; the verifier locates what is wrong. */
export type RecorderFinding = {
  /** `damaged`: the newest segment was changed below what had been synced; writer empty, n 0. */
  readonly what: 'gap' | 'fork' | 'chain' | 'journal' | 'unreadable' | 'damaged';
  readonly writer: string;
  readonly n: number;
};

export type RecorderOptions = {
  readonly source: PageSource;
  readonly folder: string;
  /** Default 64 MiB, pages and bodies together; passed by at most one batch. */
  readonly segmentBytesMax?: number;
  readonly batchCountMax?: number;
  /** A goal, not a wall: the next read asks for as many entries as fit by the average of the last. Default 8 MiB. */
  readonly batchBytesMax?: number;
  readonly blockMs?: number;
  readonly now?: () => number;
  readonly onPage?: (page: StoredPage) => void;
  readonly onFinding?: (finding: RecorderFinding) => void;
  readonly onFault?: (fault: Fault) => void;
};

export type RecorderStats = {
  readonly pages: number;
  readonly repeated: number;
  readonly bytes: number;
  readonly findings: number;
  readonly faults: number;
  readonly cutBytes: number;
  readonly writers: number;
  readonly confirmedId: string;
  /** UTC ms of the last batch on disk, 0 before the first: the "last progress" gauge. */
  readonly storedAtMs: number;
};

const backOffMs = { first: 100, max: 5_000 };

/**
 * Reads a slot's pages and makes them durable in segment files, then confirms. Nothing is confirmed that is not synced;
 * nothing new is read before the last batch is confirmed, so a crash repeats at most one batch, which is recognised.
 * One recorder a folder: the wiring gives it the slot's lease.
 */
export class Recorder {
  readonly #o: RecorderOptions;
  readonly #stop = new AbortController();
  #store: SegmentStore | null = null;
  #spent: SegmentStore | null = null;
  #running: Promise<void> | null = null;
  #afterId = '0-0';
  #unconfirmed = false;
  #entryBytes = 64 * 1024;
  #countMax = 16;
  #n = { pages: 0, repeated: 0, bytes: 0, findings: 0, faults: 0, cutBytes: 0, storedAtMs: 0 };
  #confirmedId = '';

  constructor(o: RecorderOptions) {
    this.#o = o;
  }

  get stats(): RecorderStats {
    return { ...this.#n, confirmedId: this.#confirmedId, writers: this.#store?.positions.writers ?? 0 };
  }

  /** Opens the folder, mends what a crash left, and begins. Throws AUDIT_STORE when the folder cannot be opened. */
  async start(): Promise<void> {
    if (this.#running !== null) return;
    await this.#open();
    this.#running = this.#run();
  }

  /** Ends after the batch in hand is stored and confirmed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#store?.close();
    this.#store = null;
    // A disk that still fails keeps the bytes; they are unconfirmed, and the next start cuts or syncs them.
    await this.#spent?.abandon().catch(() => undefined);
  }

  async #run(): Promise<void> {
    let waitMs = 0;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#round();
        waitMs = 0;
      } catch (error) {
        this.#n.faults++;
        if (error instanceof Fault && error.code === 'FENCED') await this.#letGo();
        this.#o.onFault?.(
          error instanceof Fault ? error : new Fault('AUDIT_SOURCE', 'audit stream failed', { cause: error }),
        );
        waitMs = Math.min(backOffMs.max, waitMs === 0 ? backOffMs.first : waitMs * 2);
        await wait(waitMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
  }

  async #round(): Promise<void> {
    const { source } = this.#o;
    // Before the folder is opened: opening cuts a torn tail, and who does not hold the slot would cut what another is writing.
    let beatAt = performance.now();
    await source.heartbeat();
    const store = this.#store ?? (await this.#open());
    if (this.#unconfirmed) await this.#confirm();
    const fits = Math.floor((this.#o.batchBytesMax ?? 8 * 1024 * 1024) / this.#entryBytes);
    // At most doubled from read to read: a run of small pages must not open the door to as many large ones.
    const countMax = Math.max(1, Math.min(this.#o.batchCountMax ?? 256, fits, this.#countMax * 2));
    this.#countMax = countMax;
    const blockMs = this.#o.blockMs ?? 1_000;
    const entries = await source.read(this.#afterId, countMax, blockMs);
    const last = entries.at(-1);
    if (last === undefined) return;
    // Asked again when the answer is old: this process or the line slept meanwhile, and the slot may be another's by now.
    while (performance.now() - beatAt > 2 * blockMs) {
      beatAt = performance.now();
      await source.heartbeat();
    }
    const stored = await this.#write(store, entries);
    this.#afterId = last.id;
    this.#unconfirmed = true;
    this.#entryBytes = Math.max(1, stored.reduce((sum, p) => sum + p.bytes, 0) / stored.length);
    await this.#confirm();
  }

  /** Another recorder writes the folder now. What we know of its end is old: should the slot come back, it is read anew. */
  async #letGo(): Promise<void> {
    await this.#store?.close();
    this.#store = null;
    this.#unconfirmed = false;
    this.#afterId = '0-0';
  }

  async #open(): Promise<SegmentStore> {
    const now = this.#o.now ?? Date.now;
    try {
      await this.#spent?.abandon();
      this.#spent = null;
      this.#store = await SegmentStore.open(
        this.#o.folder,
        this.#o.segmentBytesMax ?? 64 * 1024 * 1024,
        now(),
      );
    } catch (cause) {
      throw new Fault('AUDIT_STORE', 'audit folder cannot be opened', { cause });
    }
    this.#n.cutBytes += this.#store.recovered.cutBytes;
    if (this.#store.recovered.isDamaged) this.#find({ what: 'damaged', writer: '', n: 0 });
    return this.#store;
  }

  async #write(
    store: SegmentStore,
    entries: readonly { readonly page: Buffer; readonly journal: Buffer }[],
  ): Promise<readonly StoredPage[]> {
    const nowMs = (this.#o.now ?? Date.now)();
    let stored: readonly StoredPage[];
    try {
      stored = await store.store(entries, nowMs);
    } catch (cause) {
      this.#store = null;
      this.#spent = store;
      throw new Fault('AUDIT_STORE', 'audit pages cannot be written', { cause });
    }
    this.#n.storedAtMs = nowMs;
    for (const page of stored) this.#count(page);
    return stored;
  }

  #count(page: StoredPage): void {
    this.#n.bytes += page.bytes;
    if (page.standing === 'repeated') this.#n.repeated++;
    else this.#n.pages++;
    if (page.standing !== 'repeated' && page.standing !== 'next') {
      this.#find({ what: page.standing, writer: page.w, n: page.n });
    }
    this.#o.onPage?.(page);
  }

  #find(finding: RecorderFinding): void {
    this.#n.findings++;
    this.#o.onFinding?.(finding);
  }

  async #confirm(): Promise<void> {
    await this.#o.source.confirm(this.#afterId);
    this.#confirmedId = this.#afterId;
    this.#unconfirmed = false;
  }
}
