import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { recordAll, sampleKeys, StreamInMemory, writerPages } from './audit-samples.ts';
import type { Page } from './chain.ts';
import { folderSource } from './folder-source.ts';
import { Recorder, type RecorderFinding } from './recorder.ts';
import { SegmentStore } from './segment-store.ts';
import { verify } from './verify.ts';

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-'));
  folders.push(folder);
  return folder;
}

function streamOf(pages: readonly Page[]): StreamInMemory {
  const stream = new StreamInMemory();
  stream.add(pages);
  return stream;
}

async function stored(
  folder: string,
): Promise<{ codes: string[]; pages: number; repeated: number; heads: number }> {
  const report = await verify([folderSource(folder)], { publicKeys: sampleKeys });
  const { pages, repeatedPages, signedHeads } = report;
  return { codes: report.findings.map((f) => f.code), pages, repeated: repeatedPages, heads: signedHeads };
}

const whole = (pages: number, heads: number) => ({ codes: [], pages, repeated: 0, heads });

test('pages are stored, confirmed and trimmed, and segments rotate by size', async () => {
  const folder = await temporary();
  const stream = streamOf(writerPages('gw-1', 20));
  const recorder = await recordAll(stream, folder, 4_000);
  assert.deepEqual(await stored(folder), whole(22, 1));
  assert.equal(recorder.stats.pages, 22);
  assert.equal(recorder.stats.confirmedId, '0000000022-0');
  assert.ok(stream.heartbeats > 0);
  const names = await readdir(folder);
  assert.ok(names.filter((n) => n.endsWith('.pages')).length >= 3);
  assert.ok(names.every((n) => /^(\d{8}\.(pages|bodies)|heads\.ndjson|synced)$/.test(n)));
});

test('a torn tail at every byte of the last page and journal is cut, and the page stored again once', async () => {
  const pages = writerPages('gw-1', 2);
  const folder = await temporary();
  await recordAll(streamOf(pages.slice(0, 2)), folder);
  const before = await filesOf(folder);
  await recordAll(streamOf(pages.slice(2, 3)), folder);
  const complete = await filesOf(folder);
  const rest = pages.slice(2).map(({ bytes, journal }) => ({ page: bytes, journal }));
  for (const file of ['00000001.pages', '00000001.bodies']) {
    const bytes = complete.get(file) ?? Buffer.alloc(0);
    for (let size = before.get(file)?.length ?? 0; size < bytes.length; size++) {
      // The crash fell before the last batch was synced: one file is cut, the note is that of the batch before.
      for (const [name, content] of complete) await writeFile(join(folder, name), content);
      await writeFile(join(folder, 'synced'), before.get('synced') ?? '');
      await truncate(join(folder, file), size);
      const store = await SegmentStore.open(folder, 1_000_000, 0);
      const standings = (await store.store(rest, 0)).map((p) => p.standing);
      await store.close();
      assert.deepEqual(
        [standings, store.recovered.isDamaged],
        [['next', 'next'], false],
        `${file} ${String(size)}`,
      );
      assert.deepEqual(await stored(folder), whole(4, 1));
    }
  }
});

async function filesOf(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const name of await readdir(folder)) files.set(name, await readFile(join(folder, name)));
  return files;
}

test('a tail torn in the middle, later blocks whole, is cut from the first torn one', async () => {
  const pages = writerPages('gw-1', 4);
  const folder = await temporary();
  await recordAll(streamOf(pages), folder);
  const path = join(folder, '00000001.pages');
  const bytes = await readFile(path);
  bytes.fill(0, bytes.indexOf('#page gw-1 3') + 100, bytes.indexOf('#page gw-1 3') + 200);
  await writeFile(path, bytes);
  await rm(join(folder, 'synced'));
  const recorder = await recordAll(streamOf(pages.slice(2)), folder);
  assert.deepEqual([recorder.stats.findings, recorder.stats.pages], [0, 4]);
  assert.deepEqual(await stored(folder), whole(6, 1));
});

test('damage below what had been synced is reported and nothing is cut', async () => {
  const pages = writerPages('gw-1', 4);
  const folder = await temporary();
  await recordAll(streamOf(pages.slice(0, 4)), folder);
  const path = join(folder, '00000001.pages');
  const bytes = await readFile(path);
  const at = bytes.indexOf('#page gw-1 3') + 150;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(path, bytes);
  const recorder = await recordAll(streamOf(pages.slice(4)), folder);
  assert.deepEqual([recorder.stats.findings, recorder.stats.cutBytes], [1, 0]);
  assert.deepEqual(await readFile(path), bytes);
  assert.deepEqual(
    (await readdir(folder)).filter((n) => n.endsWith('.pages')),
    ['00000001.pages', '00000002.pages'],
  );
  const { codes, pages: count } = await stored(folder);
  assert.deepEqual([codes.includes('PAGE_HASH'), count], [true, 6]);
});

test('pages a crash repeats are skipped, and their heads are written if they were not', async () => {
  const pages = writerPages('gw-1', 3);
  const folder = await temporary();
  await recordAll(streamOf(pages), folder);
  await writeFile(join(folder, 'heads.ndjson'), '{"w":"gw-1","n":4,"he');
  const recorder = await recordAll(streamOf(pages), folder);
  assert.deepEqual([recorder.stats.pages, recorder.stats.repeated], [0, 5]);
  assert.deepEqual(await stored(folder), whole(5, 1));
});

test('a gap, a fork, a break and an unreadable page are stored and reported, never dropped', async () => {
  const pages = writerPages('gw-1', 3);
  const other = writerPages('gw-1', 2);
  const garbage = { bytes: Buffer.from('not a page\n'), journal: Buffer.from('j') };
  const stream = new StreamInMemory();
  const [p1, p2, p3, p4, p5] = pages;
  assert.ok(p1 && p2 && p3 && p4 && p5);
  const fork = { ...p2, bytes: Buffer.from(p2.bytes.toString().replace('"mke":"AM"', '"mke":"BQ"')) };
  const broken = { ...p5, bytes: Buffer.from(p5.bytes.toString().replace(/"prev":"../, '"prev":"00')) };
  stream.add([p1, p2, fork, p4, broken, garbage, ...other.slice(0, 1)]);
  const folder = await temporary();
  const findings: RecorderFinding[] = [];
  const recorder = new Recorder({ source: stream, folder, onFinding: (f) => findings.push(f) });
  await recorder.start();
  while (stream.entries.length > 0) await wait(2);
  await recorder.stop();
  assert.deepEqual(findings, [
    { what: 'fork', writer: 'gw-1', n: 2 },
    { what: 'gap', writer: 'gw-1', n: 4 },
    { what: 'chain', writer: 'gw-1', n: 5 },
    { what: 'unreadable', writer: '-', n: 0 },
  ]);
  const text = await readFile(join(folder, '00000001.pages'), 'latin1');
  assert.equal(text.match(/^#page /gm)?.length, 6);
  assert.ok(text.includes('not a page'));
  // And the folder can be opened again: the odd blocks are no torn tail.
  const again = await recordAll(streamOf([]), folder);
  assert.deepEqual([again.stats.cutBytes, again.stats.findings], [0, 0]);
});

test('nothing is confirmed while the disk fails; when it is back everything is stored once', async () => {
  const pages = writerPages('gw-1', 6);
  const folder = join(await temporary(), 'segments');
  const stream = streamOf(pages.slice(0, 3));
  const faults: string[] = [];
  // Tiny segments: every batch opens a new file, which fails while the folder is gone.
  const recorder = new Recorder({
    source: stream,
    folder,
    segmentBytesMax: 1,
    blockMs: 5,
    onFault: (f) => faults.push(f.code),
  });
  await recorder.start();
  while (stream.entries.length > 0) await wait(2);
  await cp(folder, `${folder}-kept`, { recursive: true });
  await rm(folder, { recursive: true });
  await writeFile(folder, 'in the way');
  stream.add(pages.slice(3));
  while (faults.length < 2) await wait(5);
  assert.equal(stream.confirmedId, '0000000003-0');
  assert.deepEqual(new Set(faults), new Set(['AUDIT_STORE']));
  await rm(folder);
  await cp(`${folder}-kept`, folder, { recursive: true });
  while (stream.entries.length > 0) await wait(5);
  await recorder.stop();
  assert.deepEqual(await stored(folder), whole(8, 1));
});

test('a stream that fails is tried again and a lost confirmation is repeated before anything new is read', async () => {
  const pages = writerPages('gw-1', 3);
  const stream = streamOf(pages);
  const confirm = stream.confirm.bind(stream);
  let failures = 2;
  const calls: string[] = [];
  stream.confirm = (id) => {
    calls.push(`confirm ${id}`);
    return failures-- > 0 ? Promise.reject(new Error('gone')) : confirm(id);
  };
  const folder = await temporary();
  const faults: string[] = [];
  const recorder = new Recorder({
    source: stream,
    folder,
    batchCountMax: 2,
    blockMs: 5,
    onFault: (f) => faults.push(f.code),
  });
  await recorder.start();
  while (stream.entries.length > 0) await wait(5);
  await recorder.stop();
  assert.deepEqual(faults, ['AUDIT_SOURCE', 'AUDIT_SOURCE']);
  assert.deepEqual(
    calls.slice(0, 3),
    Array.from({ length: 3 }, () => 'confirm 0000000002-0'),
  );
  assert.deepEqual(await stored(folder), whole(5, 1));
});

test('a batch is asked for by bytes: large entries are read few at a time', async () => {
  const stream = streamOf(writerPages('gw-1', 30));
  const asked: number[] = [];
  const read = stream.read.bind(stream);
  stream.read = (afterId, countMax, blockMs) => {
    asked.push(countMax);
    return read(afterId, countMax, blockMs);
  };
  const recorder = new Recorder({
    source: stream,
    folder: await temporary(),
    batchBytesMax: 3_000,
    blockMs: 5,
  });
  await recorder.start();
  while (stream.entries.length > 0) await wait(2);
  await recorder.stop();
  assert.equal(asked[0], 1);
  assert.ok(
    asked.every((n) => n >= 1 && n <= 12),
    asked.join(),
  );
});
