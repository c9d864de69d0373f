import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Dialect, dialectFaults, loadDialect } from '../dialect/dialect.ts';
import { type Directory, loadDirectory } from '../directory/directory.ts';
import { CheckedFolder } from '../dialect/checked-file.ts';
import type { DryRun } from './dry-event.ts';
import { fileFindings } from './file-findings.ts';
import { type Finding, findingOf } from './finding.ts';
import { sampleResults } from './sample-findings.ts';
import { fillIn } from './skeleton.ts';

/** `notes`: what is not wrong and yet should be known. */
export type Checked = {
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
  readonly samplesRun: number;
};

/** The dialects that the stations of a directory read; who checks many dialects reads them once. */
export type Neighbours = {
  readonly dialects: ReadonlyMap<string, Dialect>;
  readonly notes: readonly string[];
};

/** Of those that cannot be read a note says so: they are somebody else's. */
export function neighboursOf({ lines }: Directory, protocols: string): Neighbours {
  const names = [...new Set(Array.from(lines.values(), ({ dialect }) => dialect))];
  const dialects = new Map<string, Dialect>();
  const notes: string[] = [];
  for (const name of names) {
    const folder = join(protocols, name);
    if (dialectFaults(folder).length === 0) dialects.set(name, loadDialect(folder));
    else
      notes.push(
        `the dialect ${name} of other lines cannot be read: its stations were not asked what they take`,
      );
  }
  return { dialects, notes };
}

/**
 * Everything wrong with the folder of a dialect: each file by itself; then, if those are right, the files together; then, if they fit,
 * its samples, on the lines of `sampleDirectory`. Throws DIRECTORY_INVALID for a directory that is not one.
 */
export function checkedFolder(
  folder: string,
  sampleDirectory: string,
  run: DryRun,
  neighbours?: Neighbours,
): Checked {
  const byThemselves = fileFindings(folder);
  if (byThemselves.length > 0) return { findings: byThemselves, notes: [], samplesRun: 0 };
  const together = dialectFaults(folder).map(findingOf);
  if (together.length > 0) return { findings: together, notes: [], samplesRun: 0 };
  if (!existsSync(sampleDirectory)) {
    const says = 'cannot be run: there is no sample-directory beside the dialect';
    return { findings: [{ file: 'samples', pointer: '', says }], notes: [], samplesRun: 0 };
  }
  const dialect = loadDialect(folder);
  const directory = loadDirectory(sampleDirectory);
  const { dialects, notes } = neighbours ?? neighboursOf(directory, dirname(folder));
  const results = sampleResults({ folder, dialect, directory, dialects, run });
  const ownKeys = new CheckedFolder(folder, 'DIALECT_INVALID').names('message-keys', '.json');
  const unshown = ownKeys.filter((name) => !results.keysShown.has(name.replace('.json', '')));
  const says = 'has no accepted sample';
  return {
    findings: [
      ...results.findings,
      ...unshown.map((name) => ({ file: `message-keys/${name}`, pointer: '', says })),
    ],
    notes: [
      ...begunNote(folder, ownKeys),
      ...notes,
      ...[...results.borrowed].map(
        (line) =>
          `no line of the sample directory speaks this dialect yet: samples ran on ${line} as if it did`,
      ),
    ],
    samplesRun: results.ran,
  };
}

/** `dialect new` leaves words to be replaced: nothing is wrong with them but that nobody did. */
function begunNote(folder: string, ownKeys: readonly string[]): readonly string[] {
  const files = ['dialect.json', 'fields.json', ...ownKeys.map((name) => `message-keys/${name}`)];
  const begun = files.filter((file) => {
    const path = join(folder, file);
    return existsSync(path) && readFileSync(path, 'utf8').includes(fillIn);
  });
  return begun.length === 0 ? [] : [`${fillIn} still stands in ${begun.join(', ')}`];
}
