/**
 * `npm run fuzz -- [--cases N] [--seed N] [--dialect NAME] [--workers N] [--json]`: inputs made of the samples, changed with and without
 * regard to what they mean, go down the pure road. The seed is printed; the same seed gives the same cases. What goes wrong is made small
 * and written to test/fuzz/corpus, where the tests send it again. With `--json` the last line is
 * `{"cases":…,"crashes":…,"hangs":…,"casesPerSecond":…}`. Exits with 1 after a crash or a hang.
 */
import { parseArgs } from 'node:util';
import { dialectNames } from '../test/golden/samples.ts';
import { keepFinds } from '../test/fuzz/finds.ts';
import { fuzz } from '../test/fuzz/fuzz.ts';

const casesMax = 0x7fff_ffff;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    dialect: { type: 'string', default: '' },
    workers: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
});
const cases = numberOf('cases', values.cases, casesMax);
const seed = numberOf('seed', values.seed ?? String(Date.now() % casesMax), casesMax);
const workers = numberOf('workers', values.workers, 64);
if (values.dialect !== '' && !dialectNames().includes(values.dialect))
  stop('--dialect names a folder of protocols/');
const say = values.json ? console.error : console.log;

const options = { cases, seed, dialect: values.dialect, workers, countedCases: Math.min(cases, 20_000) };
say(`${String(cases)} cases, seed ${String(seed)}, ${String(workers)} workers`);
const { crashes, hangs, casesPerSecond, finds, covered } = await fuzz(options);
for (const { kind, number, why } of finds) say(`${kind} of case ${String(number)}: ${why}`);
const { taken, branches } = covered;
say(
  `branches of src/frame and src/parse taken by the samples and the first cases: ${String(taken)} of ${String(branches)}`,
);
if (finds.length > 0)
  for (const name of await keepFinds(finds, options)) say(`kept as test/fuzz/corpus/${name}`);
const result = { cases, crashes, hangs, casesPerSecond };
console.log(values.json ? JSON.stringify(result) : result);
if (crashes + hangs > 0) process.exitCode = 1;

function numberOf(name: string, text: string, max: number): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1 || number > max)
    stop(`--${name} is a whole number from 1 to ${String(max)}`);
  return number;
}

function stop(text: string): never {
  console.error(text);
  process.exit(2);
}
