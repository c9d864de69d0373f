import { heldUsage, readHeldOptions } from './held-options.ts';
import { heldLine, heldTable } from './held-report.ts';
import { runHeld } from './held-run.ts';
import { program } from './program.ts';

/**
 * A million messages for one station that is away: are they taken as fast as into an empty lane, and given as fast as from a small one?
 * Exit 0 only if all came, in order, and nothing twice without a mark. With --json the last line of stdout is the result.
 */
export const held = (args: readonly string[]): Promise<number> =>
  program(args, {
    usage: heldUsage,
    read: readHeldOptions,
    measure: runHeld,
    line: heldLine,
    table: heldTable,
    isRight: ({ summary: { lost, duplicates, outOfOrder } }) =>
      lost === 0 && duplicates === 0 && outOfOrder === 0,
  });

if (import.meta.main) process.exitCode = await held(process.argv.slice(2));
