import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { sampleKeys, StreamInMemory, writerPages } from './audit-samples.ts';
import { folderSource } from './folder-source.ts';
import { Recorder } from './recorder.ts';
import { verify } from './verify.ts';

/**
 * This file is also the child it kills: it records a stream made the same way at each start, less what an earlier life
 * confirmed. The confirmed position is a file, as it would be Redis' stream.
 */
const [role, folder = '', confirmedFile = ''] = process.argv.slice(2);
const middle = 1_500;
const pageCount = middle + 2;
if (role === 'record') await record();
else {
  test(
    'a recorder killed at any moment leaves no gap, no repeat and no lost head',
    { timeout: 60_000 },
    killed,
  );
}

async function record(): Promise<void> {
  const stream = new StreamInMemory();
  stream.add(writerPages('gw-1', middle));
  const confirmed = await readFile(confirmedFile, 'utf8').catch(() => '0-0');
  while (stream.entries.length > 0 && (stream.entries[0]?.id ?? '') <= confirmed) stream.entries.shift();
  const confirm = stream.confirm.bind(stream);
  stream.confirm = async (id) => {
    await writeFile(`${confirmedFile}.new`, id);
    await rename(`${confirmedFile}.new`, confirmedFile);
    await confirm(id);
  };
  const recorder = new Recorder({
    source: stream,
    folder,
    segmentBytesMax: 100_000,
    batchCountMax: 7,
    blockMs: 5,
  });
  await recorder.start();
  process.send?.('started');
  while (stream.entries.length > 0) await wait(1);
  await recorder.stop();
  process.send?.(recorder.stats);
  process.disconnect();
}

async function killed(): Promise<void> {
  const base = await mkdtemp(join(tmpdir(), 'audit-kill-'));
  const start = (): { child: ChildProcess; exited: Promise<unknown> } => {
    const args = ['record', join(base, 'segments'), join(base, 'confirmed')];
    const child = fork(import.meta.filename, args, { execArgv: [] });
    return { child, exited: once(child, 'exit') };
  };
  try {
    let isMidway = 0;
    for (let life = 0; life < 5; life++) {
      const { child, exited } = start();
      await once(child, 'message');
      await wait(Math.random() * 60);
      child.kill('SIGKILL');
      await exited;
      const confirmed = await readFile(join(base, 'confirmed'), 'utf8').catch(() => '0');
      if (Number.parseInt(confirmed, 10) < pageCount) isMidway++;
      // Whatever was confirmed is there after every kill.
      const report = await verify([folderSource(join(base, 'segments'), { isLive: true })], {
        publicKeys: sampleKeys,
      });
      assert.ok(report.pages >= Number.parseInt(confirmed, 10));
    }
    assert.ok(isMidway > 0, 'every kill came too late to test anything');
    await start().exited;
    const report = await verify([folderSource(join(base, 'segments'))], { publicKeys: sampleKeys });
    assert.deepEqual(report.findings, []);
    assert.deepEqual([report.pages, report.repeatedPages, report.signedHeads], [pageCount, 0, 1]);
  } finally {
    await rm(base, { recursive: true });
  }
}
