/** Makes sure the tests and the demo have a Redis, and says which; ends with one line and code 1 when there is none. */
import { Fault } from '../src/message/codes.ts';
import { redisVersion } from '../src/simulate/redis/find-redis.ts';
import { findRedis } from '../src/simulate/redis/redis-server.ts';

try {
  const found = findRedis();
  // The URL may hold a password.
  console.log(
    found.kind === 'url'
      ? 'redis: the one REDIS_URL names'
      : `redis: ${found.path} ${redisVersion(found.path) ?? ''}`,
  );
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
