import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CaseMaker } from './cases.ts';
import type { Find, FuzzOptions } from './fuzz.ts';
import { minimised } from './minimise.ts';
import { type Case, corpusFolder, knownCases, readStock } from './stock.ts';
import { Trial } from './trial.ts';

/** Finds of one cause are kept once, and of causes no more than this. */
const causesMax = 10;
/** CPU time a hang is given while it is made smaller. */
const trialMs = 1_000;

/** Makes each find as small as it gets, and writes it to the corpus. The names of the new folders. */
export async function keepFinds(
  finds: readonly Find[],
  options: FuzzOptions,
  folder = corpusFolder,
): Promise<string[]> {
  const { seed, dialect = '', parseModule = '' } = options;
  const stock = readStock();
  const maker = new CaseMaker(stock, seed, dialect);
  const known = knownCases(stock, dialect);
  const trial = new Trial(parseModule, trialMs);
  const names: string[] = [];
  try {
    for (const find of firstOfEachCause(finds)) {
      const one = find.number < 0 ? known[-1 - find.number] : maker.caseOf(find.number);
      if (one === undefined) continue;
      const why = await trial.outcomeOf(one);
      // What does not go wrong by itself is kept as it is.
      const small =
        why === undefined ? one : await minimised(one, async (less) => (await trial.outcomeOf(less)) === why);
      names.push(written(small, find, seed, folder));
    }
  } finally {
    await trial.close();
  }
  return names;
}

function firstOfEachCause(finds: readonly Find[]): Find[] {
  const causes = new Map<string, Find>();
  for (const find of finds) {
    const cause = `${find.kind} ${find.why}`;
    if (!causes.has(cause)) causes.set(cause, find);
  }
  return [...causes.values()].slice(0, causesMax);
}

function written(
  { dialect, line, framing, wire }: Case,
  { kind, why, number }: Find,
  seed: number,
  into: string,
): string {
  const hash = createHash('sha256').update(wire).update(why).digest('hex').slice(0, 8);
  const name = `${kind}-${dialect}-${hash}`;
  const folder = join(into, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'wire.msg'), wire);
  const note = { dialect, line, framing, kind, why, seed, case: number };
  writeFileSync(join(folder, 'note.json'), `${JSON.stringify(note, null, 2)}\n`);
  return name;
}
