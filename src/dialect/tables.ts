import type { z } from 'zod';
import type { Dialect, FieldDefinition, KeyDefinition } from './definitions.ts';
import type { dialectFile } from './file-kinds.ts';
import type { Layers } from './layers.ts';

type Head = z.output<typeof dialectFile>;

/** Every table that a field, a key or dialect.json names, code to meaning. Throws DIALECT_INVALID where one is missing. */
export function readTables(
  { tables = [], destinations }: Head,
  fields: ReadonlyMap<string, FieldDefinition>,
  keys: ReadonlyMap<string, KeyDefinition>,
  layers: Layers,
): Dialect['tables'] {
  const keyList = [...keys.values()];
  const dictionaries = [fields, ...keyList.map(({ dictionary }) => dictionary)];
  const ofFields = dictionaries.flatMap((one) => Array.from(one.values(), ({ codeTable }) => codeTable));
  const ofKeys = keyList.map(({ numbers }) => numbers);
  const names = new Set([...tables, ...ofFields, ...ofKeys, destinations.genericOris ?? '']);
  names.delete('');
  return new Map(Array.from(names, (name) => [name, readTable(name, layers)]));
}

function readTable(name: string, layers: Layers): ReadonlyMap<string, string> {
  const rows = layers.table(`codes/${name}.tsv`, ['code', 'meaning', 'confidence', 'source']);
  return new Map(rows.map(({ code, meaning }) => [code, meaning]));
}
