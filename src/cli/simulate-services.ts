import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { loadDirectory } from '../directory/directory.ts';
import { Fault } from '../message/codes.ts';
import { answersPing, freePort, isFree } from '../simulate/redis/ping.ts';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { loadEmulatorConfig, type ServiceBus, startServiceBus } from '../simulate/service-bus/service-bus.ts';
import { keyOwners } from '../wiring/key-owners.ts';
import { KeysFolder } from '../wiring/keys-folder.ts';
import { BUS_CONFIG, connectionPort, writeConnection } from './simulate-bus.ts';
import { asFault } from './stand-in-fault.ts';
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
  const entities = await asFault(() => loadEmulatorConfig(options.config ?? BUS_CONFIG));
  const busPort = await portOfBus(config.BUS_FILE);
  const hasKeys = KeysFolder.isComplete(config.KEYS);
  if (!hasKeys) KeysFolder.create(config.KEYS, keyOwners(loadDirectory(config.DIRECTORY)));
  const port = redisPort(config.REDIS_URL);
  const isThere = await answersPing(port);
  // What an acknowledgement promises by default: on disk.
  const redis = isThere ? undefined : await startRedis({ dir: join(data, 'redis'), port, fsync: 'always' });
  const bus = await busBeside(redis, () =>
    asFault(() => startServiceBus({ port: busPort, config: entities, dataDir: join(data, 'bus') })),
  );
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

/**
 * The port that the connection file names, so that whoever read the file before finds the bus again after a restart. Below the range of
 * outgoing connections: one that is taken has a server on it, most likely our own, and two would write the same data.
 */
const portOfBus = async (file: string): Promise<number> => {
  const before = connectionPort(file);
  if (before === undefined && existsSync(file))
    throw new Fault(
      'CONFIG_INVALID',
      `${file} names another bus and would be overwritten: set TENFOUR_BUS_FILE`,
    );
  if (before === undefined) return freePort();
  if (await isFree(before)) return before;
  throw new Fault(
    'CONFIG_INVALID',
    `port ${String(before)}, which ${file} names, is taken: these services run already, or remove the file`,
  );
};

/** A Redis that was started for nothing would keep this program. */
const busBeside = async (
  redis: RedisServer | undefined,
  start: () => Promise<ServiceBus>,
): Promise<ServiceBus> => {
  try {
    return await start();
  } catch (error) {
    await redis?.stop();
    throw error;
  }
};

const redisPort = (url: string): number => {
  const { hostname, port } = new URL(url);
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(hostname))
    throw new UsageError('TENFOUR_REDIS_URL names another machine; this starts a Redis on this one only');
  return port === '' ? REDIS_PORT : Number(port);
};
