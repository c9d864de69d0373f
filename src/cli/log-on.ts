import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { hashPassword } from '../vault/password-hash.ts';
import { print, readOptions, UsageError } from './usage.ts';

const userPattern = /^[A-Z0-9][A-Z0-9-]{0,31}$/;

/** Prints an entry for users.json. The password comes by input, never as an argument: those stand in the list of processes. */
export const run = async (args: readonly string[]): Promise<number> => {
  const { words } = readOptions(args, {}, ['hash', 'USER']);
  const [verb, user = ''] = words;
  if (verb !== 'hash') throw new UsageError('expects: hash USER');
  if (!userPattern.test(user))
    throw new UsageError(
      'a user has up to 32 capital letters, digits and hyphens, and a hyphen is not the first',
    );
  const password = await readPassword();
  if (password === '') throw new UsageError('expects a password on its input');
  print(JSON.stringify({ user, hash: await hashPassword(Buffer.from(password, 'utf8')) }));
  return 0;
};

/** The first line of the input; what is typed on a terminal is not shown. */
const readPassword = async (): Promise<string> => {
  const isTerminal = process.stdin.isTTY;
  if (isTerminal) process.stderr.write('password: ');
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: isTerminal });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    if (isTerminal) process.stderr.write('\n');
  }
};
