import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../message/codes.ts';
import { folderSource } from './folder-source.ts';
import { headsFile, listSegments, segmentFile } from './segment-format.ts';
import { SegmentStore } from './segment-store.ts';
import type { AuditSource } from './source.ts';
import { syncedFile } from './synced-note.ts';

export type ExportOptions = {
  readonly folder: string;
  readonly to: string;
  /** What the stream still holds behind the segments. */
  readonly stream?: AuditSource;
  /** kid → PEM; copied for convenience, see the README line. */
  readonly publicKeys: ReadonlyMap<string, string>;
  readonly now?: () => number;
};

const batchMax = 64;
const readme = `Audit pages in the layout of a recorder's folder; docs/audit-format.md describes every byte.
To verify: tenfour audit verify <this folder> --keys <your own copy of the public keys>
The keys in keys/ came with the pages: compare them with the copy you keep before you trust them.
`;

/**
 * Copies the record into an empty folder: segments, then the stream's pages that are not in them, heads and public
 * keys. Safe beside a running recorder: the stream is read first and the segments after it, so a page the recorder
 * moves from one to the other meanwhile is in both and never in neither; a write in progress is cut from the copy.
 */
export async function exportAudit(
  o: ExportOptions,
): Promise<{ readonly segments: number; readonly streamPages: number }> {
  const now = o.now ?? Date.now;
  await mkdir(o.to, { recursive: true, mode: 0o700 });
  if ((await readdir(o.to)).length > 0)
    throw new Fault('CONFIG_INVALID', 'the folder to export to is not empty');
  const stage = join(o.to, 'stream');
  if (o.stream !== undefined) await append(o.stream, stage, now());
  const segments = await copySegments(o.folder, o.to);
  // The recorder's own store does the work: it cuts a torn tail, knows what is there and appends what is not.
  const streamPages = await append(o.stream === undefined ? null : folderSource(stage), o.to, now());
  await rm(stage, { recursive: true, force: true });
  await rm(join(o.to, syncedFile), { force: true });
  await writeKeys(join(o.to, 'keys'), o.publicKeys);
  await writeFile(join(o.to, 'README.txt'), readme);
  return { segments, streamPages };
}

async function copySegments(from: string, to: string): Promise<number> {
  const numbers = await listSegments(from);
  const names = new Set(await readdir(from));
  for (const number of numbers) {
    // Pages before bodies: the recorder writes bodies first, so each copied page finds its journal.
    for (const file of [segmentFile(number, 'pages'), segmentFile(number, 'bodies')]) {
      if (names.has(file)) await copyFile(join(from, file), join(to, file));
    }
  }
  if (names.has(headsFile)) await copyFile(join(from, headsFile), join(to, headsFile));
  return numbers.length;
}

async function append(source: AuditSource | null, folder: string, nowMs: number): Promise<number> {
  const store = await SegmentStore.open(folder, Number.POSITIVE_INFINITY, nowMs);
  let added = 0;
  let batch: { page: Buffer; journal: Buffer }[] = [];
  const flush = async () => {
    const stored = await store.store(batch, nowMs);
    added += stored.filter((p) => p.standing !== 'repeated').length;
    batch = [];
  };
  try {
    for await (const item of source ?? []) {
      if ('damage' in item) continue;
      batch.push({ page: item.page, journal: item.journal ?? Buffer.alloc(0) });
      if (batch.length >= batchMax) await flush();
    }
    await flush();
  } finally {
    await store.close();
  }
  return added;
}

async function writeKeys(folder: string, publicKeys: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(folder);
  for (const [kid, pem] of publicKeys) {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(kid)) throw new Fault('CONFIG_INVALID', 'a key name is not allowed');
    await writeFile(join(folder, `${kid}.pem`), pem);
  }
}
