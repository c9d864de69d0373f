import { codes } from '../src/message/codes.ts';

/** What docs/refusals.md says of a code: the rows of the table below its heading. */
export type Entry = { readonly section: string; readonly rows: ReadonlyMap<string, string> };

const tableBegins = '<!-- the table: node scripts/write-refusal-table.ts -->';
const tableEnds = '<!-- end of the table -->';

/** `### CODE` and the two-column table below it, under `## Refusals` or `## Faults`. Throws where a code stands twice. */
export function readPage(text: string): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  let section = '';
  let rows = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, heading] = /^## (\w+)$/.exec(line) ?? [];
    const [, code] = /^### (\w+)$/.exec(line) ?? [];
    const [, name, value] = /^\| (\w[\w ]*) \| (.+) \|$/.exec(line) ?? [];
    if (heading !== undefined) section = heading;
    if (code !== undefined) {
      if (entries.has(code)) throw new Error(`${code} stands twice`);
      rows = new Map();
      entries.set(code, { section, rows });
    }
    if (name !== undefined && value !== undefined) rows.set(name, value);
  }
  return entries;
}

/** What the page says a code is tested by: samples by name, test files by path. */
export function testedBy(rows: ReadonlyMap<string, string>): {
  readonly samples: readonly string[];
  readonly files: readonly string[];
} {
  const named = Array.from((rows.get('Tested by') ?? '').matchAll(/`([^`]+)`/g), ([, name = '']) => name);
  return {
    samples: named.filter((name) => /^[\w-]+$/.test(name)),
    files: named.filter((name) => name.endsWith('.test.ts')),
  };
}

/** The page with its table of refusals made anew from what stands below it. Throws where the page has no place for it. */
export function withTable(text: string): string {
  const [from, to] = [text.indexOf(tableBegins), text.indexOf(tableEnds)];
  if (from === -1 || to < from) throw new Error('docs/refusals.md has no place for its table');
  return `${text.slice(0, from)}${tableBegins}\n\n${tableOf(readPage(text)).join('\n')}\n\n${text.slice(to)}`;
}

function tableOf(page: ReadonlyMap<string, Entry>): readonly string[] {
  const rows = Object.entries(codes).flatMap(([code, row]) => {
    if (row.kind !== 'refusal') return [];
    const entry = page.get(code)?.rows ?? new Map<string, string>();
    const samples = testedBy(entry).samples.map((name) => `\`${name}\``);
    const link = `[${code}](#${code.toLowerCase()})`;
    const does = firstSentence(entry.get('Do') ?? '');
    return [`| ${link} | \`${row.status}\` | ${row.room} | ${row.retry} | ${does} | ${samples.join(', ')} |`];
  });
  return ['| Code | Status | Raised by | Retry | Do | Sample |', '|---|---|---|---|---|---|', ...rows];
}

type Advice = Readonly<Record<string, { readonly means: string; readonly does: string }>>;

/** What the page says of each refusal, a sentence each. */
export function adviceOf(text: string): Advice {
  const page = readPage(text);
  const rows = Object.entries(codes).flatMap(([code, row]) => {
    const entry = page.get(code)?.rows;
    if (row.kind !== 'refusal' || entry === undefined) return [];
    const sentence = (name: string) => firstSentence(entry.get(name) ?? '').replaceAll('`', '');
    return [[code, { means: sentence('Means'), does: sentence('Do') }] as const];
  });
  return Object.fromEntries(rows);
}

/** The same as a program's module. */
export function adviceModule(text: string): string {
  const rows = Object.entries(adviceOf(text)).map(
    ([code, { means, does }]) =>
      `  ${code}: {\n    means: ${quoted(means)},\n    does: ${quoted(does)},\n  },\n`,
  );
  return `import type { RefusalCode } from '../message/codes.ts';

type Advice = { readonly means: string; readonly does: string };

/** What a refusal means and what to do: the first sentences of docs/refusals.md. Written by scripts/write-refusal-table.ts. */
export const advice: Readonly<Partial<Record<RefusalCode, Advice>>> = {
${rows.join('')}};
`;
}

function firstSentence(text: string): string {
  return /^.*?[.!?](?= [A-Z\`]|$)/.exec(text)?.[0] ?? text;
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  return `${quote}${text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`)}${quote}`;
}
