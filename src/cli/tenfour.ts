#!/usr/bin/env node
import { Fault } from '../message/codes.ts';
import { commands } from './commands.ts';
import { UsageError } from './usage.ts';

/** As a shell says it of a program that SIGPIPE ended. */
const OUTPUT_GONE = 141;

/**
 * The one program. Exit codes: 0 done, 1 the command's own "no" (lost messages, a broken chain), 2 wrong usage, 3 a fault.
 * Only our own faults print their text; a foreign error's text may quote what it choked on.
 */
const main = async (argv: readonly string[]): Promise<number> => {
  const [name = 'help', ...args] = argv;
  if (name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(helpText());
    return 0;
  }
  const command = commands[name];
  if (command === undefined) {
    process.stderr.write(`tenfour: no such command; try 'tenfour help'\n`);
    return 2;
  }
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`tenfour ${command.usage}\n  ${command.does}\n`);
    return 0;
  }
  const { run } = await command.load();
  return run(args);
};

const helpText = (): string => {
  const rows = Object.values(commands).map(({ usage, does }) => `  tenfour ${usage}\n      ${does}\n`);
  return `tenfour - a message switch between law-enforcement networks and an agency's cloud\n\n${rows.join('')}`;
};

// Whoever read what we print has gone (`| head`): the end, as for any program in a pipe, and no fault.
process.stdout.on('error', () => process.exit(OUTPUT_GONE));
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`tenfour: ${error.message}\n`);
    process.exitCode = 2;
  } else {
    const text =
      error instanceof Fault ? error.message : `unexpected ${error instanceof Error ? error.name : 'error'}`;
    process.stderr.write(`tenfour: ${text}\n`);
    if (!(error instanceof Fault) && error instanceof Error) {
      // Where, not what: frames of our own code say which call failed.
      process.stderr.write(`${(error.stack ?? '').split('\n').slice(1).join('\n')}\n`);
    }
    process.exitCode = 3;
  }
}
