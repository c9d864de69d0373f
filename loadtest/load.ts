import { held } from './held.ts';
import { measure } from './measure.ts';
import { readOptions, usage } from './options.ts';
import { program } from './program.ts';
import { resultLine, resultTable } from './report.ts';

/**
 * The load test: a whole site, stations that send the fixed mix, and a subscriber that drains both topics, each a process of its own.
 * Exit 0 only if nothing was lost and nothing came twice without a mark. With --json the last line of stdout is the result.
 */
const load = (args: readonly string[]): Promise<number> =>
  program(args, {
    usage,
    read: readOptions,
    measure,
    line: resultLine,
    table: resultTable,
    isRight: ({ summary: { lost, duplicates } }) => lost === 0 && duplicates === 0,
  });

const args = process.argv.slice(2);
const isHeld = args.some((arg) => arg === '--held' || arg.startsWith('--held='));
process.exitCode = await (isHeld ? held(args) : load(args));
