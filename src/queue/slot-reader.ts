import { Redis } from 'ioredis';
import { topicNames } from '../message/delivery.ts';
import { DeadLetters } from './dead-letters.ts';
import { slotKeys } from './keys.ts';
import { imbalance, type LaneCounts, readLane } from './ledger.ts';
import { type StreamPage, streamEntries } from './page-stream.ts';

/** Reads a slot without taking part in it: for commands that look. */
export class SlotReader {
  readonly dead: DeadLetters;
  readonly #redis: Redis;
  readonly #keys;

  private constructor(redis: Redis, slot: string) {
    this.#redis = redis;
    this.#keys = slotKeys(slot);
    this.dead = new DeadLetters(redis, this.#keys);
  }

  /** Undefined when Redis cannot be reached: the caller may still read what is on disk. */
  static async open(url: string, slot: string): Promise<SlotReader | undefined> {
    const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
    redis.on('error', () => {});
    try {
      await redis.connect();
      return new SlotReader(redis, slot);
    } catch {
      redis.disconnect();
      return undefined;
    }
  }

  /** Audit pages not yet trimmed, after `afterId`. */
  async pages(afterId: string, countMax: number): Promise<readonly StreamPage[]> {
    const reply: unknown = await this.#redis.callBuffer(
      'XREAD',
      'COUNT',
      countMax,
      'STREAMS',
      this.#keys.audit,
      afterId,
    );
    return streamEntries(reply).map(([id, fields]) => ({
      id,
      page: fields[1] ?? Buffer.alloc(0),
      journal: fields[3] ?? Buffer.alloc(0),
    }));
  }

  /** Every lane that ever held something, and the topics. */
  async lanes(): Promise<readonly string[]> {
    const known = await this.#redis.smembers(this.#keys.lanes);
    return [...new Set([...topicNames, ...known.toSorted()])];
  }

  /** `returned`: of the delivered, how many came back from the topic. */
  async lane(lane: string): Promise<LaneCounts & { readonly imbalance: number; readonly returned: number }> {
    const counts = await readLane(this.#redis, this.#keys, lane);
    const returned = await this.#redis.hget(this.#keys.laneMeta(lane), 'returned');
    return { ...counts, returned: Number(returned ?? 0), imbalance: imbalance(counts) };
  }

  close(): void {
    this.#redis.disconnect();
  }
}
