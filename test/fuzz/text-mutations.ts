import type { Dialect } from '../../src/dialect/dialect.ts';
import type { Chance } from './chance.ts';

/** What may stand in a message of the dialect where something else stands. */
export type Words = {
  readonly keys: readonly string[];
  readonly codes: readonly string[];
  /** Values of code tables, and what their fields’ longest values would be. */
  readonly values: readonly string[];
  readonly destinations: readonly string[];
};

/** Parts of other grammars, marks inside one another, and marks alone. */
const marks = [
  ...[
    'TXT',
    'TXT\r\n',
    '*',
    '*GW00000A01',
    '*.',
    '..',
    '.',
    '/',
    ',',
    '\r\n',
    '\r\n\x7f',
    ' ',
    '',
    '$.8.',
    '1N01',
    '1L01GW00000B01',
  ],
  ...[
    'REJ',
    'P 01 OF 02',
    'SEG 1/2',
    'PAGE 2 OF 1',
    'PART 99 OF 99',
    '\x02',
    '\x03',
    '14:02 06/15/2026 01873',
    'NL0000000',
  ],
] as const;

/** As many repeats as pass one limit or another. */
const counts = [2, 9, 10, 11, 33, 65, 300] as const;

export function wordsOf(dialect: Dialect, oris: readonly string[]): Words {
  const tables = [...dialect.fields.values()].flatMap(({ codes }) => [...(codes ?? [])].slice(0, 40));
  const regions = [...dialect.regions.keys()];
  return {
    keys: [...dialect.keys.keys(), 'ZZ', 'ZZZZZ'],
    codes: [...dialect.fields.keys(), 'ZZZ'],
    values: [...tables, 'ZZ', '', '0', '20260229', '99999999'],
    destinations: [
      ...oris,
      ...regions,
      ...dialect.destinations.allPoints,
      'NV',
      'OR',
      'NE',
      'NL',
      'ZZA1',
      'GBN01',
      'ZZ',
      'Z9',
    ],
  };
}

/** One change that knows header parts, fields and marks when it sees them. The text is latin1, a character a byte. */
export function mutateText(text: string, words: Words, dialect: Dialect, chance: Chance): string {
  const parts = text.split('.');
  const at = chance.below(parts.length);
  const part = parts[at] ?? '';
  const put = (...instead: readonly string[]): string =>
    [...parts.slice(0, at), ...instead, ...parts.slice(at + 1)].join('.');
  switch (chance.below(14)) {
    case 0: {
      const other = chance.below(parts.length);
      const swapped = parts.with(at, parts[other] ?? '').with(other, part);
      return swapped.join('.');
    }
    case 1:
      return put(...Array.from({ length: chance.pick(counts) }, () => part));
    case 2:
      return put();
    case 3:
      return put(chance.pick(words.keys) ?? '');
    case 4:
      return put(chance.pick(words.destinations) ?? '');
    case 5:
      return put(part, `${chance.pick(words.codes) ?? ''}/${chance.pick(words.values) ?? ''}`);
    case 6:
      return put(valued(part, chance.pick(words.values) ?? ''));
    case 7:
      return put(valued(part, atBound(part, dialect, chance)));
    case 8:
      return put(
        part.includes('/') ? `${chance.pick(words.codes) ?? ''}${part.slice(part.indexOf('/'))}` : `${part}/`,
      );
    case 9:
      return chance.is(0.5) ? put(part.toLowerCase()) : text.toLowerCase();
    case 10:
      return put(inside(part, chance.pick(marks), chance));
    case 11:
      return inside(text, chance.pick(marks), chance);
    case 12:
      return text.replace(chance.pick(['.', '/', '\r\n', '*', 'TXT']), chance.pick(marks));
    default:
      return put(...part.split(chance.pick(['/', '\r\n', ' '])));
  }
}

function valued(part: string, value: string): string {
  const slash = part.indexOf('/');
  return slash === -1 ? value : `${part.slice(0, slash + 1)}${value}`;
}

/** A value as long as the field allows, one character more or fewer, or as long as a body. */
function atBound(part: string, dialect: Dialect, chance: Chance): string {
  const definition = dialect.fields.get(
    part.slice(Math.max(0, part.indexOf('/') - 3), part.indexOf('/')).toUpperCase(),
  );
  const { lengthMin, lengthMax } = definition ?? { lengthMin: 1, lengthMax: 10 };
  const length = chance.pick([
    lengthMin - 1,
    lengthMin,
    lengthMax,
    lengthMax + 1,
    chance.is(0.1) ? 40_000 : 200,
  ]);
  return chance.pick(['9', 'Z', ' ', '-', ',']).repeat(Math.max(0, length));
}

function inside(text: string, what: string, chance: Chance): string {
  const at = chance.below(text.length + 1);
  return text.slice(0, at) + what + text.slice(at);
}
