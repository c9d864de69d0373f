import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { borrowRedis } from '../redis/borrowed-redis.ts';
import { type RedisServer, startRedis } from '../redis/redis-server.ts';
import { freePort } from '../redis/ping.ts';
import { connectionString } from '../service-bus/service-bus.ts';
import { Child, ownEnvironment } from './child.ts';

export { Child } from './child.ts';

export type SiteOptions = {
  /** Everything the site writes goes below it; must be empty or missing. */
  readonly folder: string;
  /** Overrides of process settings, by full name. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly fsync?: 'always' | 'everysec';
  readonly maxmemoryBytes?: number;
  /** A server that somebody else runs, instead of a child of ours. */
  readonly redisUrl?: string;
  readonly directory?: string;
  readonly busConfig?: string;
  /** The stand-in keeps its messages on disk, so that killing it is a fair test. */
  readonly isBusDurable?: boolean;
  /** Changes lines before they are written: shorter deadlines, other limits. */
  readonly editLine?: (line: Record<string, unknown>) => void;
};

/**
 * A whole installation on this machine: Redis, the Service Bus stand-in, recorder, courier and gateway, each its own process, with keys,
 * directory and ports of its own. Used by the demo, the load test and the failure tests; nothing is left running when we end.
 */
export class Site {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly redis: RedisServer;
  readonly bus: Child;
  readonly recorder: Child;
  readonly courier: Child;
  readonly gateway: Child;
  readonly busPort: number;
  readonly busControlPort: number;
  readonly linePorts: ReadonlyMap<string, number>;

  #stopped: Promise<Readonly<Record<string, number | null>>> | undefined;

  private constructor(parts: {
    folder: string;
    env: Readonly<Record<string, string>>;
    redis: RedisServer;
    bus: Child;
    busPort: number;
    busControlPort: number;
    linePorts: ReadonlyMap<string, number>;
  }) {
    this.folder = parts.folder;
    this.env = parts.env;
    this.redis = parts.redis;
    this.bus = parts.bus;
    this.busPort = parts.busPort;
    this.busControlPort = parts.busControlPort;
    this.linePorts = parts.linePorts;
    this.recorder = new Child('recorder', ['recorder'], parts.env, parts.folder);
    this.courier = new Child('courier', ['courier'], parts.env, parts.folder);
    this.gateway = new Child('gateway', ['gateway'], parts.env, parts.folder);
  }

  get children(): readonly Child[] {
    return [this.bus, this.recorder, this.courier, this.gateway];
  }

  get busConnectionString(): string {
    return connectionString(this.busPort);
  }

  get busKeyFile(): string {
    return join(this.folder, 'keys', 'bus.json');
  }

  static async start(options: SiteOptions): Promise<Site> {
    const { folder } = options;
    mkdirSync(folder, { recursive: true });
    const borrowed = options.redisUrl === undefined ? undefined : await borrowRedis(options.redisUrl);
    const fsync = borrowed?.fsync ?? options.fsync ?? 'always';
    const redis =
      borrowed ??
      (await startRedis({
        dir: join(folder, 'redis'),
        fsync,
        ...(options.maxmemoryBytes === undefined ? {} : { maxmemoryBytes: options.maxmemoryBytes }),
      }));
    const ports = new Ports();
    const linePorts = await copyDirectory(options, join(folder, 'directory'), ports);
    const [busPort, busControlPort] = [await ports.next(), await ports.next()];
    const env = {
      TENFOUR_REDIS_URL: redis.url,
      TENFOUR_DIRECTORY: join(folder, 'directory'),
      TENFOUR_PROTOCOLS: root('protocols'),
      TENFOUR_KEYS: join(folder, 'keys'),
      TENFOUR_BUS_FILE: join(folder, 'bus-connection'),
      TENFOUR_RECORD: join(folder, 'record'),
      ...(fsync === 'everysec' ? { TENFOUR_DURABILITY: 'everysec' } : {}),
      ...(borrowed === undefined ? {} : { TENFOUR_SLOT: borrowed.slot }),
      ...options.settings,
    };
    writeFileSync(join(folder, 'bus-connection'), connectionString(busPort), { mode: 0o600 });
    const bus = new Child('bus', busArguments(options, busPort, busControlPort), env, folder);
    const site = new Site({ folder, env, redis, bus, busPort, busControlPort, linePorts });
    try {
      await Promise.all([site.tenfour(['keys', 'create']), bus.start()]);
      await Promise.all([site.recorder.start(), site.courier.start(), site.gateway.start()]);
    } catch (error) {
      await site.stop();
      throw error;
    }
    return site;
  }

  /** Runs a command of the program against this site. A non-zero exit code is an answer, not an error. */
  async tenfour(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const program = join(
      import.meta.dirname,
      '..',
      '..',
      'cli',
      import.meta.filename.endsWith('.ts') ? 'tenfour.ts' : 'tenfour.js',
    );
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, ...args], {
        env: { ...ownEnvironment(), ...this.env },
        maxBuffer: 64 * 1024 * 1024,
      });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const failed = error as { code?: unknown; stdout?: string; stderr?: string };
      return { code: Number(failed.code ?? -1), stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' };
    }
  }

  /** Drains in the order of the road; answers the exit codes by name. The bus and Redis go last. Once; later calls get the same answer. */
  stop(): Promise<Readonly<Record<string, number | null>>> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<Readonly<Record<string, number | null>>> {
    const gateway = await this.gateway.stop();
    const courier = await this.courier.stop();
    const recorder = await this.recorder.stop();
    const bus = await this.bus.stop();
    await this.redis.stop();
    return { gateway, courier, recorder, bus };
  }
}

const root = (...path: string[]): string => join(import.meta.dirname, '..', '..', '..', ...path);

const busArguments = (options: SiteOptions, port: number, controlPort: number): readonly string[] => [
  'simulate',
  'bus',
  '--port',
  String(port),
  '--control-port',
  String(controlPort),
  '--config',
  options.busConfig ?? root('examples', 'county-099', 'bus.json'),
  ...(options.isBusDurable === true ? ['--data', join(options.folder, 'bus-data')] : []),
];

/** The directory's ports are fixed in its files; a site takes free ones, so that two sites never meet. */
const copyDirectory = async (
  options: SiteOptions,
  to: string,
  ports: Ports,
): Promise<ReadonlyMap<string, number>> => {
  cpSync(options.directory ?? root('examples', 'county-099', 'directory'), to, { recursive: true });
  const path = join(to, 'lines.json');
  const file = JSON.parse(readFileSync(path, 'utf8')) as { lines: Record<string, unknown>[] };
  const linePorts = new Map<string, number>();
  for (const line of file.lines) {
    const port = await ports.next();
    line['port'] = port;
    options.editLine?.(line);
    linePorts.set(String(line['name']), port);
  }
  writeFileSync(path, JSON.stringify(file));
  return linePorts;
};

/** Free ports of one site. Nobody listens yet on those it gave before: with thousands of lines the same one would come again. */
class Ports {
  readonly #given = new Set<number>();

  async next(): Promise<number> {
    let port = await freePort();
    while (this.#given.has(port)) port = await freePort();
    this.#given.add(port);
    return port;
  }
}
