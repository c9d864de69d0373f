import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import fc from 'fast-check';
import { BusInProcess } from './bus-in-process.ts';
import { ran, restart, steps } from './model-steps.ts';
import { TopicModel } from './subscription-model.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const runs = Number(process.env['RUNS'] ?? 4_000);
/** Any time does: nothing here reads the machine's clock. */
const startMs = Date.UTC(2030, 0, 1);

/**
 * The queue, session and schedule classes of the stand-in are asked directly and their `Date` is ours: locks, lives, windows and
 * schedules end to the millisecond, and thousands of steps take seconds. That the wire says the same is what the other files show.
 */
test('whatever is done to a topic, its subscriptions hold and answer what a plain model does', (t) => {
  t.diagnostic(`SEED=${String(seed)} repeats this run, RUNS=${String(runs)} says how many`);
  mock.timers.enable({ apis: ['Date'], now: startMs });
  try {
    fc.assert(
      fc.property(fc.commands(steps, { maxCommands: 60, size: 'max' }), (commands) => {
        mock.timers.setTime(startMs);
        fc.modelRun(() => ({ model: new TopicModel(startMs), real: new BusInProcess() }), commands);
      }),
      { numRuns: runs, seed },
    );
  } finally {
    mock.timers.reset();
  }
  const counts = [...ran].map(([name, count]) => `${name} ${String(count)}`).join(', ');
  t.diagnostic(`steps: ${counts}`);
  assert.equal(ran.size, 17, counts);
  for (const [name, count] of ran) assert.ok(count >= runs / 4, `${name} hardly ever ran: ${counts}`);
});

test('whatever is done to a topic is there after a kill, as the same model has it', (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'bus-model-'));
  t.after(() => {
    rmSync(dataDir, { recursive: true });
  });
  t.diagnostic(`SEED=${String(seed)}`);
  ran.clear();
  mock.timers.enable({ apis: ['Date'], now: startMs });
  try {
    fc.assert(
      fc.property(fc.commands([...steps, restart, restart], { maxCommands: 60, size: 'max' }), (commands) => {
        mock.timers.setTime(startMs);
        const real = new BusInProcess(dataDir);
        try {
          fc.modelRun(() => ({ model: new TopicModel(startMs), real }), commands);
        } finally {
          real.close();
        }
      }),
      { numRuns: runs / 20, seed },
    );
  } finally {
    mock.timers.reset();
  }
  assert.ok((ran.get('restart') ?? 0) > runs / 20, 'it was killed often enough');
});
