import { confidences } from '../dialect/definitions.ts';
import type { DialectParts } from './dialect-parts.ts';
import type { Said } from './said.ts';

const NAME_WIDTH_MAX = 30;
const SAYS_WIDTH = 64;

/** What nobody may rely on before it was compared with the manual in use, or agreed with the other end. */
export function isUnconfirmed({ confidence }: Said): boolean {
  return confidence === 'uncertain' || confidence === 'convention';
}

/** A dialect as one page: a line for each thing it says, the file it comes from and how sure that is; sources are numbered below. */
export function dialectPage(
  { name, title, standsOn }: DialectParts,
  said: readonly Said[],
): readonly string[] {
  const sources = [...new Set(said.map(({ source }) => source))];
  const noteOf = new Map(sources.map((source, at) => [source, `[${String(at + 1)}]`]));
  const parts = [...new Set(said.map(({ part }) => part))];
  return [
    `${name}: ${title}`,
    ...(standsOn.length > 0 ? [`stands on ${standsOn.join(', which stands on ')}`] : []),
    countLine(said),
    ...parts.flatMap((part) => [
      '',
      part,
      ...partLines(
        said.filter((one) => one.part === part),
        noteOf,
      ),
    ]),
    '',
    'sources',
    ...sources.map((source) => `  ${noteOf.get(source) ?? ''} ${source}`),
  ];
}

function countLine(said: readonly Said[]): string {
  const counts = confidences.map(
    (one) => `${String(said.filter(({ confidence }) => confidence === one).length)} ${one}`,
  );
  return `${String(said.length)} things said: ${counts.join(', ')}`;
}

function partLines(said: readonly Said[], noteOf: ReadonlyMap<string, string>): readonly string[] {
  const width = Math.min(NAME_WIDTH_MAX, Math.max(...said.map(({ name }) => name.length)));
  return said.flatMap(({ name, says, from, confidence, source }) => {
    const origin = `${from}  ${confidence} ${noteOf.get(source) ?? ''}`;
    const [first = '', ...more] = says;
    const head = `  ${name.padEnd(width)}  ${first}`;
    const below = more.map((text) => `  ${' '.repeat(width)}  ${text}`);
    return [`${head.padEnd(4 + width + SAYS_WIDTH)}  ${origin}`, ...below];
  });
}
