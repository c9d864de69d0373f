import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadDialect } from '../dialect/dialect.ts';
import { type Directory, loadDirectory } from '../directory/directory.ts';
import type { DryRun } from './dry-event.ts';
import { type SampleOutcome, sampleOutcome } from './sample-findings.ts';
import { jsonText, type Skeleton, skeletonOf } from './skeleton.ts';

/** Why there is no new dialect, or what was made: `line` is the one its samples borrow. */
export type NewDialect =
  | { readonly ok: false; readonly why: string }
  | {
      readonly ok: true;
      readonly files: readonly string[];
      readonly line: string;
      readonly messageKey: string;
    };

/**
 * Writes the folder of a new dialect beside the one it stands on, with samples that were run. Touches nothing that is there; leaves
 * nothing behind when it cannot be done. Throws DIALECT_INVALID or DIRECTORY_INVALID where what it stands on is wrong.
 */
export function makeDialect(name: string, base: string, protocols: string, run: DryRun): NewDialect {
  const folder = join(protocols, name);
  if (existsSync(folder)) return { ok: false, why: 'is there already; nothing was changed' };
  const baseFolder = join(protocols, base);
  const directory = loadDirectory(join(protocols, 'sample-directory'));
  const dialect = loadDialect(baseFolder);
  const skeleton = skeletonOf(name, { folder: baseFolder, dialect, directory, run });
  if (skeleton === undefined)
    return {
      ok: false,
      why: 'has nothing to begin from: the other dialect has no accepted sample with fields',
    };
  let isMade = false;
  try {
    for (const [file, content] of skeleton.files) write(join(folder, file), content);
    const results = runSamples(folder, skeleton, directory, run);
    for (const [file, content] of results) write(join(folder, file), jsonText(content));
    isMade = true;
    const files = [...skeleton.files.keys(), ...results.keys()].toSorted();
    return { ok: true, files, line: skeleton.line.name, messageKey: skeleton.messageKey };
  } finally {
    if (!isMade) rmSync(folder, { recursive: true, force: true });
  }
}

/** What becomes of both samples, as their files say it. */
function runSamples(
  folder: string,
  { accepted, refused, line, files }: Skeleton,
  directory: Directory,
  run: DryRun,
): ReadonlyMap<string, unknown> {
  const dialect = loadDialect(folder);
  const outcomeOf = (sample: string): SampleOutcome => {
    const wire = files.get(`${sample}/wire.msg`);
    if (!Buffer.isBuffer(wire)) throw new RangeError('a skeleton has both samples');
    return sampleOutcome(run(wire, { dialect, line, directory }), dialect);
  };
  const head = {
    line: line.name,
    note: `It comes in on ${line.name} as if that line spoke this dialect. Name your own line here once lines.json has one.`,
  };
  const passes = outcomeOf(accepted);
  const fails = outcomeOf(refused);
  const [message] = passes.messages;
  if (message === undefined || passes.refusals.length > 0 || fails.refusals.length === 0)
    throw new RangeError('the samples of a skeleton show what they are for');
  return new Map<string, unknown>([
    [`${accepted}/message.json`, { ...head, ...message.shown }],
    [`${accepted}/deliveries.json`, message.plans],
    [`${refused}/refusal.json`, { ...head, accepted: fails.messages.length, refusals: fails.refusals }],
  ]);
}

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { flag: 'wx' });
}
