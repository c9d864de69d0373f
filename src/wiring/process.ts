import type { Config } from '../config/config.ts';
import { redisUrl } from '../config/redis-url.ts';
import { Fault } from '../message/codes.ts';
import { Queue } from '../queue/queue.ts';
import { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { type Readiness, serveOperations } from '../telemetry/operations.ts';

/** A running role: what its process shows and how it ends. */
export type Role = {
  readonly opsPort: number;
  /** Ports by line name, for a gateway. */
  readonly linePorts: ReadonlyMap<string, number>;
  /** Of what the role serves beside its end points: the board's page. */
  readonly port?: number;
  /** Finishes what was begun; resolves when the process may end. */
  drain(): Promise<void>;
  /** Resolves with the fault if the role cannot go on; the process must then end with an error. */
  readonly failed: Promise<unknown>;
};

/** What every role process has: one log, one set of metrics, end points, and a queue whose loss it reports. */
export class RoleProcess {
  readonly log: Log;
  readonly metrics = new Metrics();
  readonly failed: Promise<unknown>;
  readonly fail: (error: unknown) => void;
  readonly #role: string;
  readonly #config: Config;
  #reasons: () => readonly string[] = () => ['STARTING'];
  #ops: { port: number; close: () => Promise<void> } | undefined;

  constructor(role: string, config: Config) {
    this.#role = role;
    this.#config = config;
    this.log = new Log(config.LOG_LEVEL);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.failed = promise;
    this.fail = (error) => {
      const fault = error instanceof Fault ? error : undefined;
      // A foreign error's text may quote what it choked on; only our own faults speak.
      this.log.event('process.fault', {
        role,
        code: fault?.code ?? 'UNEXPECTED',
        says: fault?.message ?? (error instanceof Error ? error.name : 'not an error'),
      });
      resolve(error);
    };
  }

  /** Serves the end points first: a role that waits for something says so on /readyz. */
  async serve(): Promise<number> {
    this.#ops = await serveOperations({
      host: this.#config.OPS_HOST,
      port: this.#config.OPS_PORT,
      metrics: this.metrics,
      readiness: () => this.#readiness(),
    });
    return this.#ops.port;
  }

  set reasons(reasons: () => readonly string[]) {
    this.#reasons = reasons;
  }

  async openQueue(): Promise<Queue> {
    const { log, metrics } = this;
    const role = this.#role;
    if (this.#config.DURABILITY !== 'fsync')
      log.event('durability.weak', { durability: this.#config.DURABILITY });
    metrics.redisUp.set(1);
    return Queue.open({
      url: redisUrl(this.#config),
      slot: this.#config.SLOT,
      durability: this.#config.DURABILITY,
      attemptTimeoutMs: this.#config.ATTEMPT_TIMEOUT_MS,
      onDown: () => {
        metrics.redisUp.set(0);
        log.event('redis.down', { role });
      },
      onUp: () => {
        metrics.redisUp.set(1);
        log.event('redis.up', { role });
      },
    });
  }

  async close(): Promise<void> {
    await this.#ops?.close();
  }

  #readiness(): Readiness {
    const reasons = this.#reasons();
    return { ready: reasons.length === 0, reasons };
  }
}
