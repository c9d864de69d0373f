import { join, resolve } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { loadDirectory } from '../directory/directory.ts';
import { answersPing } from '../simulate/redis/ping.ts';
import { startRedis } from '../simulate/redis/redis-server.ts';
import { loadEmulatorConfig, startServiceBus } from '../simulate/service-bus/service-bus.ts';
import { keyOwners } from '../wiring/key-owners.ts';
import { KeysFolder } from '../wiring/keys-folder.ts';
import { BUS_CONFIG, writeConnection } from './simulate-bus.ts';
import { untilStopped } from './until-stopped.ts';
import { print, readOptions, UsageError } from './usage.ts';

const DATA = '.tenfour/services';
const REDIS_PORT = 6379;

/**
 * `tenfour simulate services`: what the switch stands on, so that `tenfour all` runs with no settings: keys where there are none, Redis
 * where none answers, the stand-in for Service Bus, and the file with its connection string. For a laptop: data stays in `--data`.
 */
export const runServices = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, { config: 'string', data: 'string', attached: 'boolean' });
  const stopped = untilStopped(options.attached);
  const config = loadConfig(process.env);
  // Redis goes to its folder before it reads its other paths.
  const data = resolve(options.data ?? DATA);
  const hasKeys = KeysFolder.isComplete(config.KEYS);
  if (!hasKeys) KeysFolder.create(config.KEYS, keyOwners(loadDirectory(config.DIRECTORY)));
  const port = redisPort(config.REDIS_URL);
  const isThere = await answersPing(port);
  // What an acknowledgement promises by default: on disk.
  const redis = isThere ? undefined : await startRedis({ dir: join(data, 'redis'), port, fsync: 'always' });
  const bus = await startServiceBus({
    port: 0,
    config: await loadEmulatorConfig(options.config ?? BUS_CONFIG),
    dataDir: join(data, 'bus'),
  });
  writeConnection(config.BUS_FILE, bus.port);
  print(
    JSON.stringify({
      ready: 'services',
      keys: hasKeys ? 'kept' : 'made',
      redis: isThere ? 'found' : 'started',
      redisPort: port,
      busPort: bus.port,
    }),
  );
  await stopped;
  await bus.stop();
  await redis?.stop();
  return 0;
};

const redisPort = (url: string): number => {
  const { hostname, port } = new URL(url);
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(hostname))
    throw new UsageError('TENFOUR_REDIS_URL names another machine; this starts a Redis on this one only');
  return port === '' ? REDIS_PORT : Number(port);
};
