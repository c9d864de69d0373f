import { existsSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** What a result was measured on. */
export const machine = () => ({
  cores: cpus().length,
  model: cpus()[0]?.model.trim() ?? '',
  memoryBytes: totalmem(),
  node: process.version,
  commit: commit(),
});

/** The commit checked out, read from the files of .git; empty outside a clone or before the first commit. */
const commit = (): string => {
  const read = (...path: string[]): string => {
    const file = join(root, '.git', ...path);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  const head = read('HEAD').trim();
  if (!head.startsWith('ref: ')) return head;
  const ref = head.slice('ref: '.length);
  const loose = read(...ref.split('/')).trim();
  if (loose !== '') return loose;
  const packed = read('packed-refs')
    .split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  return packed?.split(' ')[0] ?? '';
};
