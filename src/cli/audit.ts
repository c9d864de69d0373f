import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportAudit } from '../audit/export.ts';
import { folderSource, readKeyFolder } from '../audit/folder-source.ts';
import { readHeadLine, type SignedHead } from '../audit/signing.ts';
import { verify, type VerifyReport } from '../audit/verify.ts';
import { loadConfig } from '../config/config.ts';
import { KeysFolder } from '../wiring/keys-folder.ts';
import { openRecord } from '../wiring/record.ts';
import { print, readOptions, UsageError } from './usage.ts';

const SHOWN_MAX = 20;

export const run = (args: readonly string[]): Promise<number> => {
  const [what, ...rest] = args;
  if (what === 'verify') return runVerify(rest);
  if (what === 'export') return runExport(rest);
  throw new UsageError('expects: verify or export');
};

/** Without a folder: the live record, Redis and segments. With one: that folder alone, no Redis and no settings needed. */
const runVerify = async (args: readonly string[]): Promise<number> => {
  const folder = args[0]?.startsWith('--') === false ? args[0] : undefined;
  const { options } = readOptions(folder === undefined ? args : args.slice(1), {
    keys: 'string',
    heads: 'string',
    json: 'boolean',
  });
  const heads = options.heads === undefined ? [] : readHeads(options.heads);
  const report =
    folder === undefined
      ? await verifyLive(options.keys, heads)
      : await verifyFolder(folder, options.keys, heads);
  if (options.json) print(JSON.stringify(report));
  else show(report);
  return report.ok ? 0 : 1;
};

const verifyLive = async (keys: string | undefined, heads: readonly SignedHead[]): Promise<VerifyReport> => {
  const config = loadConfig(process.env);
  const publicKeys =
    keys === undefined ? new KeysFolder(config.KEYS).publicKeys() : await readKeyFolder(keys);
  const record = await openRecord(config);
  try {
    return await verify(record.sources, { publicKeys, heads });
  } finally {
    record.close();
  }
};

const verifyFolder = async (
  folder: string,
  keys: string | undefined,
  heads: readonly SignedHead[],
): Promise<VerifyReport> => {
  if (!existsSync(folder)) throw new UsageError('there is no such folder to verify');
  if (keys === undefined)
    print('note: using the keys that lie beside the pages; give --keys to use your own');
  const publicKeys = await readKeyFolder(keys ?? join(folder, 'keys'));
  return verify([folderSource(folder)], { publicKeys, heads });
};

const readHeads = (path: string): readonly SignedHead[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const head = readHeadLine(line);
      if (head === null) throw new UsageError('a line of the heads file is not a signed head');
      return head;
    });

const runExport = async (args: readonly string[]): Promise<number> => {
  const { words } = readOptions(args, {}, ['FOLDER']);
  const config = loadConfig(process.env);
  const record = await openRecord(config);
  try {
    const { segments, streamPages } = await exportAudit({
      folder: config.RECORD,
      to: words[0] ?? '',
      ...(record.stream === undefined ? {} : { stream: record.stream }),
      publicKeys: new KeysFolder(config.KEYS).publicKeys(),
    });
    print(
      `exported ${String(segments)} segments and ${String(streamPages)} pages that were still in the stream`,
    );
    return 0;
  } finally {
    record.close();
  }
};

const show = (report: VerifyReport): void => {
  print(
    `${String(report.pages)} pages, ${String(report.records)} records, ${String(report.writers.length)} writers, ${String(report.signedHeads)} signed heads`,
  );
  for (const { code, writer, page, record, file, offset, says } of report.findings.slice(0, SHOWN_MAX)) {
    const place = file === undefined ? '' : ` at ${file}:${String(offset ?? 0)}`;
    const which = record === undefined ? '' : ` record ${String(record)}`;
    print(`${code}: ${says} (writer ${writer}, page ${String(page)}${which}${place})`);
  }
  if (report.findingsTotal > SHOWN_MAX)
    print(`... and ${String(report.findingsTotal - SHOWN_MAX)} more findings`);
  print(report.ok ? 'the record is whole' : 'the record is NOT whole');
};
