import type { CheckedFolder } from './checked-file.ts';
import { pointerOf } from './checked-file.ts';
import type { Dialect, FieldSet, KeyDefinition } from './definitions.ts';
import { destinationKindOf } from './destinations.ts';

/** What no single file can show: that every code one file uses, another defines. Throws at the first hole. */
export function checkDialect(dialect: Dialect, files: CheckedFolder): void {
  const { lengthMin, lengthMax } = dialect.header.messageKey;
  if (lengthMin > lengthMax) {
    throw files.fault('dialect.json', '/header/messageKey/lengthMin', 'must not pass lengthMax');
  }
  for (const { code, lengthMin: min, lengthMax: max } of dialect.fields.values()) {
    if (min > max) throw files.fault('fields.json', `/fields/${code}/lengthMin`, 'must not pass lengthMax');
  }
  for (const key of dialect.keys.values()) checkKey(key, dialect, files);
  checkOutput(dialect, files);
  checkRegions(dialect, files);
}

function checkKey(key: KeyDefinition, dialect: Dialect, files: CheckedFolder): void {
  const file = `message-keys/${key.key}.json`;
  const { lengthMin, lengthMax } = dialect.header.messageKey;
  if (key.key.length < lengthMin || key.key.length > lengthMax) {
    throw files.fault(file, '/key', 'has a length the header does not allow');
  }
  for (const kind of key.destinations.kinds) {
    const isKnown =
      kind === 'all-points'
        ? dialect.destinations.allPoints.size > 0
        : dialect.destinations.pictures.some((form) => form.kind === kind);
    if (!isKnown) throw files.fault(file, '/destinations/kinds', 'names a kind dialect.json has no form for');
  }
  for (const reply of key.repliedBy) {
    if (!dialect.keys.has(reply)) throw files.fault(file, '/repliedBy', 'names a key that has no file');
  }
  checkBody(key, file, dialect, files);
}

function checkBody(key: KeyDefinition, file: string, dialect: Dialect, files: CheckedFolder): void {
  if (key.body === 'text' && (key.fields.permitted.size > 0 || key.cases.length > 0 || key.priorityByField)) {
    throw files.fault(file, '/body', 'is text, yet the file names fields');
  }
  const known = (set: FieldSet, path: readonly string[]) => {
    for (const code of set.permitted) {
      if (!dialect.fields.has(code))
        throw files.fault(file, pointerOf(path), 'names a field fields.json lacks');
    }
  };
  known(key.fields, []);
  for (const [at, { field, by }] of key.cases.entries()) {
    for (const [value, set] of by) {
      checkCode(field, value, ['cases', String(at), 'by', value]);
      known(set, ['cases', String(at), 'by', value]);
    }
  }
  for (const value of key.priorityByField?.classes.keys() ?? []) {
    checkCode(key.priorityByField?.field ?? '', value, ['priorityByField', 'classes', value]);
  }

  // A decision hangs on this field's value: it must be a field of this key, and the value one it can have.
  function checkCode(field: string, value: string, path: readonly string[]): void {
    if (!key.fields.permitted.has(field)) {
      throw files.fault(file, pointerOf(path), 'hangs on a field this key does not list');
    }
    if (dialect.fields.get(field)?.codes?.has(value) !== true) {
      throw files.fault(file, pointerOf(path), "is not in its field's code table");
    }
  }
}

/**
 * A station finds the body behind the first text mark, and answers with the count it was sent. A receipt's key must not be
 * a message's: one that is would be read as one and the other.
 */
function checkOutput({ header, output, keys }: Dialect, files: CheckedFolder): void {
  const wrong = (name: string, text: string) => files.fault('dialect.json', `/output/${name}`, text);
  const { form, possibleDuplicate, receipts } = output;
  if (form.indexOf(header.textMark) !== form.length - 1) {
    throw wrong('form', 'must end with the text mark and hold it on no other line');
  }
  if (form.filter((line) => line.includes('{possibleDuplicate}')).join() !== '{possibleDuplicate}') {
    throw wrong('form', 'must hold {possibleDuplicate} once, on a line of its own');
  }
  if (!form.some((line) => line.includes('{sentCount}'))) throw wrong('form', 'must hold {sentCount}');
  if (possibleDuplicate === header.textMark) throw wrong('possibleDuplicate', 'must not be the text mark');
  if (receipts.accepted === receipts.refused) throw wrong('receipts/refused', 'is taken');
  const { lengthMin, lengthMax } = header.messageKey;
  for (const kind of ['accepted', 'refused'] as const) {
    const key = receipts[kind];
    if (key.length < lengthMin || key.length > lengthMax) {
      throw wrong(`receipts/${kind}`, 'has a length the header does not allow');
    }
    if (keys.has(key)) throw wrong(`receipts/${kind}`, 'is a message key');
  }
}

function checkRegions(dialect: Dialect, files: CheckedFolder): void {
  for (const [at, [region, states]] of [...dialect.regions].entries()) {
    const row = `/${String(at + 2)}`;
    if (destinationKindOf(region, dialect) !== 'region') {
      throw files.fault('regions.tsv', row, 'has a region code that does not look like one');
    }
    if (states.some((state) => destinationKindOf(state, dialect) !== 'state')) {
      throw files.fault('regions.tsv', row, 'has a member that does not look like a state code');
    }
  }
}
