import { Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { settledWithin } from './timed-wait.ts';

/** What a timer may be for. */
export type TimedKind = 'retry' | 'expiry' | 'sweep';

/** All that is stored of a timer: names. What is to be done is read from the streams when it fires. */
export type TimedJob = { readonly format: 1; readonly kind: TimedKind; readonly lane?: string };

export type TimedQueuesOptions = {
  readonly url: string;
  readonly slot: string;
  readonly role: string;
  readonly instance: string;
  readonly expiryMs: number;
  readonly sweepMs: number;
  /** Must not throw: what it throws would be stored as the job's failure. */
  readonly run: (job: TimedJob) => Promise<void>;
  /** Redis said something, or nothing, that we did not want. */
  readonly onFault: () => void;
  /** Redis can be talked to, for the first time or again. */
  readonly onReady: () => void;
};

const RECONNECT_MS_MAX = 1000;
/** Adding a timer is never waited for by anybody; past this it counts as lost. */
const COMMAND_MS_MAX = 1000;
/** No call blocks for longer than a second, see `IDLE_S`. A host silent for this long has vanished. */
const SILENCE_MS_MAX = 5000;
/** Lane wake-ups under way at a time; each only rings. */
const RETRY_CONCURRENCY = 16;
/** One expiry run and one sweep. */
const CLOCK_CONCURRENCY = 2;
/**
 * How long a worker blocks before it looks by itself. Bounds the delay when the process that waited for the next job died, and how
 * long a wait that Redis never answers holds an ending process (this and a second).
 */
const IDLE_S = 1;
/**
 * Rest after an error. After a broken connection the library waits 15 s, too long for timers of seconds; after an error reply not at
 * all: a full Redis was asked 47,000 times a second.
 */
const REST_MS = 1000;
/** A job whose process died is given to another after this; its lock is renewed at half of it. */
const STALLED_MS = 30_000;
/** The library's event stream, which nobody here reads. */
const EVENTS_MAX = 100;
/** A schedule this late has lost its job: an idle worker is a second late at most. One this far ahead was made by a wrong clock. */
const SCHEDULE_SLACK_MS = 2000;
const CLOSE_MS = 1000;

/** A failed job is not kept and not repeated by the library: whoever owns the timer decides that. */
const jobOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

/**
 * The BullMQ side of timed work: two queues under `{slot}:timed`, so that one slot of a Redis Cluster holds all their keys.
 * `retry-<role>-<instance>` wakes lanes. A lane has one owner and only that process can wake it, so each has a queue of its own; the
 * instance is the stable place of the process (not its pod), which bounds the queues ever made.
 * `clock-<role>` has the two schedules; any process of the role may run them, and each interval is run by one.
 */
export class TimedQueues {
  readonly #options: TimedQueuesOptions;
  readonly #producer: Redis;
  readonly #consumer: Redis;
  readonly #retries: Queue;
  readonly #clock: Queue;
  readonly #workers: readonly Worker[];
  readonly #resting = new Map<Worker, NodeJS.Timeout>();

  constructor(options: TimedQueuesOptions) {
    this.#options = options;
    // Fails at once when Redis is away, so that nothing piles up in this process.
    this.#producer = this.#connect({
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: COMMAND_MS_MAX,
    });
    // The library demands `null` of a worker: its calls wait for Redis to come back. It makes the blocking connections from this one.
    this.#consumer = this.#connect({ maxRetriesPerRequest: null, socketTimeout: SILENCE_MS_MAX });
    const retries = `retry-${options.role}-${options.instance}`;
    const clock = `clock-${options.role}`;
    this.#retries = this.#queue(retries);
    this.#clock = this.#queue(clock);
    this.#workers = [this.#worker(retries, RETRY_CONCURRENCY), this.#worker(clock, CLOCK_CONCURRENCY)];
    this.#producer.on('ready', options.onReady);
  }

  /** Adds a wake-up unless one is pending for this lane. */
  async add(lane: string, delayMs: number): Promise<void> {
    this.#mustBeReady();
    const job: TimedJob = { format: 1, kind: 'retry', lane };
    await this.#retries.add(job.kind, job, { ...jobOptions, delay: delayMs, deduplication: { id: lane } });
  }

  /** From here on a new wake-up of this lane is no repetition of the one that is firing. */
  async release(lane: string): Promise<void> {
    this.#mustBeReady();
    await this.#retries.removeDeduplicationKey(lane);
  }

  /** Puts back a schedule that is missing, stuck or of another interval, and says how many those were. A new one fires at once. */
  async ensureSchedules(): Promise<number> {
    this.#mustBeReady();
    let rebuilt = 0;
    for (const kind of ['expiry', 'sweep'] as const) {
      const every = kind === 'expiry' ? this.#options.expiryMs : this.#options.sweepMs;
      const known = await this.#clock.getJobScheduler(kind);
      const aheadMs = (known?.next ?? 0) - Date.now();
      const isAlive = aheadMs > -SCHEDULE_SLACK_MS && aheadMs < every + SCHEDULE_SLACK_MS;
      if (isAlive && known?.every === every) continue;
      // A schedule that is only overwritten keeps its next time, however wrong.
      await this.#clock.removeJobScheduler(kind);
      const data: TimedJob = { format: 1, kind };
      await this.#clock.upsertJobScheduler(kind, { every }, { name: kind, data, opts: jobOptions });
      rebuilt += 1;
    }
    // The length set at the start is lost with the queue's `meta` key; the library would then keep 10,000.
    await Promise.all([this.#retries.trimEvents(EVENTS_MAX), this.#clock.trimEvents(EVENTS_MAX)]);
    return rebuilt;
  }

  /** Ends within about a second, whether Redis answers or not. */
  async close(): Promise<void> {
    for (const timer of this.#resting.values()) clearTimeout(timer);
    // Without force the library waits for the last jobs to be put away, for which it needs Redis.
    const isForced = this.#consumer.status !== 'ready';
    await settledWithin(
      CLOSE_MS,
      this.#workers.map((worker) => worker.close(isForced)),
    );
    this.#consumer.disconnect();
    this.#producer.disconnect();
    await settledWithin(CLOSE_MS / 2, [this.#retries.close(), this.#clock.close()]);
  }

  #connect(options: Omit<RedisOptions, 'replyMapping'>): Redis {
    const redis = new Redis(this.#options.url, {
      ...options,
      connectTimeout: COMMAND_MS_MAX,
      disconnectTimeout: CLOSE_MS / 2,
      retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), RECONNECT_MS_MAX),
    });
    redis.on('error', this.#options.onFault);
    return redis;
  }

  #queue(name: string): Queue {
    const queue = new Queue(name, {
      connection: this.#producer,
      prefix: prefixOf(this.#options.slot),
      streams: { events: { maxLen: EVENTS_MAX } },
      // Its INFO, cut off by a lost connection, would leave the queue unusable for good.
      skipVersionCheck: true,
    });
    queue.on('error', this.#options.onFault);
    return queue;
  }

  #worker(name: string, concurrency: number): Worker {
    const worker = new ShortWaitWorker(name, ({ data }) => this.#options.run(data), {
      connection: this.#consumer,
      prefix: prefixOf(this.#options.slot),
      concurrency,
      drainDelay: IDLE_S,
      runRetryDelay: REST_MS,
      lockDuration: STALLED_MS,
      stalledInterval: STALLED_MS,
      maxStalledCount: 1,
    });
    worker.on('error', () => {
      this.#options.onFault();
      this.#rest(worker);
    });
    return worker;
  }

  #rest(worker: Worker): void {
    if (this.#resting.has(worker) || worker.closing !== undefined) return;
    worker.pause(true).catch(this.#options.onFault);
    const timer = setTimeout(() => {
      this.#resting.delete(worker);
      worker.resume().catch(this.#options.onFault);
    }, REST_MS);
    this.#resting.set(worker, timer);
  }

  // Before its first connection the library would let a call wait without end.
  #mustBeReady(): void {
    if (this.#producer.status !== 'ready') throw new Error('Redis is away');
  }
}

class ShortWaitWorker extends Worker<TimedJob, void> {
  // The library's 10 s is no option of it, only a property.
  override get maximumBlockTimeout(): number {
    return IDLE_S;
  }
}

const prefixOf = (slot: string): string => `{${slot}}:timed`;
