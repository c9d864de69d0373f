import { Redis } from 'ioredis';
import { Fault } from '../../message/codes.ts';
import type { RedisServer } from './redis-server.ts';

export type BorrowedRedis = RedisServer & {
  /** What this server keeps after a power cut: the level a site on it may promise. */
  readonly fsync: 'always' | 'everysec';
  /** A slot of our own on it, so that we disturb nobody and can clean up after us. */
  readonly slot: string;
};

const SCAN_COUNT = 1000;

/**
 * A site on a server that somebody else runs (REDIS_URL). It is asked what it keeps; one without an append-only file is refused, for
 * nothing on it could be called accepted. `stop` removes our slot's keys and leaves the server alone; killing it is not ours to do.
 */
export const borrowRedis = async (url: string): Promise<BorrowedRedis> => {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  redis.on('error', () => {});
  try {
    await redis.connect();
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', 'the Redis that REDIS_URL names does not answer', { cause });
  }
  const isAppendOnly = /^aof_enabled:1\r?$/m.test(await redis.info('persistence'));
  const policy = JSON.stringify(await redis.config('GET', 'appendfsync'));
  if (!isAppendOnly || policy.includes('"no"')) {
    redis.disconnect();
    throw new Fault(
      'CONFIG_INVALID',
      'the Redis that REDIS_URL names keeps no append-only file: unset REDIS_URL, or turn appendonly on',
    );
  }
  const slot = `demo${Math.floor(Math.random() * 36 ** 6).toString(36)}`;
  const notOurs = (): never => {
    throw new Fault('CONFIG_INVALID', 'a borrowed Redis is not ours to end');
  };
  return {
    url,
    port: redis.options.port ?? 0,
    pid: 0,
    slot,
    fsync: policy.includes('"always"') ? 'always' : 'everysec',
    kill9: notOurs,
    restart: notOurs,
    stop: async () => {
      for await (const keys of redis.scanStream({ match: `{${slot}}:*`, count: SCAN_COUNT }) as AsyncIterable<
        string[]
      >) {
        if (keys.length > 0) await redis.unlink(...keys);
      }
      redis.disconnect();
    },
  };
};
