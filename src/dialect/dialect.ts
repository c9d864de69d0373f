import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { z } from 'zod';
import { CheckedFolder, deepFreeze } from './checked-file.ts';
import { checkDialect } from './cross-checks.ts';
import type { Dialect, DestinationKind, FieldDefinition, FieldSet, KeyDefinition } from './definitions.ts';
import { byteClass, digit, letter, printable } from './characters.ts';
import { dialectFile, fieldsFile, framingFile, messageKeyFile } from './file-kinds.ts';

export type {
  AnswerForms,
  DestinationKind,
  Dialect,
  FieldCase,
  FieldDefinition,
  FieldSet,
  Framing,
  HeaderForm,
  KeyDefinition,
  KeyKind,
  OutputForm,
} from './definitions.ts';
export { byteClass, classAt, digit, letter, lineEnd, matchesPicture, printable } from './characters.ts';
export { destinationKindOf, isBroadcast } from './destinations.ts';
export { priorityClassOf } from './priority.ts';
export { clockValues, renderForm } from './form.ts';
export type { Clocks, FormValues } from './form.ts';
export { framed } from './framed.ts';
export type { Placeholder } from './file-kinds.ts';

/** A dialect with more keys than this is a wrong folder, not a dialect. */
const keysMax = 1000;

/**
 * Reads one folder of protocols/ into frozen objects. Throws DIALECT_INVALID naming file and JSON pointer (row, in a
 * table), never a value. Meant for start-up: it reads synchronously and checks everything once.
 */
export function loadDialect(folder: string): Dialect {
  const files = new CheckedFolder(folder, 'DIALECT_INVALID');
  const head = files.json('dialect.json', dialectFile);
  if (basename(resolve(folder)) !== head.name) {
    throw files.fault('dialect.json', '/name', 'must be the name of its folder');
  }
  const { kind, frameBytesMax, frameFaultsMax } = files.json('framing.json', framingFile);
  const dialect: Dialect = {
    name: head.name,
    title: head.title,
    framing: { kind, frameBytesMax, frameFaultsMax },
    header: head.header,
    destinations: destinationForms(head.destinations),
    fieldsMax: head.body.fieldsMax,
    keys: readKeys(folder, files),
    fields: readFields(files),
    regions: readRegions(files),
    answers: head.answers,
    output: head.output,
  };
  checkDialect(dialect, files);
  return deepFreeze(dialect);
}

function destinationForms(shapes: z.output<typeof dialectFile>['destinations']): Dialect['destinations'] {
  const order: readonly Exclude<DestinationKind, 'all-points'>[] = ['ori', 'state', 'region', 'group'];
  return {
    allPoints: new Set(shapes.allPoints),
    pictures: order.flatMap((kind) => {
      const picture = shapes[kind];
      return picture === undefined ? [] : [{ kind, picture }];
    }),
  };
}

function readKeys(folder: string, files: CheckedFolder): ReadonlyMap<string, KeyDefinition> {
  let names: string[];
  try {
    names = readdirSync(join(folder, 'message-keys')).filter((name) => name.endsWith('.json'));
  } catch (cause) {
    throw files.fault('message-keys', '', 'cannot be read', cause);
  }
  if (names.length > keysMax)
    throw files.fault('message-keys', '', `holds more than ${String(keysMax)} files`);
  const keys = new Map<string, KeyDefinition>();
  for (const name of names.sort()) {
    const file = `message-keys/${name}`;
    const read = files.json(file, messageKeyFile);
    if (name !== `${read.key}.json`) throw files.fault(file, '/key', 'must be the name of its file');
    keys.set(read.key, keyDefinition(read));
  }
  return keys;
}

function keyDefinition(read: z.output<typeof messageKeyFile>): KeyDefinition {
  const { priorityByField } = read;
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
    destinations: { kinds: new Set(read.destinations.kinds), max: read.destinations.max },
    fields: fieldSet(read),
    cases: (read.cases ?? []).map(({ field, by }) => ({
      field,
      by: new Map(Object.entries(by).map(([value, set]) => [value, fieldSet(set)])),
    })),
    repliedBy: read.repliedBy ?? [],
    expiresMs: read.expiresMs,
  };
}

type FieldSetFile = Pick<z.output<typeof messageKeyFile>, 'required' | 'alternatives' | 'optional'>;

function fieldSet({ required = [], alternatives = [], optional = [] }: FieldSetFile): FieldSet {
  return { permitted: new Set([...required, ...alternatives.flat(), ...optional]), required, alternatives };
}

const classesOf = {
  letters: letter,
  digits: digit,
  'letters-digits': letter | digit,
  text: printable,
} as const;

function readFields(files: CheckedFolder): ReadonlyMap<string, FieldDefinition> {
  const fields = new Map<string, FieldDefinition>();
  for (const [code, read] of Object.entries(files.json('fields.json', fieldsFile).fields)) {
    const allowed = Array.from(byteClass, (of) => (of & classesOf[read.characters]) !== 0);
    for (const extra of Buffer.from(read.also ?? '', 'latin1')) allowed[extra] = true;
    const table = read.codeTable && files.table(`codes/${read.codeTable}.tsv`, ['code', 'meaning', 'source']);
    fields.set(code, {
      code,
      title: read.title,
      lengthMin: read.lengthMin,
      lengthMax: read.lengthMax,
      allowed,
      contains: read.contains ?? '',
      pictures: read.pictures ?? [],
      orValues: new Set(read.orValues),
      codes: table ? new Set(table.map((row) => row.code)) : undefined,
      isCodeTableComplete: read.codeTableComplete ?? true,
      isSensitive: read.sensitive,
    });
  }
  return fields;
}

function readRegions(files: CheckedFolder): ReadonlyMap<string, readonly string[]> {
  const rows = files.table('regions.tsv', ['region', 'states', 'source']);
  return new Map(rows.map(({ region, states }) => [region, states.split(' ')]));
}
