import type { FieldDefinition, FieldSet, KeyDefinition, KeyDestinations } from './definitions.ts';
import { fieldDefinition } from './field-definitions.ts';
import type { KeyEntry } from './file-kinds.ts';
import type { Layers } from './layers.ts';

/** Every message key of a dialect. */
export function keyDefinitions(
  layers: Layers,
  fields: ReadonlyMap<string, FieldDefinition>,
): ReadonlyMap<string, KeyDefinition> {
  return new Map([...layers.keys()].map(([key, read]) => [key, keyDefinition(read, layers, fields)]));
}

function keyDefinition(
  read: KeyEntry,
  layers: Layers,
  fields: ReadonlyMap<string, FieldDefinition>,
): KeyDefinition {
  const { priorityByField } = read;
  const own = Object.entries(read.fields ?? {}).map(
    ([code, entry]) => [code, fieldDefinition(code, entry, layers)] as const,
  );
  return {
    key: read.key,
    title: read.title,
    kind: read.kind,
    priorityClass: read.priorityClass,
    priorityByField: priorityByField && {
      field: priorityByField.field,
      classes: new Map(Object.entries(priorityByField.classes)),
    },
    body: read.body,
    destinations: keyDestinations(read, layers),
    fields: fieldSet(read),
    cases: (read.cases ?? []).map(({ field, by }) => ({
      field,
      by: new Map(Object.entries(by).map(([value, set]) => [value, fieldSet(set)])),
    })),
    exclusive: read.exclusive ?? [],
    // Most keys have nothing of their own and look into the dialect's.
    dictionary: own.length === 0 ? fields : new Map([...fields, ...own]),
    repliedBy: read.repliedBy ?? [],
    expiresMs: read.expiresMs,
  };
}

function keyDestinations({ key, destinations }: KeyEntry, layers: Layers): KeyDestinations {
  const { kinds = [], max = 0, codesMax = max, only = [], implied = [] } = destinations;
  const isWritten = kinds.length > 0 && max > 0;
  const isImplied = implied.length > 0;
  const hasRest = isWritten || kinds.length > 0 || max > 0 || codesMax > 0 || only.length > 0;
  if (isImplied ? hasRest : !isWritten) {
    throw layers.fault([
      `message-keys/${key}.json`,
      '/destinations',
      'must say kinds and max, or what is implied and nothing else',
    ]);
  }
  return {
    kinds: new Set(kinds),
    max,
    codesMax,
    only: new Set(only),
    implied: implied.map((text) => ({ text, offset: 0, isImplied: true })),
  };
}

type FieldSetFile = Pick<KeyEntry, 'required' | 'alternatives' | 'optional'>;

function fieldSet({ required = [], alternatives = [], optional = [] }: FieldSetFile): FieldSet {
  return { permitted: new Set([...required, ...alternatives.flat(), ...optional]), required, alternatives };
}
