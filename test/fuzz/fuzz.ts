import { Worker } from 'node:worker_threads';
import { type Covered, joined, type Taken } from './coverage.ts';
import { watchCpu } from './cpu-watch.ts';
import { newProgress, notBegun, progressPlaces } from './progress.ts';
import type { Said, Task } from './worker.ts';

export type FuzzOptions = {
  readonly cases: number;
  readonly seed: number;
  /** Number of the first case. */
  readonly first?: number;
  readonly dialect?: string;
  /** A module that exports `parse`, in place of ours: to see that the fuzzer finds what is wrong with it. */
  readonly parseModule?: string;
  readonly workers?: number;
  /** A case that takes more CPU time hangs. */
  readonly hangMs?: number;
  /** After so many hangs nothing more is tried: something is wrong with everything. */
  readonly hangsMax?: number;
  /** Cases whose branches are counted, of all workers together. */
  readonly countedCases?: number;
};

/** A case that went wrong; a negative number is a sample or an input of the corpus. */
export type Find = { readonly number: number; readonly kind: 'crash' | 'hang'; readonly why: string };

export type FuzzResult = {
  readonly cases: number;
  readonly crashes: number;
  readonly hangs: number;
  readonly casesPerSecond: number;
  /** The first of them; `findsMax` at most are kept. */
  readonly finds: readonly Find[];
  readonly covered: Covered;
};

const findsMax = 100;
const workerHeapMb = 1024;

/** Runs the cases in workers, each under a watch: one that hangs is ended, and another goes on behind the case. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { cases, seed, first = 0, dialect = '', parseModule = '', workers = 2, hangMs = 10_000 } = options;
  const { hangsMax = 10 } = options;
  const runs: Taken[][] = [];
  const finds: Find[] = [];
  const counts = { crash: 0, hang: 0 };
  let startedAt = 0;
  const found = (find: Find): void => {
    counts[find.kind]++;
    if (finds.length < findsMax) finds.push(find);
  };
  const lane = async (at: number): Promise<void> => {
    let from = first + at;
    let isFirst = at === 0;
    while (from < first + cases && counts.hang < hangsMax) {
      const progress = newProgress();
      const task: Task = {
        ...{ seed, first: from, step: workers, end: first + cases, dialect, parseModule, isFirst, progress },
        countedCases: Math.ceil((options.countedCases ?? 0) / workers),
      };
      const stopped = await watched(task, hangMs, {
        begun: () => (startedAt ||= performance.now()),
        crashed: ({ number, why }) => {
          found({ number, kind: 'crash', why });
        },
        done: (taken) => runs.push([...taken]),
      });
      if (stopped === undefined) return;
      found(stopped);
      // Of the samples none is tried again: the next worker begins with cases.
      isFirst = false;
      if (stopped.number >= 0) from = stopped.number + workers;
    }
  };
  await Promise.all(Array.from({ length: workers }, (_none, at) => lane(at)));
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    cases,
    crashes: counts.crash,
    hangs: counts.hang,
    casesPerSecond: Math.round(cases / seconds),
    finds: finds.toSorted((left, right) => left.number - right.number),
    covered: joined(runs),
  };
}

type Heard = {
  readonly begun: () => void;
  readonly crashed: (crash: Said & { readonly kind: 'crash' }) => void;
  readonly done: (taken: readonly Taken[]) => void;
};

/** Runs a worker to its end; the case that made it end before. */
export async function watched(task: Task, hangMs: number, heard: Heard): Promise<Find | undefined> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: workerHeapMb },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Find | undefined>();
  const caseAt = (): number | undefined => {
    const at = Atomics.load(task.progress, progressPlaces.at);
    if (at === notBegun) return undefined;
    heard.begun();
    return at;
  };
  const endWatch = watchCpu(worker, hangMs, caseAt, (number) => {
    resolve({ number, kind: 'hang', why: `took more than ${String(hangMs)} ms of CPU time` });
  });
  let isDone = false;
  worker.on('message', (said: Said) => {
    if (said.kind === 'crash') heard.crashed(said);
    else {
      isDone = true;
      heard.done(said.taken);
    }
  });
  worker.on('error', (error) => {
    const number = Atomics.load(task.progress, progressPlaces.at);
    // Before the first case it is the fuzzer itself that does not work.
    if (number === notBegun) reject(error instanceof Error ? error : new Error(String(error)));
    else
      resolve({
        number,
        kind: 'crash',
        why: `ended the worker: ${error instanceof Error ? `${error.name} ${error.message.slice(0, 200)}` : 'unknown'}`,
      });
  });
  worker.on('exit', () => {
    if (isDone) resolve(undefined);
    else {
      const number = Atomics.load(task.progress, progressPlaces.at);
      resolve({ number, kind: 'crash', why: 'ended the worker' });
    }
  });
  try {
    return await promise;
  } finally {
    endWatch();
    await worker.terminate();
  }
}
