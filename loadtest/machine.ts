import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { findRedisBinary, redisVersion } from '../src/simulate/redis/find-redis.ts';

const root = join(import.meta.dirname, '..');

/** What a result was measured on, and what was measured. `dirty`: the clone differs from that commit. */
export const machine = () => ({
  cores: cpus().length,
  model: cpus()[0]?.model.trim() ?? '',
  memoryBytes: totalmem(),
  kernel: release(),
  node: process.version,
  redis: redisVersion(findRedisBinary()) ?? '',
  commit: git('rev-parse', 'HEAD'),
  // Takes no lock: somebody may be working in this clone.
  dirty: git('--no-optional-locks', 'status', '--porcelain') !== '',
});

/** Empty outside a clone. */
const git = (...args: string[]): string => {
  try {
    return execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
};
