import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { machine } from './machine.ts';

export type ProgramOptions = {
  readonly json: boolean;
  readonly help: boolean;
  readonly out: string | undefined;
  readonly profile: string | undefined;
  readonly pauses: string | undefined;
};

export type ProgramParts<O extends ProgramOptions, R extends object> = {
  readonly usage: string;
  /** Throws with the reason when an option is wrong. */
  readonly read: (args: readonly string[]) => O;
  /** `folder` is empty at the start and removed at the end. */
  readonly measure: (options: O, folder: string) => Promise<R>;
  readonly line: (result: R) => string;
  readonly table: (result: R) => string;
  readonly isRight: (result: R) => boolean;
};

/** A measuring program from its arguments to its exit code: 0 right, 1 something lost or repeated, 2 wrong options. */
export const program = async <O extends ProgramOptions, R extends object>(
  args: readonly string[],
  parts: ProgramParts<O, R>,
): Promise<number> => {
  let options: O;
  try {
    options = parts.read(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'wrong options'}\n${parts.usage}\n`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(`${parts.usage}\n`);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-load-'));
  observe(options);
  const at = new Date().toISOString();
  const where = machine();
  try {
    const result = await parts.measure(options, folder);
    if (options.out !== undefined) {
      const file = options.out.endsWith('.json') ? options.out : join(options.out, 'result.json');
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${JSON.stringify({ at, machine: where, ...result }, null, 2)}\n`);
    }
    process.stdout.write(`${options.json ? parts.line(result) : parts.table(result)}\n`);
    return parts.isRight(result) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** The processes of the switch take these along; those of the measurement do not. */
const observe = ({ profile, pauses }: ProgramOptions): void => {
  const nodeOptions = [
    ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(made(profile))}`]),
    ...(pauses === undefined ? [] : [`--import=${pausesModule(made(pauses))}`]),
  ];
  if (nodeOptions.length > 0) process.env['NODE_OPTIONS'] = nodeOptions.join(' ');
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
