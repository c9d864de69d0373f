import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A case of the suite as its source names it. */
export type SourceCase = { readonly file: string; readonly name: string; readonly needs: string };

/** They ask no bus, or have a list of their own (the faults). */
const apart = /^(model|contract-.*|fault.*)\.test\.ts$/;
const called = /\b(?:test|reading)\(\s*('(?:[^'\\\n]|\\.)*')([\s\S]{0,140}?)=>/g;
const shorthand = /const (\w+) = \{ needs: (\[[^\]]*\]) \} as const/g;

/** Every case of the contract, read from the sources: names are written out there, not put together. */
export function casesInSource(folder = import.meta.dirname): readonly SourceCase[] {
  const files = globSync('*.test.ts', { cwd: folder }).filter((file) => !apart.test(file));
  return files
    .sort()
    .flatMap((file) => casesOf(basename(file, '.test.ts'), readFileSync(join(folder, file), 'utf8')));
}

function casesOf(file: string, source: string): readonly SourceCase[] {
  const known = new Map([...source.matchAll(shorthand)].map(([, name = '', list = '']) => [name, list]));
  const isReading = source.includes('const reading = ');
  return [...source.matchAll(called)].map(([, quoted = '', options = '']) => {
    const named = [...known].find(([name]) => new RegExp(`,\\s*${name}\\s*,`).test(options))?.[1];
    const list = named ?? /needs: (\[[^\]]*\])/.exec(options)?.[1] ?? (isReading ? "['own process']" : '[]');
    const needs = [...list.matchAll(/'([^']*)'/g)].map(([, need]) => need).join(', ');
    return { file, name: quoted.slice(1, -1).replaceAll("\\'", "'"), needs };
  });
}
