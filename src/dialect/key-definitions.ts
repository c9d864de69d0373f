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
  const { priorityByField, expiresByField } = read;
  const own = Object.entries(read.fields ?? {}).map(
    ([code, entry]) => [code, fieldDefinition(code, entry, layers)] as const,
  );
  return {
    key: read.key,
    title: read.title,
    kind: read.kind,
    suffixes: read.suffixes ?? [],
    priorityClass: read.priorityClass,
    priorityByField: priorityByField && {
      field: priorityByField.field,
      classes: new Map(Object.entries(priorityByField.classes)),
    },
    body: read.body,
    destinations: keyDestinations(read, layers),
    fields: fieldSet({ ...read, optional: [...(read.optional ?? []), ...alsoFields(read)] }),
    cases: (read.cases ?? []).map(({ field, by }) => ({
      field,
      by: new Map(Object.entries(by).map(([value, set]) => [value, fieldSet(set)])),
    })),
    exclusive: read.exclusive ?? [],
    alternativesFirst: read.alternativesFirst,
    byDestination: (read.byDestination ?? []).map(({ destinations, only, also }) => ({
      destinations: new Set(destinations),
      only: new Set(only),
      also: new Set(also),
    })),
    // Most keys have nothing of their own and look into the dialect's.
    dictionary: own.length === 0 ? fields : new Map([...fields, ...own]),
    repliedBy: read.repliedBy ?? [],
    expiresMs: read.expiresMs,
    expiresByField: expiresByField && {
      field: expiresByField.field,
      ms: new Map(Object.entries(expiresByField.ms)),
    },
    numbers: read.numbers ?? '',
  };
}

function keyDestinations({ key, destinations }: KeyEntry, layers: Layers): KeyDestinations {
  const {
    kinds = [],
    max = 0,
    codesMax = max,
    only = [],
    except = [],
    alone = [],
    implied = [],
  } = destinations;
  const isWritten = kinds.length > 0 && max > 0;
  const isImplied = implied.length > 0;
  const lists = [kinds, only, except, alone];
  const hasRest = max > 0 || codesMax > 0 || lists.some(({ length }) => length > 0);
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
    except: new Set(except),
    alone,
    implied: implied.map((text) => ({ text, offset: 0, isImplied: true })),
  };
}

/** They are the key's fields, too: where they may not be, it is for the destination's sake. */
function alsoFields({ byDestination = [] }: KeyEntry): readonly string[] {
  return byDestination.flatMap(({ also = [] }) => also);
}

type FieldSetFile = Pick<KeyEntry, 'required' | 'alternatives' | 'optional'>;

function fieldSet({ required = [], alternatives = [], optional = [] }: FieldSetFile): FieldSet {
  return { permitted: new Set([...required, ...alternatives.flat(), ...optional]), required, alternatives };
}
