import type { Redis } from 'ioredis';
import { Fault } from '../message/codes.ts';

/** What an acknowledgement promises (P1). `everysec` may lose about the last second at a power cut; the log says so at start. */
export type DurabilityLevel = 'fsync' | 'everysec';

/**
 * Reads from the server what it really does. Start refuses a level that cannot be confirmed: a promise that rests on somebody's
 * memory of a config file is none.
 */
export const confirmDurability = async (redis: Redis, level: DurabilityLevel): Promise<void> => {
  const info = await redis.info('persistence');
  if (!/^aof_enabled:1\r?$/m.test(info)) throw unconfirmed('append-only file is off');
  const policy = await setting(redis, 'appendfsync');
  const meets = level === 'fsync' ? policy === 'always' : policy === 'always' || policy === 'everysec';
  if (!meets) throw unconfirmed(`appendfsync is ${policy}`);
  // During a rewrite of the file such a server does not sync at all, whatever appendfsync says.
  const rewriting = await setting(redis, 'no-appendfsync-on-rewrite');
  if (rewriting !== 'no') throw unconfirmed(`no-appendfsync-on-rewrite is ${rewriting}`);
  const eviction = await setting(redis, 'maxmemory-policy');
  if (eviction !== 'noeviction') throw unconfirmed(`maxmemory-policy is ${eviction}`);
};

const setting = async (redis: Redis, name: string): Promise<string> => {
  try {
    const reply: unknown = await redis.config('GET', name);
    if (Array.isArray(reply)) return String(reply[1] ?? 'unset');
    if (typeof reply === 'object' && reply !== null) return String(Object.values(reply)[0] ?? 'unset');
    return 'unknown';
  } catch (cause) {
    // Managed servers forbid CONFIG: then nobody can confirm it here, and the operator must choose a level that needs no proof.
    throw new Fault('DURABILITY_UNCONFIRMED', `server does not show ${name}`, { cause });
  }
};

const unconfirmed = (why: string): Fault => new Fault('DURABILITY_UNCONFIRMED', why);
