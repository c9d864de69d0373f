import { type TimedJob, TimedQueues } from './timed-queues.ts';
import { settledWithin } from './timed-wait.ts';

export type { TimedKind } from './timed-queues.ts';

export type TimedHandlers = {
  /** Rings the lane; a lane this process does not own is to be ignored. May come once too often after Redis was away. */
  readonly retry: (lane: string) => Promise<void> | void;
  readonly expiry: () => Promise<void>;
  readonly sweep: () => Promise<void>;
};

/** A closed list; none of them ends anything. */
export type TimedFault = 'TIMED_REDIS' | 'TIMED_HANDLER' | 'TIMED_LANES_FULL';

export type TimedWorkOptions = {
  readonly url: string;
  readonly slot: string;
  readonly role: string;
  /** The place this process fills, life after life: one retry queue each, so it must not be a new name at each start. */
  readonly instance: string;
  readonly handlers: TimedHandlers;
  readonly expiryMs: number;
  readonly sweepMs: number;
  /** At most once in 10 s for each code; `counts` has them all. */
  readonly onFault: (code: TimedFault) => void;
};

export type TimedCounts = {
  /** Wake-ups asked for, repetitions not counted. */
  readonly scheduled: number;
  /** Handlers started, of all kinds. */
  readonly fired: number;
  /** Handlers that threw or took longer than 30 s. */
  readonly failed: number;
  /** Wake-ups that BullMQ did not bring in time and that this process made up for. */
  readonly overdue: number;
  /** Schedules found missing and put back, the first time included. */
  readonly rebuilt: number;
  /** Errors of Redis or BullMQ, all survived. */
  readonly faults: number;
};

type Pending = { readonly dueAt: number; readonly tries: number };

/** Lanes are stations and topic shards of one process; past this the sweep has to wake them. */
const LANES_MAX = 4096;
/** A timer further away is a mistake; Node's own end at 24 days. */
const DELAY_MS_MAX = 3_600_000;
/**
 * How late BullMQ may bring a wake-up before it counts as lost. By itself it is up to 0.1 s late: Redis looks at blocked calls ten
 * times a second.
 */
const GRACE_MS = 1000;
const OVERDUE_CHECK_MS = 250;
/** A job this early belongs to an older wake-up, found again after Redis was away. */
const EARLY_MS = 250;
/** Handlers of made-up wake-ups under way at a time. */
const OVERDUE_RUNNING_MAX = 64;
const HANDLER_MS_MAX = 30_000;
/** A wake-up whose handler throws is tried again after 1 s and after 2 s, then it is the sweep's. */
const TRIES_MAX = 3;
const TRY_AGAIN_MS = 1000;
const FAULT_QUIET_MS = 10_000;
/** How long handlers under way are waited for at the end. */
const CLOSE_MS = 1000;
/** Starting does not depend on BullMQ: past this the schedules are made as soon as Redis is there. */
const OPEN_MS_MAX = 2000;

/**
 * Timers of the switch (design 5.8): they point at lanes and never hold the only copy of anything, so losing all of BullMQ's keys, or
 * Redis, costs delay and never a wake-up. Each pending wake-up is also remembered here and made up for when it is overdue; the two
 * schedules are looked after every `sweepMs` and at every reconnect. Nothing here throws.
 */
export class TimedWork {
  readonly #options: TimedWorkOptions;
  readonly #queues: TimedQueues;
  readonly #pending = new Map<string, Pending>();
  readonly #running = new Set<Promise<void>>();
  readonly #clockRunning = new Set<string>();
  readonly #counts = { scheduled: 0, fired: 0, failed: 0, overdue: 0, rebuilt: 0, faults: 0 };
  readonly #reportedAt = new Map<TimedFault, number>();
  readonly #timers: readonly NodeJS.Timeout[];
  #ensuring: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  readonly #closed = Promise.withResolvers<undefined>();
  #isClosed = false;
  #markReady: () => void = () => undefined;

  private constructor(options: TimedWorkOptions) {
    this.#options = options;
    this.#queues = new TimedQueues({
      ...options,
      run: (job) => this.#run(job),
      onFault: () => {
        this.#redisFault();
      },
      onReady: () => {
        void this.#ensureSchedules();
      },
    });
    this.#timers = [
      setInterval(() => {
        this.#makeUpForOverdue();
      }, OVERDUE_CHECK_MS),
      setInterval(() => void this.#ensureSchedules(), options.sweepMs),
    ];
  }

  /** Resolves when the schedules stand, or after 2 s without Redis; they are then made when it comes. */
  static async open(options: TimedWorkOptions): Promise<TimedWork> {
    const work = new TimedWork(options);
    const isReady = new Promise<void>((resolve) => {
      work.#markReady = resolve;
    });
    await settledWithin(OPEN_MS_MAX, [isReady]);
    return work;
  }

  get counts(): TimedCounts {
    return this.#counts;
  }

  /** Wakes `lane` after `delayMs` (an hour at most). While one is pending for the lane, another changes nothing. */
  retryLater(lane: string, delayMs: number): void {
    this.#schedule(lane, delayMs, 0);
  }

  /** Ends within 2 s, also when Redis is away; pending wake-ups are dropped, the next owner of a lane reads it from the start. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#pending.clear();
    await Promise.all([this.#queues.close(), settledWithin(CLOSE_MS, [...this.#running])]);
    this.#isClosed = true;
    this.#closed.resolve(undefined);
  }

  #schedule(lane: string, delayMs: number, tries: number): void {
    if (this.#closing !== undefined || this.#pending.has(lane)) return;
    if (this.#pending.size >= LANES_MAX) {
      this.#report('TIMED_LANES_FULL');
      return;
    }
    const delay = delayMs > 0 ? Math.min(Math.ceil(delayMs), DELAY_MS_MAX) : 0;
    this.#pending.set(lane, { dueAt: performance.now() + delay, tries });
    this.#counts.scheduled += 1;
    this.#queues.add(lane, delay).catch(() => {
      this.#redisFault();
    });
  }

  #makeUpForOverdue(): void {
    const lostBefore = performance.now() - GRACE_MS;
    for (const [lane, { dueAt }] of this.#pending) {
      if (this.#running.size >= OVERDUE_RUNNING_MAX) return;
      if (dueAt > lostBefore) continue;
      this.#counts.overdue += 1;
      void this.#wake(lane);
    }
  }

  async #run({ format, kind, lane }: TimedJob): Promise<void> {
    // A process of another version may share the queue; what it meant is found again by the sweep.
    if (this.#closing !== undefined || (format as number) !== 1) return;
    if (kind === 'retry') await this.#runRetry(lane ?? '');
    else await this.#runClock(kind);
  }

  async #runRetry(lane: string): Promise<void> {
    const pending = this.#pending.get(lane);
    if (pending !== undefined && pending.dueAt - performance.now() > EARLY_MS) return;
    // One we do not know is from our last life, or was made up for: ringing once too often is harmless.
    await this.#wake(lane);
  }

  async #wake(lane: string): Promise<void> {
    const tries = (this.#pending.get(lane)?.tries ?? 0) + 1;
    this.#pending.delete(lane);
    // The handler may ask for the next wake-up at once. Same connection, so this reaches Redis before that.
    this.#queues.release(lane).catch(() => {
      this.#redisFault();
    });
    const isDone = await this.#handle(async () => this.#options.handlers.retry(lane));
    if (!isDone && tries < TRIES_MAX) this.#schedule(lane, TRY_AGAIN_MS * tries, tries);
  }

  async #runClock(kind: 'expiry' | 'sweep'): Promise<void> {
    // The last one still runs here: a second beside it would only make both slower.
    if (this.#clockRunning.has(kind)) return;
    this.#clockRunning.add(kind);
    await this.#handle(async () => {
      try {
        await this.#options.handlers[kind]();
      } finally {
        this.#clockRunning.delete(kind);
      }
    });
  }

  /** Whether the handler ended well and in time. */
  async #handle(handler: () => Promise<void>): Promise<boolean> {
    this.#counts.fired += 1;
    const work = handler();
    const settled = work.catch(() => undefined);
    this.#running.add(settled);
    const isInTime = await settledWithin(HANDLER_MS_MAX, [Promise.race([settled, this.#closed.promise])]);
    this.#running.delete(settled);
    if (this.#isClosed) return true;
    if (isInTime && (await isFulfilled(work))) return true;
    this.#counts.failed += 1;
    this.#report('TIMED_HANDLER');
    return false;
  }

  #ensureSchedules(): Promise<void> {
    this.#ensuring ??= this.#ensureOnce().finally(() => {
      this.#ensuring = undefined;
    });
    return this.#ensuring;
  }

  async #ensureOnce(): Promise<void> {
    try {
      this.#counts.rebuilt += await this.#queues.ensureSchedules();
      this.#markReady();
    } catch {
      this.#redisFault();
    }
  }

  #redisFault(): void {
    // Connections torn down by us are no fault.
    if (this.#closing !== undefined) return;
    this.#counts.faults += 1;
    this.#report('TIMED_REDIS');
  }

  #report(code: TimedFault): void {
    const now = performance.now();
    if (now - (this.#reportedAt.get(code) ?? -Infinity) < FAULT_QUIET_MS) return;
    this.#reportedAt.set(code, now);
    this.#options.onFault(code);
  }
}

const isFulfilled = (work: Promise<void>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );
