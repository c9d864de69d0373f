import { Redis } from 'ioredis';

export type RedisUse = {
  readonly usedMemoryBytes: number;
  readonly aofBytes: number;
  readonly aofRewrites: number;
};

/** Looks at the Redis of a site from beside: what it uses, and settings of a measurement. */
export class RedisLook {
  readonly #redis: Redis;

  constructor(port: number) {
    this.#redis = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 1 });
    this.#redis.on('error', () => undefined);
  }

  async use(): Promise<RedisUse> {
    const text = await this.#redis.info();
    const of = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    return {
      usedMemoryBytes: of('used_memory'),
      aofBytes: of('aof_current_size'),
      aofRewrites: of('aof_rewrites'),
    };
  }

  async stopRewriting(): Promise<void> {
    await this.#redis.config('SET', 'auto-aof-rewrite-percentage', '0');
  }

  close(): void {
    this.#redis.disconnect();
  }
}
