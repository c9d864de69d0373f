import type { Redis } from 'ioredis';
import type { SlotKeys } from './keys.ts';

/** Bodies that are stored once for many deliveries (design 5.11), as a lane's owner reads them. */
export class BodyStore {
  readonly #redis: Redis;
  readonly #keys: SlotKeys;

  constructor(redis: Redis, keys: SlotKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Sealed bodies by message id; one that is not there is left out. One round trip. */
  async read(messageIds: Iterable<string>): Promise<ReadonlyMap<string, Buffer>> {
    const ids = [...new Set(messageIds)];
    const bodies = new Map<string, Buffer>();
    if (ids.length === 0) return bodies;
    const found = await Promise.all(ids.map((id) => this.#redis.hgetBuffer(this.#keys.body(id), 'b')));
    for (const [at, id] of ids.entries()) {
      const body = found[at];
      if (body !== null && body !== undefined) bodies.set(id, body);
    }
    return bodies;
  }
}
