import fc from 'fast-check';
import type { Dialect, FieldDefinition, FieldSet, KeyDefinition } from '../src/dialect/dialect.ts';
import { destinationKindOf } from '../src/dialect/dialect.ts';
import type { Message } from '../src/message/message.ts';

/** A message as it is before anybody has written it: made of a dialect's own files, so that a new key is tried by itself. */
export function messagesOf(dialect: Dialect, key: KeyDefinition): fc.Arbitrary<Message> {
  return fc
    .record({
      destinations: destinationsOf(dialect, key),
      control:
        key.destinations.implied.length > 0 && dialect.ncic === undefined
          ? fc.constant('')
          : controlOf(dialect),
      // A document may have both.
      fields: key.body === 'fields' || key.fields.permitted.size > 0 ? fieldsOf(key) : fc.constant([]),
      text: key.body === 'fields' ? fc.constant(undefined) : textOf(dialect),
    })
    .map(({ destinations, control, fields, text }) =>
      message(dialect, key, destinations, control, fields, text),
    );
}

function message(
  dialect: Dialect,
  key: KeyDefinition,
  destinations: readonly string[],
  control: string,
  fields: readonly (readonly [code: string, value: string])[],
  text: string | undefined,
): Message {
  return {
    dialect: dialect.name,
    bytes: Buffer.alloc(0),
    messageKey: key.key,
    keyOffset: 0,
    originatingOri: 'CA0990100',
    oriOffset: 0,
    destinations: destinations.map((written) => ({ text: written, offset: 0 })),
    isRelayed: false,
    control,
    bodyOffset: 0,
    fields: fields.map(([code, value]) => ({ code, codeOffset: 0, offset: 0, length: 0, value })),
    ...(text === undefined ? {} : { text }),
    ...{ user: '', terminal: '', incident: '', isTest: false, traceparent: '' },
  };
}

function destinationsOf(dialect: Dialect, key: KeyDefinition): fc.Arbitrary<readonly string[]> {
  const { implied, only, except, kinds, max } = key.destinations;
  if (implied.length > 0) return fc.constant(implied.map(({ text }) => text));
  const known = [
    ...['NV0990300', 'OR0990500', 'NV', 'AZ', 'OR', 'ZZA1', 'GBN01', 'NL'],
    ...dialect.regions.keys(),
    ...dialect.destinations.allPoints,
    ...only,
  ].filter((text) => {
    const kind = destinationKindOf(text, dialect);
    const isOne = only.size === 0 ? kind !== undefined && kinds.has(kind) : only.has(text);
    return isOne && !except.has(text);
  });
  return fc.uniqueArray(fc.constantFrom(...new Set(known)), {
    minLength: 1,
    maxLength: Math.min(max, key.destinations.codesMax, known.length),
  });
}

const printables = Array.from({ length: 95 }, (_none, at) => String.fromCharCode(0x20 + at));

function controlOf({ header: { control }, ncic }: Dialect): fc.Arbitrary<string> {
  const units = printables.filter(
    (unit) => !['.', control.mark].includes(unit) && (ncic === undefined || /[A-Z0-9]/.test(unit)),
  );
  const minLength = ncic === undefined ? 0 : 1;
  return fc
    .string({ unit: fc.constantFrom(...units), minLength, maxLength: control.lengthMax })
    .filter((written) => written === '' || written.trim() !== '');
}

/** Anything that may stand in a text, CR LF between lines; the first and last characters are no blanks. */
function textOf({ ncic }: Dialect): fc.Arbitrary<string> {
  const units = [...printables, ...(ncic === undefined ? ['\r\n'] : [])];
  const inside = fc.string({ unit: fc.constantFrom(...units), maxLength: 60 });
  return inside.map((text) => `A${text}.`);
}

type Written = readonly (readonly [code: string, value: string])[];

function fieldsOf(key: KeyDefinition): fc.Arbitrary<Written> {
  const { fields, cases, exclusive } = key;
  const deciding = cases.flatMap(({ field, by }) => [...by].map(([value, set]) => ({ field, value, set })));
  const chosen = deciding.length === 0 ? fc.constant(undefined) : fc.constantFrom(...deciding);
  return chosen.chain((one) => {
    const sets: readonly FieldSet[] = one === undefined ? [fields] : [fields, one.set];
    const alternatives = fc.tuple(
      ...sets.map(({ alternatives: of }) => (of.length === 0 ? fc.constant([]) : fc.constantFrom(...of))),
    );
    const alternativeCodes = new Set(sets.flatMap((set) => set.alternatives.flat()));
    const optional = fc.subarray(sets.flatMap(({ permitted }) => [...permitted]));
    return fc.tuple(alternatives, optional).chain(([of, more]) => {
      const must = [...sets.flatMap(({ required }) => required), ...of.flat()];
      const decided = one === undefined ? [] : [one.field];
      const { alternativesFirst } = key;
      const others =
        alternativesFirst === undefined ? more : more.filter((code) => !alternativeCodes.has(code));
      const first = alternativesFirst === undefined ? [] : of.flat();
      const codes = without([...new Set([...first, ...decided, ...must, ...others])], must, exclusive);
      const values = codes.map((code) =>
        code === one?.field ? fc.constant(one.value) : valueOf(key.dictionary.get(code)),
      );
      return fc
        .tuple(...values)
        .map((written) => written.map((value, at) => [codes[at] ?? '', value] as const));
    });
  });
}

function without(
  codes: readonly string[],
  must: readonly string[],
  exclusive: KeyDefinition['exclusive'],
): readonly string[] {
  return exclusive.reduce((left, list) => {
    const there = left.filter((code) => list.includes(code));
    const kept = there.find((code) => must.includes(code)) ?? there[0];
    return left.filter((code) => !list.includes(code) || code === kept);
  }, codes);
}

const letters = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ');
const digits = Array.from('0123456789');

/** Every kind of value the entry allows: a code, a picture, one of its own words, or characters. */
export function valueOf(definition: FieldDefinition | undefined): fc.Arbitrary<string> {
  if (definition === undefined) throw new Error('a key names a field that nobody describes');
  const { lengthMin, lengthMax, allowed, contains, pictures, orValues, codes, isCodeTableComplete } =
    definition;
  const units = printables.filter(
    (unit) => allowed[unit.charCodeAt(0)] === true && unit !== '.' && !/[a-z]/.test(unit),
  );
  const words = [...orValues, ...(codes ?? [])].filter(
    (word) => word.length >= lengthMin && word.length <= lengthMax,
  );
  const fixed = words.length === 0 ? [] : [fc.constantFrom(...words)];
  if (codes !== undefined && isCodeTableComplete) return fc.oneof(...fixed);
  const pictured = pictures.map((picture) =>
    fc.tuple(...Array.from(picture, (one) => unitOf(one, units))).map((parts) => parts.join('')),
  );
  const free = fc
    .string({ unit: fc.constantFrom(...units), minLength: lengthMin, maxLength: lengthMax })
    .map((text) => (text.includes(contains) ? text : `${text.slice(0, lengthMax - 2)}${contains}Z`))
    .map((text) =>
      text.replaceAll(/^ | $/g, 'Z').replaceAll(/ {2,}/g, (blanks) => 'Z'.repeat(blanks.length)),
    );
  return fc.oneof(...fixed, ...(pictured.length > 0 ? pictured : [free]));
}

function unitOf(one: string, units: readonly string[]): fc.Arbitrary<string> {
  const classes = { A: letters, 9: digits, X: [...letters, ...digits] } as Readonly<
    Record<string, readonly string[]>
  >;
  const fitting = classes[one]?.filter((unit) => units.includes(unit));
  return fitting === undefined ? fc.constant(one) : fc.constantFrom(...fitting);
}
