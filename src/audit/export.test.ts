import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { recordAll, sampleKeys, sampleSigner, StreamInMemory, writerPages } from './audit-samples.ts';
import { exportAudit } from './export.ts';
import { folderSource, readKeyFolder } from './folder-source.ts';
import { streamSource } from './source.ts';
import { verify } from './verify.ts';

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-'));
  folders.push(folder);
  return folder;
}

test('an export holds segments and stream, verifies by itself and leaves the original alone', async () => {
  const pages = writerPages('gw-1', 8);
  const [folder, to] = [await temporary(), join(await temporary(), 'export')];
  const recorded = new StreamInMemory();
  recorded.add(pages.slice(0, 6));
  await recordAll(recorded, folder, 3_000);
  const waiting = new StreamInMemory();
  waiting.add(pages.slice(4));
  const stream = streamSource('audit', (afterId, countMax) => waiting.read(afterId, countMax, 0));
  // The recorder is in the middle of page 6: what it wrote so far is in the stream too.
  const newest =
    (await readdir(folder))
      .filter((n) => n.endsWith('.pages'))
      .sort()
      .at(-1) ?? '';
  const size = (await readFile(join(folder, newest))).length - 7;
  await truncate(join(folder, newest), size);
  const done = await exportAudit({ folder, to, stream, publicKeys: sampleKeys });
  assert.equal(done.streamPages, 5);
  const report = await verify([folderSource(to)], { publicKeys: await readKeyFolder(join(to, 'keys')) });
  assert.deepEqual(report.findings, []);
  assert.deepEqual([report.pages, report.repeatedPages, report.signedHeads], [10, 0, 1]);
  assert.equal((await readFile(join(folder, newest))).length, size);
  const names = (await readdir(to)).filter((n) => !/^\d{8}\.(pages|bodies)$/.test(n)).sort();
  assert.deepEqual(names, ['README.txt', 'heads.ndjson', 'keys']);
  assert.deepEqual(await readdir(join(to, 'keys')), [`${sampleSigner.kid}.pem`]);
});

test('an export goes into an empty folder only', async () => {
  const to = await temporary();
  await writeFile(join(to, 'kept'), '');
  await assert.rejects(
    exportAudit({ folder: await temporary(), to, publicKeys: sampleKeys }),
    /CONFIG_INVALID/,
  );
});
