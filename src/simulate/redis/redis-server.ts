import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../message/codes.ts';
import { findRedisBinary } from './find-redis.ts';
import { answersPing, freePort, redisPid } from './ping.ts';

export { findRedis } from './find-redis.ts';

/** Loading a large append-only file counts as starting. */
const startTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;
const pollMs = 10;
/** Another process may take the port between our look and Redis's bind. */
const portTriesMax = 3;

export type RedisOptions = {
  /** Holds the append-only files and redis.log; made if missing, kept on stop. */
  readonly dir: string;
  readonly port?: number;
  readonly fsync: 'always' | 'everysec';
  readonly maxmemoryBytes?: number;
};

export type RedisServer = {
  readonly port: number;
  /** Of the running process; another one after `restart`. */
  readonly pid: number;
  readonly url: string;
  /** Asks it to leave, so that everything written is on disk; forces it after 10 s. */
  stop(): Promise<void>;
  /** As a power cut would, without warning. */
  kill9(): void;
  /** Same port, same directory; the data is whatever the append-only file holds. */
  restart(): Promise<void>;
};

/**
 * Starts a Redis (or Valkey) server of our own on loopback, set up as production must be: append-only file, no eviction.
 * Resolves when PING answers. The server ends with this process, also when this process is killed (Linux).
 */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const path = findRedisBinary();
  mkdirSync(options.dir, { recursive: true });
  for (let tries = 1; ; tries += 1) {
    const port = options.port ?? (await freePort());
    try {
      const child = await launch(path, port, options);
      return serverAround(child, path, port, options);
    } catch (error) {
      if (options.port !== undefined || tries === portTriesMax) throw error;
    }
  }
}

function serverAround(first: ChildProcess, path: string, port: number, options: RedisOptions): RedisServer {
  let child = first;
  return {
    port,
    get pid() {
      return child.pid ?? 0;
    },
    url: `redis://127.0.0.1:${String(port)}`,
    stop: () => end(child),
    kill9: () => {
      child.kill('SIGKILL');
    },
    restart: async () => {
      await end(child);
      child = await launch(path, port, options);
    },
  };
}

async function launch(path: string, port: number, options: RedisOptions): Promise<ChildProcess> {
  const args = redisArguments(port, options);
  // setpriv sets the parent-death signal, then becomes Redis: the pid stays the same. Without it (not Linux) the exit hook must do.
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find(existsSync);
  const child =
    setpriv === undefined
      ? spawn(path, args, { stdio: 'ignore', detached: true })
      : spawn(setpriv, ['--pdeathsig', 'TERM', path, ...args], { stdio: 'ignore', detached: true });
  const onExit = () => child.kill('SIGTERM');
  process.once('exit', onExit);
  child.once('exit', () => process.off('exit', onExit));
  // A program that cannot be started ends the wait below as an exited one does.
  child.on('error', () => undefined);

  const deadline = performance.now() + startTimeoutMs;
  while (performance.now() < deadline && isRunning(child)) {
    // A stranger on the same port answers too, while ours is on its way out with "address in use": it is asked who it is.
    if ((await answersPing(port)) && (await redisPid(port)) === child.pid) return child;
    await sleep(pollMs);
  }
  await end(child);
  throw new Fault(
    'CONFIG_INVALID',
    `Redis did not start on port ${String(port)}: see redis.log in its directory`,
  );
}

function redisArguments(port: number, options: RedisOptions): string[] {
  return Object.entries({
    bind: '127.0.0.1',
    port: String(port),
    daemonize: 'no',
    dir: options.dir,
    logfile: join(options.dir, 'redis.log'),
    appendonly: 'yes',
    appenddirname: 'appendonly',
    appendfsync: options.fsync,
    // A rewrite forks and doubles memory: rare, and never during a test.
    'auto-aof-rewrite-min-size': '1gb',
    save: '',
    'maxmemory-policy': 'noeviction',
    maxmemory: String(options.maxmemoryBytes ?? 0),
  }).flatMap(([name, value]) => [`--${name}`, value]);
}

async function end(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await exited;
  clearTimeout(force);
}

const isRunning = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
