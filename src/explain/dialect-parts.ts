import { z } from 'zod';
import type { Confidence } from '../dialect/definitions.ts';
import { loadDialect } from '../dialect/dialect.ts';
import type { FieldEntry, KeyEntry } from '../dialect/file-kinds.ts';
import { Layers } from '../dialect/layers.ts';
import { fieldWords, keyWords } from './key-words.ts';
import { type Grounds, type Said, saidIn } from './said.ts';

/** A dialect with everything it stands on, as one list of what it says. `standsOn`: nearest first. */
export type DialectParts = {
  readonly name: string;
  readonly title: string;
  readonly standsOn: readonly string[];
  readonly said: readonly Said[];
};

const anyObject = z.looseObject({});
/** Files that are replaced as a whole, and shown member by member. */
const wholeFiles = ['framing', 'xml'] as const;

/** Reads a dialect's folder and those it stands on. Throws DIALECT_INVALID for one that the switch would not start with. */
export function dialectParts(folder: string): DialectParts {
  const { tables } = loadDialect(folder);
  const layers = Layers.read(folder);
  const { name, title, ...head } = layers.head();
  const names = layers.upwards().map((pile) => pile.origin('dialect.json', '/name').dialect);
  return {
    name,
    title,
    standsOn: names.toReversed().slice(1),
    said: [
      ...Object.entries(head).flatMap(([part, value]) => headPart(part, value, layers)),
      ...wholeFiles.flatMap((part) => wholeFile(part, layers)),
      ...Array.from(layers.keys(), ([key, entry]) => keySaid(key, entry, layers)),
      ...Object.entries(layers.fields()).map(([code, entry]) => fieldSaid(code, entry, layers)),
      ...[...tables.keys()].sort().flatMap((table) => tableSaid(table, layers)),
      ...regionsSaid(layers),
      ...layers.takenAway().map(({ what, ...origin }) => ({
        part: 'left out',
        name: what,
        says: ['the dialect below has it'],
        ...groundsOf('dialect.json', origin),
      })),
    ],
  };
}

function groundsOf(
  file: string,
  {
    dialect,
    confidence,
    source,
  }: { readonly dialect: string; readonly confidence: Confidence; readonly source: string },
): Grounds {
  return { from: `${dialect}/${file}`, confidence, source };
}

/** A member of dialect.json, which two dialects may have said together: each leaf has an origin of its own. */
function headPart(part: string, value: unknown, layers: Layers): readonly Said[] {
  if (['$schema', 'source', 'confidence'].includes(part) || value === undefined) return [];
  const file = 'dialect.json';
  const at = (path: readonly string[]) => groundsOf(file, layers.origin(file, ['', part, ...path].join('/')));
  const own = (path: readonly string[]): Grounds | undefined =>
    isOwnGround(value, path) ? undefined : at(path);
  return saidIn(part, value, at([]), own);
}

/** Something around this leaf says its own source, which then holds rather than the file's. */
function isOwnGround(value: unknown, path: readonly string[]): boolean {
  let at = value;
  for (const name of ['', ...path]) {
    if (name !== '') at = (at as Readonly<Record<string, unknown>>)[name];
    if (typeof at === 'object' && at !== null && 'confidence' in at) return true;
  }
  return false;
}

function wholeFile(part: (typeof wholeFiles)[number], layers: Layers): readonly Said[] {
  const file = `${part}.json`;
  if (!layers.has(file)) return [];
  return saidIn(part, layers.json(file, anyObject), groundsOf(file, layers.origin(file)));
}

function keySaid(key: string, entry: KeyEntry, layers: Layers): Said {
  const file = `message-keys/${key}.json`;
  const { confidence, source } = entry;
  const grounds = groundsOf(file, { ...layers.origin(file), confidence, source });
  return { part: 'message keys', name: key, says: keyWords(entry), ...grounds };
}

function fieldSaid(code: string, entry: FieldEntry, layers: Layers): Said {
  const { confidence, source } = entry;
  const origin = { ...layers.origin('fields.json', `/fields/${code}`), confidence, source };
  return { part: 'fields', name: code, says: fieldWords(entry), ...groundsOf('fields.json', origin) };
}

function tableSaid(table: string, layers: Layers): readonly Said[] {
  const file = `codes/${table}.tsv`;
  const { dialect } = layers.origin(file);
  return layers.table(file, ['code', 'meaning', 'confidence', 'source']).map(({ code, meaning, ...row }) => ({
    part: `table ${table}`,
    name: code,
    says: [meaning],
    ...groundsOf(file, { dialect, source: row.source, confidence: row.confidence as Confidence }),
  }));
}

function regionsSaid(layers: Layers): readonly Said[] {
  const { dialect } = layers.origin('regions.tsv');
  return layers
    .table('regions.tsv', ['region', 'states', 'confidence', 'source'])
    .map(({ region, states, ...row }) => ({
      part: 'regions',
      name: region,
      says: [states],
      ...groundsOf('regions.tsv', { dialect, source: row.source, confidence: row.confidence as Confidence }),
    }));
}
