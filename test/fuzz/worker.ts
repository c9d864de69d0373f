import { parentPort, workerData } from 'node:worker_threads';
import { startCoverage, takeCoverage, type Taken } from './coverage.ts';
import { notBegun, progressPlaces } from './progress.ts';

/** The cases of a worker: `first`, then every `step`-th, up to and without `end`. */
export type Task = {
  readonly seed: number;
  readonly first: number;
  readonly step: number;
  readonly end: number;
  readonly dialect: string;
  /** A module that exports `parse`, in place of ours; empty for ours. */
  readonly parseModule: string;
  /** Cases whose branches are counted; counting costs time. */
  readonly countedCases: number;
  /** It sends the samples as they are and the corpus before anything else. */
  readonly isFirst: boolean;
  readonly progress: Int32Array<SharedArrayBuffer>;
};

/** Negative numbers are the samples and the corpus, from -1 downwards. */
export type Said =
  | { readonly kind: 'crash'; readonly number: number; readonly why: string }
  | { readonly kind: 'done'; readonly taken: readonly Taken[] };

const task = workerData as Task;
const port = parentPort;
if (port === null) throw new Error('runs as a worker');

// Before anything that is counted is loaded: what was loaded earlier has no counters.
if (task.countedCases > 0) await startCoverage();
const { knownCases, readStock } = await import('./stock.ts');
const { problemOf, realRooms } = await import('./judge.ts');
const { CaseMaker } = await import('./cases.ts');
type Parse = typeof realRooms.parse;

const stock = readStock();
const maker = new CaseMaker(stock, task.seed, task.dialect);
const rooms =
  task.parseModule === ''
    ? realRooms
    : { parse: ((await import(task.parseModule)) as { parse: Parse }).parse };

const judged = (number: number, one: ReturnType<typeof maker.caseOf>): void => {
  const why = problemOf(one, stock, rooms);
  if (why !== undefined) port.postMessage({ kind: 'crash', number, why } satisfies Said);
};

if (task.isFirst) {
  for (const [at, one] of knownCases(stock, task.dialect).entries()) {
    Atomics.store(task.progress, progressPlaces.at, -1 - at);
    judged(-1 - at, one);
  }
}
let taken: readonly Taken[] | undefined;
let done = 0;
for (let number = task.first; number < task.end; number += task.step) {
  Atomics.store(task.progress, progressPlaces.at, number);
  judged(number, maker.caseOf(number));
  Atomics.store(task.progress, progressPlaces.done, ++done);
  if (done === task.countedCases) taken = await counted();
}
if (task.countedCases > 0) taken ??= await counted();
port.postMessage({ kind: 'done', taken: taken ?? [] } satisfies Said);

/** Counting together takes seconds, and is no case. */
async function counted(): Promise<readonly Taken[]> {
  Atomics.store(task.progress, progressPlaces.at, notBegun);
  return takeCoverage();
}
