/**
 * Writes what the road makes of every sample's wire.msg beside it: message.json and deliveries.json, or refusal.json.
 * Run it after adding a sample (its folder needs wire.msg and a JSON file naming the line); then READ the difference:
 * the goldens say what is right only because somebody looked.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadDialect } from '../src/dialect/dialect.ts';
import { loadDirectory } from '../src/directory/directory.ts';
import { travel } from '../test/golden/inbound-road.ts';
import { dialectFolder, dialectNames, sampleDirectory } from '../test/golden/samples.ts';

const directory = loadDirectory(sampleDirectory);

for (const name of dialectNames()) {
  for (const kind of ['accepted', 'refused']) {
    const samples = join(dialectFolder(name), 'samples', kind);
    for (const sample of existsSync(samples) ? readdirSync(samples) : []) {
      writeResult(name, join(samples, sample), kind === 'accepted');
    }
  }
}

function writeResult(dialectName: string, folder: string, isAccepted: boolean): void {
  const file = join(folder, isAccepted ? 'message.json' : 'refusal.json');
  const { line: lineName, note } = JSON.parse(readFileSync(file, 'utf8')) as { line: string; note?: string };
  const line = directory.lines.get(lineName);
  if (line === undefined) throw new Error(`${file}: /line is not a line of the sample directory`);
  const wire = readFileSync(join(folder, 'wire.msg'));
  const travelled = travel([wire], line, loadDialect(dialectFolder(dialectName)), directory);
  const passed = travelled.flatMap((one) => ('message' in one ? [one] : []));
  const refusals = travelled.flatMap((one) => ('refusals' in one ? one.refusals : []));
  if (isAccepted) {
    const [only] = passed;
    if (only === undefined || refusals.length > 0) throw new Error(`${folder} is refused`);
    write(file, { line: lineName, note, ...only.message });
    write(join(folder, 'deliveries.json'), only.deliveries);
  } else {
    if (refusals.length === 0) throw new Error(`${folder} is accepted`);
    write(file, { line: lineName, note, accepted: passed.length, refusals });
  }
}

function write(file: string, content: unknown): void {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}
