import { pointerOf } from './checked-file.ts';
import { checkForms } from './check-forms.ts';
import type { Dialect, FieldDefinition, FieldSet, KeyDefinition } from './definitions.ts';
import { checkDestinationWords } from './check-destinations.ts';
import { checkXml } from './check-xml.ts';
import { destinationKindOf } from './destinations.ts';
import { checkSession } from './check-session.ts';
import type { Layers, Wrong } from './layers.ts';

/** What no single file can show: that every code one file uses, another defines. Throws at the first hole. */
export function checkDialect(
  dialect: Dialect,
  relayed: readonly (readonly string[])[],
  layers: Layers,
): void {
  for (const check of checksOf(dialect, relayed, layers)) check();
}

/** The checks one by one, each of which throws at its first hole: who wants to see more than one runs them all. */
export function checksOf(
  dialect: Dialect,
  relayed: readonly (readonly string[])[],
  layers: Layers,
): readonly (() => void)[] {
  return [
    () => {
      checkKeyLengths(dialect, layers);
    },
    ...Array.from(dialect.fields.values(), (field) => () => {
      checkField(field, 'fields.json', layers);
    }),
    ...Array.from(dialect.keys.values(), (key) => () => {
      checkKey(key, dialect, layers);
    }),
    () => {
      checkForms(dialect, relayed, layers);
    },
    () => {
      checkSession(dialect, layers);
    },
    () => {
      checkDestinationWords(dialect, layers);
    },
    () => {
      checkXml(dialect, layers);
    },
    () => {
      checkRegions(dialect, layers);
    },
    () => {
      checkTables(dialect, layers);
    },
  ];
}

function checkKeyLengths({ header }: Dialect, layers: Layers): void {
  const { lengthMin, lengthMax } = header.messageKey;
  if (lengthMin <= lengthMax) return;
  throw layers.fault(
    ['dialect.json', '/header/messageKey/lengthMin', 'must not pass lengthMax'],
    ['dialect.json', '/header/messageKey/lengthMax', 'must not be below lengthMin'],
  );
}

function checkField({ code, lengthMin, lengthMax }: FieldDefinition, file: string, layers: Layers): void {
  if (lengthMin > lengthMax) {
    throw layers.fault([file, `/fields/${code}/lengthMin`, 'must not pass lengthMax']);
  }
}

function checkKey(key: KeyDefinition, dialect: Dialect, layers: Layers): void {
  const file = `message-keys/${key.key}.json`;
  const { lengthMin, lengthMax } = dialect.header.messageKey;
  if (key.key.length < lengthMin || key.key.length > lengthMax) {
    throw layers.fault(
      [file, '/key', 'has a length the header does not allow'],
      ['dialect.json', '/header/messageKey', `does not allow the length of ${file}`],
    );
  }
  checkDestinations(key, file, dialect, layers);
  for (const reply of key.repliedBy) {
    if (dialect.keys.has(reply)) continue;
    const leftOut = layers.leftOut(reply);
    throw layers.fault(
      [file, '/repliedBy', 'names a key that has no file'],
      ...(leftOut === undefined ? [] : [wrong('dialect.json', leftOut, `is what answers ${file}`)]),
    );
  }
  for (const field of key.dictionary.values()) {
    if (field !== dialect.fields.get(field.code)) checkField(field, file, layers);
  }
  checkBody(key, file, dialect, layers);
}

function checkDestinations(
  { destinations }: KeyDefinition,
  file: string,
  dialect: Dialect,
  layers: Layers,
): void {
  for (const kind of destinations.kinds) {
    const isKnown =
      kind === 'all-points'
        ? dialect.destinations.allPoints.size > 0
        : dialect.destinations.pictures.some((form) => form.kind === kind);
    if (isKnown) continue;
    const form = kind === 'all-points' ? 'allPoints' : kind;
    throw layers.fault(
      [file, '/destinations/kinds', 'names a kind dialect.json has no form for'],
      ['dialect.json', pointerOf(['destinations', form]), `is a kind that ${file} names`],
    );
  }
}

function checkBody(key: KeyDefinition, file: string, dialect: Dialect, layers: Layers): void {
  const hasFields =
    key.fields.permitted.size > 0 ||
    key.cases.length > 0 ||
    key.exclusive.length > 0 ||
    key.dictionary !== dialect.fields;
  // In a document fields and text stand in elements of their own.
  const mayHaveBoth = dialect.header.form === 'xml';
  if (key.body === 'text' && !mayHaveBoth && (hasFields || key.priorityByField || key.expiresByField)) {
    throw layers.fault([file, '/body', 'is text, yet the file names fields']);
  }
  const known = (set: FieldSet, path: readonly string[]) => {
    for (const code of set.permitted) {
      if (key.dictionary.has(code)) continue;
      throw layers.fault(
        [file, pointerOf(path), 'names a field fields.json lacks'],
        ['fields.json', pointerOf(['fields', code]), `is a field that ${file} names`],
      );
    }
  };
  known(key.fields, []);
  if (key.alternativesFirst !== undefined && key.fields.alternatives.length === 0) {
    throw layers.fault([file, '/alternativesFirst', 'is there without alternatives']);
  }
  for (const [at, codes] of key.exclusive.entries()) {
    if (codes.every((code) => key.fields.permitted.has(code))) continue;
    throw layers.fault([file, pointerOf(['exclusive', at]), 'names a field this key does not list']);
  }
  for (const [at, { field, by }] of key.cases.entries()) {
    for (const [value, set] of by) {
      checkCode(field, value, ['cases', String(at), 'by', value]);
      known(set, ['cases', String(at), 'by', value]);
    }
  }
  for (const value of key.priorityByField?.classes.keys() ?? []) {
    checkCode(key.priorityByField?.field ?? '', value, ['priorityByField', 'classes', value]);
  }
  for (const value of key.expiresByField?.ms.keys() ?? []) {
    checkCode(key.expiresByField?.field ?? '', value, ['expiresByField', 'ms', value]);
  }

  // A decision hangs on this field's value: it must be a field of this key, and the value one it can have.
  function checkCode(field: string, value: string, path: readonly string[]): void {
    if (!key.fields.permitted.has(field)) {
      throw layers.fault([file, pointerOf(path), 'hangs on a field this key does not list']);
    }
    const definition = key.dictionary.get(field);
    if (definition?.codes?.has(value) === true) return;
    const table = definition?.codeTable ?? '';
    throw layers.fault(
      [file, pointerOf(path), "is not in its field's code table"],
      ['fields.json', pointerOf(['fields', field]), `has no table with a code that ${file} hangs on`],
      ...(table === '' ? [] : [wrong(`codes/${table}.tsv`, '', `lacks a code that ${file} hangs on`)]),
    );
  }
}

function checkRegions(dialect: Dialect, layers: Layers): void {
  for (const [at, [region, states]] of [...dialect.regions].entries()) {
    const row = `/${String(at + 2)}`;
    if (destinationKindOf(region, dialect) !== 'region') {
      throw layers.fault(
        ['regions.tsv', row, 'has a region code that does not look like one'],
        ['dialect.json', '/destinations/region', 'is not the form of a code in regions.tsv'],
      );
    }
    if (states.some((state) => destinationKindOf(state, dialect) !== 'state')) {
      throw layers.fault(
        ['regions.tsv', row, 'has a member that does not look like a state code'],
        ['dialect.json', '/destinations/state', 'is not the form of a member in regions.tsv'],
      );
    }
  }
}

/** A table in a difference that replaces nothing is a slip of the pen: the one it was meant for still holds. */
function checkTables(dialect: Dialect, layers: Layers): void {
  const used = new Set(Array.from(dialect.tables.keys(), (name) => `codes/${name}.tsv`));
  for (const table of layers.ownTables()) {
    if (!used.has(table)) throw layers.fault([table, '', 'is a table that no field names']);
  }
}

const wrong = (file: string, pointer: string, text: string): Wrong => [file, pointer, text];
