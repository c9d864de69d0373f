import { parseArgs } from 'node:util';

/** The words of a call are off: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Kinds = Readonly<Record<string, 'boolean' | 'string'>>;
export type Options<K extends Kinds> = {
  readonly [O in keyof K]: K[O] extends 'boolean' ? boolean : string | undefined;
};

/** Reads options by their kinds and exactly the positional words named; anything else is a usage error. */
export const readOptions = <const K extends Kinds>(
  args: readonly string[],
  kinds: K,
  words: readonly string[] = [],
): { options: Options<K>; words: readonly string[] } => {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: Object.fromEntries(Object.entries(kinds).map(([name, type]) => [name, { type }])),
      allowPositionals: true,
    });
    if (positionals.length !== words.length)
      throw new UsageError(
        words.length > 0
          ? `expects: ${words.join(' ')}`
          : 'expects options only; a value with blanks in it needs quotes',
      );
    const options: Record<string, unknown> = {};
    for (const [name, kind] of Object.entries(kinds))
      options[name] = values[name] ?? (kind === 'boolean' ? false : undefined);
    return { options: options as Options<K>, words: positionals };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : 'wrong options');
  }
};

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
