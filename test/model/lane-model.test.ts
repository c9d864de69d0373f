import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { onlooker, recorderSeen } from '../../src/queue/slot-under-test.ts';
import { startRedis } from '../../src/simulate/redis/redis-server.ts';
import { ran } from './lane-command.ts';
import { laneCommands } from './lane-commands.ts';
import { LaneModel, laneNames } from './lane-model.ts';
import { LaneSlot } from './lane-slot.ts';
import { TakeOver } from './owner-commands.ts';
import { SWEPT } from './slot-commands.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const runs = Number(process.env.RUNS ?? 100);

test('whatever happens to lanes, they hold what a plain model holds, the ledger balances and the record agrees', async (t) => {
  t.diagnostic(`SEED=${String(seed)} repeats this run`);
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-lane-model-'));
  const server = await startRedis({ dir: folder, fsync: 'everysec' });
  const redis = onlooker(server.url);
  const { connection, reader } = await LaneSlot.connect(server.url);
  try {
    const sequences = fc.commands(laneCommands, { maxCommands: 40, size: 'max' });
    await fc.assert(
      fc.asyncProperty(sequences, async (commands) => {
        await redis.flushall();
        const slot = new LaneSlot(redis, connection, reader);
        await recorderSeen(redis, slot.keys);
        const model = new LaneModel();
        for (const name of laneNames) await new TakeOver(name).run(model, slot);
        await fc.asyncModelRun(() => ({ model, real: slot }), commands);
      }),
      { numRuns: runs, seed, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
    );
  } finally {
    connection.close();
    reader.close();
    redis.disconnect();
    await server.stop();
    rmSync(folder, { recursive: true });
  }
  const counts = [...ran].map(([name, count]) => `${name} ${String(count)}`).join(', ');
  t.diagnostic(`commands: ${counts}`);
  const names = [
    'Accept',
    'Settle',
    'Expire',
    SWEPT,
    'Fail',
    'Crash',
    'Revive',
    'TakeOver',
    'Release',
    'Redrive',
  ];
  for (const name of names) {
    assert.ok((ran.get(name) ?? 0) >= runs / 25, `${name} hardly ever ran: ${counts}`);
  }
});
