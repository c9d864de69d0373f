import { readFileSync, writeFileSync } from 'node:fs';
import type { Numbers } from './numbers.ts';

/** Keys from one process to another: the bytes of a Float64Array, in rising order. */
export const writeKeys = (file: string, keys: Float64Array<ArrayBuffer>): void => {
  writeFileSync(file, Buffer.from(keys.buffer));
};

/** The keys of all these files and these besides, in rising order. */
export const readKeys = (files: readonly string[], besides?: Numbers): Float64Array => {
  const parts = files.map((file) => {
    const bytes = readFileSync(file);
    return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  });
  if (besides !== undefined) parts.push(besides.sorted());
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    all.set(part, end);
    end += part.length;
  }
  return all.sort();
};
