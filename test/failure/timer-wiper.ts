import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Site } from '../../src/simulate/site/site.ts';

/** BullMQ's keys in the slot a site has by itself. */
const pattern = '{s0}:timed*';
const everyMs = 100;
const scanCount = 1_000;

/** Deletes all of BullMQ's keys again and again, as somebody might who takes them for a cache. */
export class TimerWiper {
  readonly #redis: Redis;
  #running: Promise<void> | undefined;
  #isStopped = false;
  /** Keys deleted, and rounds that found any. */
  deleted = 0;
  rounds = 0;

  constructor(site: Site) {
    this.#redis = new Redis(site.redis.url, { maxRetriesPerRequest: null });
    this.#redis.on('error', () => undefined);
  }

  start(): void {
    this.#isStopped = false;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const keys = await this.keys();
      if (keys.length > 0) {
        this.deleted += await this.#redis.del(...keys);
        this.rounds += 1;
      }
      await sleep(everyMs);
    }
  }

  async keys(): Promise<readonly string[]> {
    const keys: string[] = [];
    let cursor = '0';
    do {
      const [next, some] = await this.#redis.scan(cursor, 'MATCH', pattern, 'COUNT', scanCount);
      keys.push(...some);
      cursor = next;
    } while (cursor !== '0');
    return keys;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  close(): void {
    this.#isStopped = true;
    this.#redis.disconnect();
  }
}
