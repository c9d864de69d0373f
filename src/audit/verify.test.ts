import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  acceptRecord,
  addPage,
  openRecord,
  recordAll,
  sampleKeys,
  sampleMs,
  sampleSigner,
  StreamInMemory,
  writerPages,
} from './audit-samples.ts';
import { Chain, type Page } from './chain.ts';
import type { FindingCode } from './findings.ts';
import { folderSource } from './folder-source.ts';
import { crcHex, headOf, pageBytesMax, readHeader } from './page.ts';
import { blockLineText } from './segment-format.ts';
import type { AuditSource } from './source.ts';
import { streamSource } from './source.ts';
import { verify, type VerifyOptions, type VerifyReport } from './verify.ts';

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-'));
  folders.push(folder);
  return folder;
}

async function recorded(pages: readonly Page[], segmentBytesMax?: number): Promise<string> {
  const folder = await temporary();
  const stream = new StreamInMemory();
  stream.add(pages);
  await recordAll(stream, folder, segmentBytesMax);
  return folder;
}

const keys: VerifyOptions = { publicKeys: sampleKeys };
const codesOf = (report: VerifyReport): string[] => report.findings.map((f) => f.code);

/** Pages as a stream holds them: no hash noted beside them, nothing but the chain itself. */
function streamOf(pages: readonly Page[]): AuditSource {
  const stream = new StreamInMemory();
  stream.add(pages);
  return streamSource('audit', (afterId, countMax) => stream.read(afterId, countMax, 0));
}

test('a whole record is ok: counts, writers, signatures, succession', async () => {
  const first = writerPages('gw-1', 3);
  const second = writerPages('gw-2', 2, first.at(-1));
  const report = await verify([folderSource(await recorded([...first, ...second]))], keys);
  assert.deepEqual(codesOf(report), []);
  assert.ok(report.ok);
  assert.deepEqual([report.pages, report.records, report.signedHeads], [9, 16, 2]);
  assert.deepEqual(report.writers, [
    { writer: 'gw-1', pages: 5, first: 1, last: 5, head: first.at(-1)?.head, isClosed: true, signedTo: 4 },
    { writer: 'gw-2', pages: 4, first: 1, last: 4, head: second.at(-1)?.head, isClosed: true, signedTo: 3 },
  ]);
});

test('any one byte changed anywhere in the folder is found and located in its block', async () => {
  const pages = writerPages('gw-1', 2);
  const folder = await recorded(pages, 1_500);
  const files = (await readdir(folder)).filter((name) => name !== 'synced').sort();
  assert.deepEqual(files, ['00000001.bodies', '00000001.pages', 'heads.ndjson']);
  for (const file of files) {
    const path = join(folder, file);
    const bytes = await readFile(path);
    const starts = blockStarts(file, bytes);
    const handle = await open(path, 'r+');
    for (let at = 0; at < bytes.length; at++) {
      const whole = bytes[at] ?? 0;
      await handle.write(Buffer.from([whole ^ (1 << (at % 8))]), 0, 1, at);
      const report = await verify([folderSource(folder)], keys);
      const from = starts.findLast((s) => s <= at) ?? 0;
      const to = starts.find((s) => s > at) ?? bytes.length;
      const located = report.findings.some(
        (f) => f.file === file && f.offset !== undefined && f.offset >= from && f.offset < to,
      );
      assert.ok(located, `${file} byte ${String(at)}: ${JSON.stringify(report.findings)}`);
      await handle.write(Buffer.from([whole]), 0, 1, at);
    }
    await handle.close();
  }
  assert.ok((await verify([folderSource(folder)], keys)).ok);
});

function blockStarts(file: string, bytes: Buffer): number[] {
  const text = bytes.toString('latin1');
  if (file.endsWith('.ndjson')) return [0, ...[...text.matchAll(/\n(?=.)/g)].map((m) => m.index + 1)];
  return [...text.matchAll(/^#(?:pages?|bodies) gw/gm)].map((m) => m.index);
}

test('a changed record is named to the record and its byte offset', async () => {
  const folder = await recorded(writerPages('gw-1', 3));
  const path = join(folder, '00000001.pages');
  const bytes = await readFile(path);
  const at = bytes.indexOf('"d":"gw-1-2.0"', bytes.indexOf('"e":"deliver","d":"gw-1-2.0"'));
  bytes.write('"d":"gw-1-1.0"', at);
  await writeFile(path, bytes);
  const { findings } = await verify([folderSource(folder)], keys);
  const line = bytes.lastIndexOf(10, at) + 1;
  const record = findings.find((f) => f.code === 'RECORD_CRC');
  assert.deepEqual(
    [record?.writer, record?.page, record?.record, record?.file, record?.offset],
    ['gw-1', 3, 1, '00000001.pages', line],
  );
  assert.deepEqual(codesOf({ findings } as VerifyReport), ['PAGE_HASH', 'RECORD_CRC']);
});

/** Makes a page of other lines, with everything a careful forger can put right put right. */
function forge(
  page: Page,
  change: (lines: string[]) => string[],
  heal: { ordinals?: boolean; count?: boolean },
): Page {
  const [header = '', ...lines] = page.bytes.toString().trimEnd().split('\n');
  const changed = change(lines.map((l) => l.slice(9))).map((json, i) =>
    heal.ordinals === true ? json.replace(/^\{"i":\d+/, `{"i":${String(i)}`) : json,
  );
  const count = heal.count === true ? header.replace(/"r":\d+/, `"r":${String(changed.length)}`) : header;
  const bytes = Buffer.from([count, ...changed.map((json) => `${crcHex(json)} ${json}`)].join('\n') + '\n');
  return { ...page, bytes, head: headOf(bytes) };
}

/** Chains pages again from `from` on, as who holds the whole folder but no key can. */
function rechain(pages: readonly Page[], from: number): Page[] {
  const out = pages.slice(0, from);
  for (const page of pages.slice(from)) {
    const prev = out.at(-1)?.head ?? page.prev;
    const bytes = Buffer.from(page.bytes.toString().replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`));
    out.push({ ...page, bytes, prev, head: headOf(bytes) });
  }
  return out;
}

const swap = (lines: string[]) => [lines[1] ?? '', lines[0] ?? '', ...lines.slice(2)];
const lie = (lines: string[]) => lines.map((l) => l.replace('"o":"delivered"', '"o":"dead"'));
const replaced = (pages: Page[], i: number, change: (page: Page) => Page): Page[] =>
  pages.map((p, k) => (k === i ? change(p) : p));

/** What is done to pages 1-5 of gw-1 (3 accept pages; page 5 signs page 4), and what must be found on which page. */
const tampered: readonly {
  readonly title: string;
  readonly change: (pages: Page[]) => Page[];
  readonly finds: readonly [FindingCode, number][];
}[] = [
  {
    title: 'a record cut',
    change: (p) => replaced(p, 2, (x) => forge(x, (l) => l.slice(1), {})),
    finds: [
      ['RECORD_ORDINAL', 3],
      ['RECORD_COUNT', 3],
      ['CHAIN_BROKEN', 4],
    ],
  },
  {
    title: 'a last record cut, the count put right',
    change: (p) => replaced(p, 2, (x) => forge(x, (l) => l.slice(0, 1), { count: true })),
    finds: [['CHAIN_BROKEN', 4]],
  },
  {
    title: 'two records exchanged',
    change: (p) => replaced(p, 2, (x) => forge(x, swap, {})),
    finds: [
      ['RECORD_ORDINAL', 3],
      ['CHAIN_BROKEN', 4],
    ],
  },
  {
    title: 'a record inserted',
    change: (p) => replaced(p, 2, (x) => forge(x, (l) => [l[0] ?? '', ...l], {})),
    finds: [
      ['RECORD_ORDINAL', 3],
      ['RECORD_COUNT', 3],
      ['CHAIN_BROKEN', 4],
    ],
  },
  {
    title: 'a record rewritten, check-sum, ordinals and count put right',
    change: (p) => replaced(p, 2, (x) => forge(x, lie, { ordinals: true, count: true })),
    finds: [['CHAIN_BROKEN', 4]],
  },
  {
    title: 'a record rewritten and every later page chained again',
    change: (p) =>
      rechain(
        replaced(p, 2, (x) => forge(x, lie, {})),
        3,
      ),
    finds: [['HEAD_MISMATCH', 4]],
  },
  {
    title: 'a record of no kind, check-sum right',
    change: (p) => replaced(p, 2, (x) => forge(x, (l) => [l[0] ?? '', '{"i":1,"e":"deliver"}'], {})),
    finds: [
      ['RECORD_SHAPE', 3],
      ['CHAIN_BROKEN', 4],
    ],
  },
  { title: 'a page cut', change: (p) => p.filter((x) => x.n !== 3), finds: [['PAGE_MISSING', 3]] },
  {
    title: 'two pages exchanged',
    change: (p) => [...p.slice(0, 1), ...p.slice(2, 3), ...p.slice(1, 2), ...p.slice(3)],
    finds: [['PAGE_MOVED', 2]],
  },
  {
    title: 'a page moved to the end',
    change: (p) => [...p.slice(0, 1), ...p.slice(2), ...p.slice(1, 2)],
    finds: [['PAGE_MOVED', 2]],
  },
  {
    title: 'a page inserted under a number that is there',
    change: (p) => [
      ...p.slice(0, 3),
      ...rechain([...p.slice(0, 2), forge(p[2] ?? never(), lie, {})], 2).slice(2),
      ...p.slice(3),
    ],
    finds: [['FORK', 3]],
  },
  { title: 'the front cut', change: (p) => p.slice(2), finds: [['FRONT_MISSING', 1]] },
  {
    title: 'a page after the close',
    change: (p) => [
      ...p,
      new Chain('gw-1', p.at(-1)).build([acceptRecord('gw-1-9')], Buffer.alloc(0), sampleMs),
    ],
    finds: [['AFTER_CLOSE', 6]],
  },
  {
    title: 'a journal byte changed',
    change: (p) => replaced(p, 2, (x) => ({ ...x, journal: Buffer.from(x.journal).fill(7, 10, 11) })),
    finds: [['JOURNAL_HASH', 3]],
  },
  {
    title: 'a journal taken away',
    change: (p) => replaced(p, 2, (x) => ({ ...x, journal: Buffer.alloc(0) })),
    finds: [['JOURNAL_HASH', 3]],
  },
];

function never(): never {
  throw new Error('sample is too short');
}

for (const { title, change, finds } of tampered) {
  test(`${title}: found in the stream and in the folder`, async () => {
    const pages = change(writerPages('gw-1', 3));
    for (const source of [streamOf(pages), folderSource(await written(pages))]) {
      const report = await verify([source], keys);
      assert.deepEqual(
        report.findings.map((f) => [f.code, f.page]),
        finds,
      );
      assert.ok(report.findings.every((f) => f.writer === 'gw-1'));
    }
  });
}

/** A folder whose block lines the forger wrote again too. */
async function written(pages: readonly Page[]): Promise<string> {
  const folder = await temporary();
  const parts = pages.map((p) => [
    Buffer.from(
      blockLineText('pages', { w: p.writer, n: p.n, length: p.bytes.length, hash: headOf(p.bytes) }),
    ),
    p.bytes,
  ]);
  const bodies = pages
    .filter((p) => readHeader(p.bytes)?.header.j !== '')
    .map((p) => {
      const hash = readHeader(p.bytes)?.header.j ?? '';
      return [
        Buffer.from(blockLineText('bodies', { w: p.writer, n: p.n, length: p.journal.length, hash })),
        p.journal,
        Buffer.from('\n'),
      ];
    });
  await writeFile(join(folder, '00000001.pages'), Buffer.concat(parts.flat()));
  await writeFile(join(folder, '00000001.bodies'), Buffer.concat(bodies.flat()));
  return folder;
}

test('a cut tail is claimed against a signed head, and only against one', async () => {
  const pages = writerPages('gw-1', 3);
  const cut = await recorded(pages.slice(0, 3));
  assert.ok((await verify([folderSource(cut)], keys)).ok);
  const heads = [{ ...sampleSigner.sign('gw-1', 4, pages[3]?.head ?? '', sampleMs), w: 'gw-1' }];
  const report = await verify([folderSource(cut)], { ...keys, heads });
  assert.deepEqual(
    report.findings.map((f) => [f.code, f.writer, f.page]),
    [['TAIL_MISSING', 'gw-1', 4]],
  );
  // The same from heads.ndjson left behind by whoever cut the pages.
  const whole = await recorded(pages);
  const path = join(whole, '00000001.pages');
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.indexOf('#page gw-1 4')));
  assert.deepEqual(codesOf(await verify([folderSource(whole)], keys)), ['JOURNAL_STRAY', 'TAIL_MISSING']);
});

test('a whole writer taken away is claimed by its signed head and by its successor', async () => {
  const first = writerPages('gw-1', 1);
  const second = writerPages('gw-2', 1, first.at(-1));
  assert.deepEqual(codesOf(await verify([streamOf(second)], keys)), ['PREDECESSOR_MISSING']);
  assert.deepEqual(codesOf(await verify([streamOf([...first.slice(0, 2), ...second])], keys)), [
    'TAIL_MISSING',
  ]);
  assert.ok((await verify([streamOf(second), streamOf(first)], keys)).ok);
});

test('a writer that names another last page of its predecessor is found', async () => {
  const first = writerPages('gw-1', 1);
  const other = rechain(
    replaced(first, 1, (x) => forge(x, lie, {})),
    2,
  );
  const second = writerPages('gw-2', 1, other.at(-1));
  assert.deepEqual(codesOf(await verify([streamOf([...first, ...second])], keys)), ['PREDECESSOR_MISMATCH']);
  assert.deepEqual(codesOf(await verify([streamOf([...second, ...first])], keys)), ['PREDECESSOR_MISMATCH']);
});

test('an invented writer is found by the missing signature once it is older than two minutes', async () => {
  const invented = new Chain('gw-9');
  const old = invented.build([openRecord()], Buffer.alloc(0), sampleMs - 180_000);
  const report = await verify([streamOf([old, ...writerPages('gw-1', 1)])], keys);
  assert.deepEqual(
    report.findings.map((f) => [f.code, f.writer]),
    [['WRITER_UNSIGNED', 'gw-9']],
  );
});

test('a signature by another key, and a key not given, are told apart', async () => {
  const pages = writerPages('gw-1', 1);
  const broken = replaced(pages, 2, (x) =>
    forge(x, (l) => l.map((j) => j.replace(/"sig":"../, '"sig":"AA')), {}),
  );
  assert.deepEqual(codesOf(await verify([streamOf(broken)], keys)), ['HEAD_SIGNATURE']);
  const report = await verify([streamOf(pages)], { publicKeys: new Map() });
  assert.deepEqual(codesOf(report), ['HEAD_KEY_UNKNOWN']);
});

test('segments and stream that overlap are one record, in either order', async () => {
  const pages = writerPages('gw-1', 6);
  const folder = folderSource(await recorded(pages.slice(0, 5)));
  const stream = streamOf(pages.slice(3));
  for (const sources of [
    [folder, stream],
    [stream, folder],
    [folder, stream, folder, stream],
  ]) {
    const report = await verify(sources, keys);
    assert.deepEqual(codesOf(report), []);
    assert.equal(report.pages, 8);
  }
});

test('a head record in one source signs a page that another one brings later', async () => {
  const pages = writerPages('gw-1', 3);
  const report = await verify([streamOf(pages.slice(4)), streamOf(pages.slice(0, 4))], keys);
  assert.deepEqual([codesOf(report), report.writers[0]?.signedTo], [[], 4]);
  const forged = rechain(
    replaced(pages, 2, (x) => forge(x, lie, {})),
    3,
  ).slice(0, 4);
  const found = await verify([streamOf(pages.slice(4)), streamOf(forged)], keys);
  assert.deepEqual(codesOf(found).sort(), ['CHAIN_BROKEN', 'HEAD_MISMATCH']);
});

test('a fork between two sources is found even where the hashes are long forgotten', async () => {
  const unsigned = { publicKeys: new Map<string, string>() };
  const chain = new Chain('gw-1');
  const pages = [addPage(chain, [openRecord()])];
  for (let i = 0; i < 4_500; i++) pages.push(addPage(chain, [{ e: 'fault', code: 'GAP' }]));
  const forked = rechain(
    replaced(pages, 50, (x) => forge(x, () => [], { count: true })),
    51,
  );
  assert.ok((await verify([streamOf(pages), streamOf(pages)], unsigned)).ok);
  const report = await verify([streamOf(pages), streamOf(forked)], unsigned);
  assert.equal(report.findings[0]?.code, 'FORK');
  const shorter = await verify([streamOf(pages), streamOf(forked.slice(0, 100))], unsigned);
  assert.deepEqual(codesOf(shorter), ['COPY_NOT_COMPARED']);
  const shorterFirst = await verify([streamOf(forked.slice(0, 100)), streamOf(pages)], unsigned);
  assert.equal(shorterFirst.findings[0]?.code, 'FORK');
});

test('a trimmed stream alone may begin in the middle when the caller says so', async () => {
  const pages = writerPages('gw-2', 4, writerPages('gw-1', 1).at(-1)).slice(2);
  assert.deepEqual(codesOf(await verify([streamOf(pages)], keys)), ['FRONT_MISSING']);
  assert.ok((await verify([streamOf(pages)], { ...keys, mayFrontBeTrimmed: true })).ok);
});

test('a segment file between two others that is gone is found, and the pages in it named', async () => {
  const folder = await recorded(writerPages('gw-1', 12), 2_000);
  const segments = (await readdir(folder)).filter((f) => f.endsWith('.pages'));
  assert.ok(segments.length >= 3);
  await rm(join(folder, '00000002.pages'));
  await rm(join(folder, '00000002.bodies'));
  assert.deepEqual(codesOf(await verify([folderSource(folder)], keys)), ['SEGMENT_MISSING', 'PAGE_MISSING']);
});

test('findings are listed up to the limit and counted past it', async () => {
  const pages = writerPages('gw-1', 20).map((p) => forge(p, lie, {}));
  const report = await verify([streamOf(pages)], { ...keys, findingsMax: 5 });
  assert.equal(report.findings.length, 5);
  assert.ok(report.findingsTotal > 5);
  assert.equal(report.ok, false);
});

test('a torn last block is no finding while the recorder may be writing, and is one otherwise', async () => {
  const folder = await recorded(writerPages('gw-1', 3).slice(0, 4));
  const path = join(folder, '00000001.pages');
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.length - 9));
  assert.ok((await verify([folderSource(folder, { isLive: true })], keys)).ok);
  assert.deepEqual(codesOf(await verify([folderSource(folder)], keys)), ['SEGMENT_BROKEN', 'JOURNAL_STRAY']);
});

test('a stated length no page may have is a broken stretch, not an allocation', async () => {
  const folder = await recorded(writerPages('gw-1', 1));
  const path = join(folder, '00000001.pages');
  const text = (await readFile(path, 'latin1')).replace(
    /^(#page gw-1 1) \d+/,
    `$1 ${String(pageBytesMax + 1)}`,
  );
  await writeFile(path, text, 'latin1');
  assert.deepEqual(codesOf(await verify([folderSource(folder)], keys)), ['SEGMENT_BROKEN', 'FRONT_MISSING']);
});
