import { Redis } from 'ioredis';
import { Fault } from '../message/codes.ts';
import { confirmDurability, type DurabilityLevel } from './durability.ts';
import { HotConnection } from './hot-connection.ts';
import { type SlotKeys, slotKeys } from './keys.ts';

export { AcceptLoop, type AcceptWork } from './accept.ts';
export type {
  AcceptBatch,
  AcceptLimits,
  AcceptReceipt,
  AppendPage,
  Obstacles,
  Resend,
  Resendable,
  SharedBody,
  WriterName,
} from './batch.ts';
export { BodyStore } from './body-store.ts';
export { type BodyState, DeadLetters, type DeadLetter } from './dead-letters.ts';
export { Doorbell } from './doorbell.ts';
export { type DecodedEntry, decodeEntry, encodeEntry, isBodyShared } from './entry.ts';
export { type LaneEntries, LaneEntryList, type NewEntry } from './lane-entries.ts';
export type { LaneLimits, LeaseTimes, OwnedLane, TakenEntry, Turn } from './lane-turns.ts';
export { OwnedLanes } from './lanes.ts';
export { imbalance, type LaneCounts, readLane } from './ledger.ts';
export { Overdue, type OverdueEntry } from './overdue.ts';
export { PageStream } from './page-stream.ts';
export { type ReturnedLetter, ReturnedLetters } from './returned-letters.ts';
export { SampledBooks } from './sampled-books.ts';
export { ServerClock } from './server-clock.ts';
export type { ClassSettlement, Settlement, Take } from './settle-call.ts';
export { type LaneLook, SlotLook, type SlotSight } from './slot-look.ts';
export { SlotReader } from './slot-reader.ts';
export { type TimedCounts, TimedWork } from './timed-work.ts';

export type QueueOptions = {
  readonly url: string;
  readonly slot: string;
  readonly durability: DurabilityLevel;
  readonly attemptTimeoutMs: number;
  readonly onDown: () => void;
  readonly onUp: () => void;
};

/**
 * The queue room: messages become durable here, or are not accepted. This door opens the connections of one process to one slot:
 * `hot` for calls whose outcome must become known, `side` for reading, and blocking ones on request.
 * Throws DURABILITY_UNCONFIRMED when the server does not do what the chosen level promises.
 */
export class Queue {
  readonly keys: SlotKeys;
  readonly hot: HotConnection;
  readonly side: Redis;
  readonly #url: string;
  readonly #blocking: Redis[] = [];

  private constructor(options: QueueOptions, hot: HotConnection, side: Redis) {
    this.keys = slotKeys(options.slot);
    this.hot = hot;
    this.side = side;
    this.#url = options.url;
  }

  static async open(options: QueueOptions): Promise<Queue> {
    const side = quiet(new Redis(options.url, { lazyConnect: true, maxRetriesPerRequest: 3 }));
    const hot = new HotConnection(options);
    try {
      await side.connect();
      await confirmDurability(side, options.durability);
      await hot.connect();
      return new Queue(options, hot, side);
    } catch (error) {
      side.disconnect();
      hot.close();
      if (error instanceof Fault) throw error;
      // The library's own text may quote the address with its password.
      throw new Fault(
        'DURABILITY_UNCONFIRMED',
        'no Redis answers at TENFOUR_REDIS_URL, it still loads, or it does not let us in',
      );
    }
  }

  /** A connection for a caller that blocks in XREAD. */
  blocking(): Redis {
    const redis = quiet(
      new Redis(this.#url, {
        // A call cut off by a lost connection is rejected at once. With `null` and no resend the library would never settle it.
        maxRetriesPerRequest: 0,
        autoResendUnfulfilledCommands: false,
        socketTimeout: BLOCKING_SILENCE_MS_MAX,
      }),
    );
    this.#blocking.push(redis);
    return redis;
  }

  /** The last life of this instance: its writer id and where its chain stood, or undefined for the first life. */
  async predecessor(instance: string): Promise<{ writer: string; n: number; head: string } | undefined> {
    const writer = await this.side.get(this.keys.instance(instance));
    if (writer === null) return undefined;
    const [n, head] = await this.side.hmget(this.keys.writer(writer), 'n', 'head');
    if (typeof n !== 'string' || typeof head !== 'string') return undefined;
    return { writer, n: Number(n), head };
  }

  close(): void {
    this.hot.close();
    this.side.disconnect();
    for (const redis of this.#blocking) redis.disconnect();
  }
}

/** No caller blocks longer than a second; a host that vanished without a word would otherwise hold the call for minutes. */
const BLOCKING_SILENCE_MS_MAX = 3000;

// The library prints foreign error texts when nobody listens; failures reach us through the calls.
const quiet = (redis: Redis): Redis => {
  redis.on('error', () => {});
  return redis;
};
