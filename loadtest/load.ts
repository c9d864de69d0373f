import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { machine } from './machine.ts';
import { measure } from './measure.ts';
import { type LoadOptions, readOptions, usage } from './options.ts';
import { resultLine, resultTable } from './report.ts';

/**
 * The load test: a whole site, stations that send the fixed mix, and a subscriber that drains both topics, each a process of its own.
 * Exit 0 only if nothing was lost and nothing came twice without a mark. With --json the last line of stdout is the result.
 */
const main = async (options: LoadOptions): Promise<number> => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-load-'));
  const nodeOptions = [
    ...(options.profile === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${resolve(made(options.profile))}`]),
    ...(options.pauses === undefined ? [] : [`--import=${pausesModule(made(options.pauses))}`]),
  ];
  if (nodeOptions.length > 0) process.env['NODE_OPTIONS'] = nodeOptions.join(' ');
  try {
    const result = await measure(options, folder);
    if (options.out !== undefined) {
      const file = join(made(options.out), 'result.json');
      const whole = { at: new Date().toISOString(), machine: machine(), ...result };
      writeFileSync(file, `${JSON.stringify(whole, null, 2)}\n`);
    }
    process.stdout.write(`${options.json ? resultLine(result) : resultTable(result)}\n`);
    const { lost, duplicates } = result.summary;
    return lost === 0 && duplicates === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const pausesModule = (folder: string): string => {
  const url = pathToFileURL(join(import.meta.dirname, 'pauses.ts'));
  url.searchParams.set('to', resolve(folder));
  return url.href;
};

const made = (folder: string): string => {
  mkdirSync(folder, { recursive: true });
  return folder;
};

const given = (() => {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'wrong options'}\n${usage}\n`);
    return undefined;
  }
})();
if (given === undefined) process.exitCode = 2;
else if (given.help) process.stdout.write(`${usage}\n`);
else process.exitCode = await main(given);
