import { byteClass, digit, letter, printable } from './characters.ts';
import type { FieldDefinition } from './definitions.ts';
import type { FieldEntry } from './file-kinds.ts';
import type { Layers } from './layers.ts';

const classesOf = {
  letters: letter,
  digits: digit,
  'letters-digits': letter | digit,
  text: printable,
} as const;

/** The dialect's field dictionary. */
export function fieldDefinitions(layers: Layers): ReadonlyMap<string, FieldDefinition> {
  const entries = Object.entries(layers.fields());
  return new Map(entries.map(([code, entry]) => [code, fieldDefinition(code, entry, layers)]));
}

/** One field of the dictionary, or of a message key's own. */
export function fieldDefinition(code: string, entry: FieldEntry, layers: Layers): FieldDefinition {
  const allowed = Array.from(byteClass, (of) => (of & classesOf[entry.characters]) !== 0);
  for (const extra of Buffer.from(entry.also ?? '', 'latin1')) allowed[extra] = true;
  const table =
    entry.codeTable &&
    layers.table(`codes/${entry.codeTable}.tsv`, ['code', 'meaning', 'confidence', 'source']);
  return {
    code,
    title: entry.title,
    lengthMin: entry.lengthMin,
    lengthMax: entry.lengthMax,
    allowed,
    contains: entry.contains ?? '',
    pictures: entry.pictures ?? [],
    orValues: new Set(entry.orValues),
    codeTable: entry.codeTable ?? '',
    codes: table ? new Set(table.map((row) => row.code)) : undefined,
    isCodeTableComplete: entry.codeTableComplete ?? true,
    isSensitive: entry.sensitive,
  };
}
