import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { watchCpu } from './cpu-watch.ts';
import type { Case } from './stock.ts';

/** Tries single cases in a worker, for one of them may never end. */
export class Trial {
  readonly #parseModule: string;
  readonly #hangMs: number;
  #worker: Worker | undefined;

  constructor(parseModule: string, hangMs: number) {
    this.#parseModule = parseModule;
    this.#hangMs = hangMs;
  }

  /** What goes wrong with the case; undefined when nothing does. */
  async outcomeOf(one: Case): Promise<string | undefined> {
    const worker = await this.#started();
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const endWatch = watchCpu(
      worker,
      this.#hangMs,
      () => 0,
      () => {
        resolve('hang');
      },
    );
    const hear = (said: unknown): void => {
      resolve(said === '' ? undefined : String(said));
    };
    const fall = (): void => {
      resolve('ended the worker');
    };
    worker.once('message', hear);
    worker.once('error', fall);
    worker.postMessage(one);
    const outcome = await promise;
    endWatch();
    worker.off('message', hear);
    worker.off('error', fall);
    if (outcome === 'hang' || outcome === 'ended the worker') await this.close();
    return outcome;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #started(): Promise<Worker> {
    if (this.#worker === undefined) {
      const workerData = { parseModule: this.#parseModule };
      this.#worker = new Worker(new URL('./trial-worker.ts', import.meta.url), { workerData });
      await once(this.#worker, 'message');
    }
    return this.#worker;
  }
}
