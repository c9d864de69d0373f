import { inTime } from '../bus/in-time.ts';
import { type Arrival, ArrivalBook, type Book, type BusLetter, readArrived } from '../collect/collect.ts';
import type { Config } from '../config/config.ts';
import { Fault } from '../message/codes.ts';
import type { TopicName } from '../message/delivery.ts';
import type { OwnedLanes, SampledBooks } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { LaneRecord } from './lane-record.ts';
import type { Parcel } from './parcel.ts';

export type TopicSampleParts = {
  readonly topic: TopicName;
  /** How long the topic's `all` keeps a message. */
  readonly keptMs: number;
  /** How long it keeps one locked for a reader that is gone. */
  readonly lockMs: number;
  readonly config: Config;
  readonly books: SampledBooks;
  readonly lanes: OwnedLanes<LaneRecord>;
  readonly log: Log;
  readonly metrics: Metrics;
};

/** The book of a lane that is ours, and the token it is ours by. */
type Open = { readonly book: ArrivalBook; readonly token: number };

/** What the settlement of a lane waits for the book at most. */
const SAVE_MS_MAX = 1000;
/** What is counted; `again` and `before` say nothing about what was sent. */
const COUNTED: ReadonlySet<Arrival> = new Set(['seen', 'late', 'repeat', 'duplicate']);
const OUTCOMES = [
  'seen',
  'late',
  'repeat',
  'duplicate',
  'explained',
  'missing',
  'unwatched',
  'foreign',
] as const;

/**
 * enqueued = sent, for one topic: what its `all` subscription shows against what the lane's owner was done with. The book outlives the
 * process; it is saved before the bus is told that a batch was had, so after a crash the bus only repeats what the book knows.
 */
export class TopicSample {
  readonly #parts: TopicSampleParts;
  readonly #graceMs: number;
  #open: Open | undefined;
  /** What the lane was done with before the book was read. */
  #early = new ArrivalBook(undefined, 0, 0);
  #turn: Promise<void> = Promise.resolve();
  #save: Promise<void> | undefined;
  #isBegun = false;
  #recordedAt = performance.now();

  constructor(parts: TopicSampleParts) {
    this.#parts = parts;
    const { topic, metrics, config, lockMs } = parts;
    // What a reader that died had in its hands comes after its locks only.
    this.#graceMs = Math.max(config.SAMPLE_GRACE_MS, lockMs + config.COLLECT_WAIT_MS);
    for (const outcome of OUTCOMES) metrics.busSampled.inc({ lane: topic, outcome }, 0);
    // So that one that never gets to the end is seen to be behind as well.
    metrics.busSampleEmpty.set({ lane: topic }, Date.now() / 1000);
  }

  /** Reads what the owner before us left, if it is not read yet; from now on what the lane settles is ours to know. */
  async own(token: number): Promise<void> {
    if (this.#open?.token === token) return;
    this.leave();
    const { books, topic } = this.#parts;
    const text = await books.read(topic);
    const stored = text === undefined ? undefined : (JSON.parse(text) as Book);
    this.#isBegun = stored === undefined;
    const book = new ArrivalBook(stored, this.#graceMs, Date.now());
    book.follow(this.#early.stored);
    this.#early = new ArrivalBook(undefined, 0, 0);
    this.#open = { book, token };
  }

  /** Another process has the lane now: the book is its. */
  leave(): void {
    this.#open = undefined;
  }

  /** A reading of `all` ended by a fault: what it had in its hands comes later. */
  interrupted(): void {
    this.#open?.book.interrupted(Date.now());
  }

  /**
   * The lane, ours by `token`, is done with these. Resolves when what was never sent is saved, or cannot be: before the settlement is, so
   * that whoever comes after us knows of it. Undefined when there is nothing to wait for.
   */
  settled(
    parcels: readonly Parcel<unknown>[],
    token: number | undefined,
    atMs: number,
  ): Promise<unknown> | undefined {
    const open = this.#open?.token === token ? this.#open : undefined;
    const book = open?.book ?? this.#early;
    let isUrgent = false;
    for (const { priorityClass, seq, gap, fate } of parcels) {
      for (let gone = seq - gap; gone < seq; gone += 1)
        isUrgent = book.settled(priorityClass, gone, false, atMs) || isUrgent;
      const isSent = fate === undefined || fate.outcome === 'delivered';
      isUrgent = book.settled(priorityClass, seq, isSent, atMs) || isUrgent;
    }
    if (!isUrgent || open === undefined) return undefined;
    // Redis may be away: then the settlement does not get there either, and the next save has it.
    return inTime(
      SAVE_MS_MAX,
      this.#saved().catch(() => undefined),
    );
  }

  /** A batch of `all`. */
  async keep(messages: readonly BusLetter[]): Promise<'kept' | 'hold'> {
    const book = this.#open?.book;
    if (book === undefined) return 'hold';
    const { metrics, topic } = this.#parts;
    const nowMs = Date.now();
    for (const message of messages) {
      const arrived = readArrived(message);
      const outcome = arrived === undefined ? 'foreign' : book.arrived(arrived, nowMs);
      if (outcome === 'foreign' || COUNTED.has(outcome)) metrics.busSampled.inc({ lane: topic, outcome });
    }
    await this.#saved();
    return 'kept';
  }

  /** `all` was seen to its end, asked from `emptyAt` on. */
  async judge(emptyAt: number): Promise<void> {
    const book = this.#open?.book;
    if (book === undefined) return;
    const { metrics, topic, log, keptMs } = this.#parts;
    const judged = book.judge(emptyAt, keptMs);
    for (const outcome of ['missing', 'explained', 'unwatched'] as const)
      if (judged[outcome] > 0) metrics.busSampled.inc({ lane: topic, outcome }, judged[outcome]);
    if (judged.missing > 0) log.event('sample.missing', { lane: topic, missing: judged.missing });
    metrics.busSampleOpen.set({ lane: topic }, book.open);
    metrics.busSampleEmpty.set({ lane: topic }, emptyAt / 1000);
    if (performance.now() - this.#recordedAt >= this.#parts.config.SAMPLE_RECORD_MS) await this.record();
    else await this.#saved();
  }

  /** What was seen since the last record goes on the audit record. */
  async record(): Promise<void> {
    if (this.#open === undefined) return;
    this.#recordedAt = performance.now();
    const { books, lanes, topic } = this.#parts;
    await this.#inTurn(async ({ book, token }) => {
      const classes = book.totals();
      if (classes.length === 0) return;
      const record = {
        e: 'sampled',
        lane: topic,
        t: Date.now(),
        begun: this.#isBegun ? 1 : 0,
        classes,
      } as const;
      this.#isBegun = false;
      await books.record(lanes, { topic, token }, JSON.stringify(book.stored), [{ record }]);
    });
  }

  /** The book as it is when its turn comes, so one that waits is enough. */
  #saved(): Promise<void> {
    this.#save ??= this.#inTurn(async ({ book, token }) => {
      this.#save = undefined;
      const { books, topic } = this.#parts;
      await books.save({ topic, token }, JSON.stringify(book.stored));
    });
    return this.#save;
  }

  /** One after the other: an older text must not come after a newer one. Throws FENCED when the lane, and so the book, is another's. */
  #inTurn(work: (open: Open) => Promise<void>): Promise<void> {
    const next = async (): Promise<void> => {
      const open = this.#open;
      try {
        if (open === undefined) throw new Fault('FENCED', 'the book has another owner');
        await work(open);
      } catch (error) {
        this.#save = undefined;
        if (error instanceof Fault && error.code === 'FENCED' && this.#open === open) this.leave();
        throw error;
      }
    };
    this.#turn = this.#turn.then(next, next);
    return this.#turn;
  }
}
