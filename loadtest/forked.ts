import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

const READY_MS_MAX = 20_000;

export type Program = 'generator' | 'station-generator' | 'drainer' | 'held-sender' | 'held-station';

/** A process of the load run itself: takes orders, gives one report for each. It ends when we do. */
export class Forked {
  readonly #child: ChildProcess;
  readonly #name: string;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
  }

  static async start(name: Program): Promise<Forked> {
    const child = fork(join(import.meta.dirname, `${name}.ts`), [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // Ours only: settings and debug options meant for the switch must not change who measures it.
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const forked = new Forked(name, child);
    await forked.#report(READY_MS_MAX);
    return forked;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Gives an order and waits for its report. Rejects when the process ends first, or the time is over. */
  async ask<T>(order: object, waitMsMax: number): Promise<T> {
    const report = this.#report(waitMsMax);
    this.#child.send(order);
    return (await report) as T;
  }

  stop(): void {
    this.#child.kill('SIGTERM');
  }

  #report(waitMsMax: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        end(() => {
          reject(new Error(`the ${this.#name} did not report in time`));
        });
      }, waitMsMax);
      const onMessage = (report: unknown): void => {
        end(() => {
          resolve(report);
        });
      };
      const onExit = (): void => {
        end(() => {
          reject(new Error(`the ${this.#name} ended`));
        });
      };
      const end = (then: () => void): void => {
        clearTimeout(timer);
        this.#child.off('message', onMessage);
        this.#child.off('exit', onExit);
        then();
      };
      this.#child.once('message', onMessage);
      this.#child.once('exit', onExit);
    });
  }
}
