import { parseArgs } from 'node:util';
import { heldLinesMax } from './held-site.ts';

export type HeldOptions = {
  /** Messages held for the station that is away. */
  readonly held: number;
  readonly lines: number;
  readonly window: number;
  readonly durability: 'fsync' | 'everysec';
  readonly isRewriting: boolean;
  readonly json: boolean;
  readonly help: boolean;
  readonly out: string | undefined;
  readonly profile: string | undefined;
  readonly pauses: string | undefined;
};

export const heldUsage = `npm run load -- --held 1000000 [--lines 8] [--window 512] [--durability fsync|everysec] [--aof-rewrite]
               [--json] [--out DIR|FILE.json] [--profile DIR] [--pauses DIR]
  --held N       messages that wait for a station that is away, 500 to 10000000
  --window N     messages without an answer, all sending lines together
  --aof-rewrite  Redis may rewrite its append-only file meanwhile; without it that is off, so that no part of the run pays for it`;

/** Throws with the reason when an option is unknown or out of bounds. */
export const readHeldOptions = (args: readonly string[]): HeldOptions => {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      held: { type: 'string' },
      lines: { type: 'string' },
      window: { type: 'string' },
      durability: { type: 'string' },
      'aof-rewrite': { type: 'boolean' },
      json: { type: 'boolean' },
      out: { type: 'string' },
      profile: { type: 'string' },
      pauses: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const number = (name: keyof typeof values, fallback: number, min: number, max: number): number => {
    const value = Number(values[name] ?? fallback);
    if (!(value >= min && value <= max)) throw new Error(`--${name} is ${String(min)} to ${String(max)}`);
    return Math.floor(value);
  };
  const durability = values.durability ?? 'fsync';
  if (durability !== 'fsync' && durability !== 'everysec')
    throw new Error('--durability is fsync or everysec');
  const lines = number('lines', 8, 1, heldLinesMax);
  return {
    held: number('held', 1_000_000, 500, 10_000_000),
    lines,
    window: number('window', 512, lines, 65_536),
    durability,
    isRewriting: values['aof-rewrite'] === true,
    json: values.json === true,
    help: values.help === true,
    out: values.out,
    profile: values.profile,
    pauses: values.pauses,
  };
};
