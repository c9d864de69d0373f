import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Fault } from '../../message/codes.ts';
import { installRedis } from './install-redis.ts';

/** The oldest release with everything the queue asks for: multi-part AOF and script flags. */
const versionMin = 7;
const names = ['redis-server', 'valkey-server'] as const;

export type RedisFound =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'binary'; readonly path: string };

/**
 * Where Redis is: REDIS_URL if set, else a server program on PATH, else one installed by apt (as root, where apt is).
 * Throws CONFIG_INVALID with one line that says what to do.
 */
export function findRedis(env: NodeJS.ProcessEnv = process.env): RedisFound {
  const url = env['REDIS_URL'] ?? '';
  return url === '' ? { kind: 'binary', path: findRedisBinary(env) } : { kind: 'url', url };
}

/** As `findRedis`, for those who need a server of their own whatever REDIS_URL says. */
export function findRedisBinary(env: NodeJS.ProcessEnv = process.env): string {
  const path = onPath(env) ?? (installRedis() ? onPath(env) : undefined);
  if (path === undefined) {
    throw new Fault(
      'CONFIG_INVALID',
      'no Redis found: set REDIS_URL, or put redis-server or valkey-server (7.0 or newer) on PATH',
    );
  }
  const version = redisVersion(path);
  if (version === undefined || Number.parseInt(version, 10) < versionMin) {
    throw new Fault(
      'CONFIG_INVALID',
      `${path} is version ${version ?? 'unknown'}: tenfour needs Redis or Valkey 7.0 or newer`,
    );
  }
  return path;
}

/** What the program says of itself: `Redis server v=7.0.15 sha=…`, `Valkey server v=8.0.1 …`. */
export function redisVersion(path: string): string | undefined {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  return /\bv=(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
}

function onPath(env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
