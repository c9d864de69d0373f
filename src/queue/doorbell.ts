import type { Redis } from 'ioredis';
import type { PriorityClass } from '../message/delivery.ts';
import type { Bell, SlotKeys } from './keys.ts';
import { streamEntries } from './page-stream.ts';

export type Rings = ReadonlyMap<string, ReadonlySet<PriorityClass>>;

/**
 * Waits until a lane whose owner had been given everything got more, or `blockMs` passed. A ring may be missed (a start, a reconnect):
 * whoever waits here also sweeps its lanes, so a missed ring costs a second and never a message (design 5.6).
 */
export class Doorbell {
  readonly #redis: Redis;
  readonly #key: string;
  #cursor: string | undefined;

  /** `redis` blocks, so it must be a connection of its own. */
  constructor(redis: Redis, keys: SlotKeys, bell: Bell) {
    this.#redis = redis;
    this.#key = keys.bells[bell];
  }

  /** The lanes that rang, and for which classes; empty after a quiet `blockMs`. */
  async wait(blockMs: number): Promise<Rings> {
    // From the last ring on, not from "now": a ring between two waits must not be slept through.
    this.#cursor ??= await this.#lastRing();
    const reply: unknown = await this.#redis.callBuffer(
      'XREAD',
      'BLOCK',
      blockMs,
      'STREAMS',
      this.#key,
      this.#cursor,
    );
    const rung = new Map<string, Set<PriorityClass>>();
    for (const [id, fields] of streamEntries(reply)) {
      this.#cursor = id;
      const lane = fields[1]?.toString('latin1') ?? '';
      const classes = rung.get(lane) ?? new Set<PriorityClass>();
      rung.set(lane, classes.add(Number(fields[3]?.toString('latin1')) as PriorityClass));
    }
    return rung;
  }

  async #lastRing(): Promise<string> {
    const last = await this.#redis.xrevrange(this.#key, '+', '-', 'COUNT', 1);
    return last[0]?.[0] ?? '0-0';
  }
}
