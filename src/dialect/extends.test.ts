import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '../message/codes.ts';
import { parse } from '../parse/parse.ts';
import { validate } from '../validate/validate.ts';
import { type Dialect, loadDialect } from './dialect.ts';

const protocols = mkdtempSync(join(tmpdir(), 'tenfour-extends-'));
after(() => {
  rmSync(protocols, { recursive: true });
});
cpSync(join(import.meta.dirname, '../../protocols/nlets-legacy'), join(protocols, 'nlets-legacy'), {
  recursive: true,
  filter: (path) => !path.includes('samples'),
});
const base = loadDialect(join(protocols, 'nlets-legacy'));
const source = 'Invented by this test';
const confidence = 'convention';
const invented = { title: 'Invented', source, confidence };

type Files = Readonly<Record<string, object | string>>;

/** A dialect beside the legacy one, as the difference `head` and `files` say; its folder. JSON from objects, tables from rows. */
function child(head: object = {}, files: Files = {}, name = 'state-zz'): string {
  const folder = join(protocols, name);
  rmSync(folder, { recursive: true, force: true });
  const all: Files = { 'dialect.json': { name, extends: 'nlets-legacy', ...invented, ...head }, ...files };
  for (const [file, content] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

/** What loading says, after its code. */
function complaint(folder: string): string {
  try {
    loadDialect(folder);
  } catch (fault) {
    assert.ok(fault instanceof Fault);
    assert.equal(fault.code, 'DIALECT_INVALID');
    return fault.message.replace('DIALECT_INVALID: ', '');
  }
  return 'loaded';
}

const plate = {
  title: 'Plate',
  source,
  confidence,
  lengthMin: 1,
  lengthMax: 4,
  characters: 'letters',
  sensitive: true,
};
const treeKey = {
  key: 'ZZQ',
  ...invented,
  kind: 'inquiry',
  priorityClass: 1,
  body: 'fields',
  destinations: { kinds: ['state'], max: 1 },
  required: ['LIC'],
};
const table = (...rows: string[]) =>
  ['code\tmeaning\tconfidence\tsource', ...rows.map((row) => `${row}\tx\tconvention\t${source}`), ''].join(
    '\n',
  );

/** What a body of a key to NV is refused with, by codes. */
function answer(dialect: Dialect, key: string, body: string): string {
  const bytes = Buffer.from(`${key}.CA0990100.NV.TXT${body}`);
  const parsed = parse({ kind: 'frame', bytes }, dialect);
  assert.ok(parsed.ok);
  const valid = validate({ ...parsed.value, permitted: true }, dialect);
  return valid.ok ? 'valid' : valid.refusals.map(({ code }) => code).join();
}

test('a dialect that says nothing but its name is the other one under this name, and as frozen', () => {
  const dialect = loadDialect(child());
  assert.deepEqual({ ...dialect, name: base.name, title: base.title }, base);
  assert.equal(dialect.name, 'state-zz');
  assert.throws(() => (dialect.keys as Map<string, unknown>).delete('AM'), TypeError);
});

test('members of dialect.json replace one by one, however deep, and lists whole', () => {
  const dialect = loadDialect(
    child({
      header: { messageKey: { lengthMax: 5 }, control: { lengthMax: 4 } },
      destinations: { mnemonic: ['AX9', 'AX99'], allPoints: ['ZZ9', 'ZZ8'] },
      body: { fieldsMax: 3 },
      answers: { utcOffsetMinutes: -420 },
      output: { receipts: { refused: 'NOP' }, form: ['{sentCount}', '{possibleDuplicate}', 'TXT'] },
    }),
  );
  const { header, destinations, answers, output } = dialect;
  assert.deepEqual(header, {
    ...base.header,
    messageKey: { lengthMin: 2, lengthMax: 5 },
    control: { mark: '*', lengthMax: 4 },
  });
  assert.deepEqual(destinations.allPoints, new Set(['ZZ9', 'ZZ8']));
  assert.deepEqual(
    destinations.pictures.filter(({ kind }) => kind !== 'mnemonic'),
    base.destinations.pictures,
  );
  assert.equal(dialect.fieldsMax, 3);
  assert.deepEqual(answers, { ...base.answers, utcOffsetMinutes: -420 });
  assert.deepEqual(output.form, ['{sentCount}', '{possibleDuplicate}', 'TXT']);
  assert.deepEqual(output.receipts, { accepted: 'ACK', refused: 'NOP' });
});

test('null takes a member of dialect.json away', () => {
  assert.ok(base.relayed.length > 0);
  assert.deepEqual(loadDialect(child({ relayed: null })).relayed, []);
  assert.equal(
    complaint(child({ destinations: { mnemonic: null } })),
    'dialect.json /destinations/mnemonic takes away what is not there',
  );
  assert.match(
    complaint(child({ header: { textMark: null } })),
    /^dialect\.json \/header\/textMark must be string/,
  );
});

test('an entry of fields.json adds, replaces whole, or with null takes away', () => {
  const fields = { ZZA: plate, LIC: plate, ISS: null };
  const noIssuer = { ...treeKey, key: 'YQ', kind: 'hit-confirmation' };
  const without = { 'message-keys/YQ.json': noIssuer };
  const dialect = loadDialect(child({ without: ['YR'] }, { ...without, 'fields.json': { source, fields } }));
  assert.equal(dialect.fields.get('ZZA')?.lengthMax, 4);
  assert.equal(dialect.fields.has('ISS'), false);
  assert.equal(dialect.fields.size, base.fields.size);
  // Keys of the other dialect are read with the fields of this one.
  assert.equal(answer(dialect, 'RQ', 'LIC/ZZZ9.LIY/2026.LIT/PC'), 'VALIDATE_FIELD_CHARACTERS');
  assert.equal(answer(base, 'RQ', 'LIC/ZZZ9.LIY/2026.LIT/PC'), 'valid');
  assert.equal(
    complaint(child({}, { 'fields.json': { source, fields: { ZZB: null } } })),
    'fields.json /fields/ZZB takes away what is not there',
  );
});

test('files of message keys add and replace, `without` leaves keys out', () => {
  const keys = { 'message-keys/ZZQ.json': treeKey, 'message-keys/RQ.json': { ...treeKey, key: 'RQ' } };
  const dialect = loadDialect(child({ without: ['KQ', 'KR'] }, keys));
  assert.equal(dialect.keys.size, base.keys.size - 1);
  assert.deepEqual(
    [dialect.keys.has('KQ'), dialect.keys.has('KR'), dialect.keys.has('ZZQ')],
    [false, false, true],
  );
  assert.deepEqual([...dialect.keys.keys()], [...dialect.keys.keys()].sort());
  assert.equal(answer(dialect, 'RQ', 'LIC/ZZZ9999'), 'valid');
  assert.equal(answer(dialect, 'ZZQ', 'VIN/1'), 'VALIDATE_FIELD_UNKNOWN,VALIDATE_FIELD_MISSING');
  assert.equal(
    complaint(child({ without: ['KR', 'QQQ'] })),
    'dialect.json /without/1 takes away what is not there',
  );
  assert.equal(
    complaint(child({ without: ['RQ'] }, keys)),
    'dialect.json /without/0 has a file in this dialect',
  );
});

test('tables, regions and framing replace the file of their name, whole', () => {
  const dialect = loadDialect(
    child(
      {},
      {
        'codes/sex.tsv': table('Z'),
        'regions.tsv': `region\tstates\tconfidence\tsource\nK1\tNV OR\tconvention\t${source}\n`,
        'framing.json': { source, confidence, kind: 'stx-etx', frameBytesMax: 64, frameFaultsMax: 1 },
      },
    ),
  );
  assert.deepEqual(dialect.fields.get('SEX')?.codes, new Set(['Z']));
  assert.deepEqual(dialect.fields.get('RAC')?.codes, base.fields.get('RAC')?.codes);
  assert.deepEqual([...dialect.regions], [['K1', ['NV', 'OR']]]);
  assert.equal(dialect.framing.frameBytesMax, 64);
});

test('a dialect may stand on one that stands on another, five deep and no deeper', () => {
  const pile = (name: string, on: string, head: object = {}) => child({ extends: on, ...head }, {}, name);
  pile('layer-a', 'nlets-legacy', { without: ['KQ'], body: { fieldsMax: 5 } });
  pile('layer-b', 'layer-a', { body: { fieldsMax: 6 } });
  pile('layer-c', 'layer-b', { without: ['KR'] });
  const fifth = loadDialect(pile('layer-d', 'layer-c'));
  assert.deepEqual([fifth.fieldsMax, fifth.keys.has('KQ'), fifth.keys.has('KR')], [6, false, false]);
  assert.equal(
    complaint(pile('layer-e', 'layer-d')),
    '../layer-a/dialect.json /extends is more than 5 dialects deep',
  );
});

test('a circle, a dialect that is not there and a wrong name are found in the file that says so', () => {
  assert.equal(complaint(child({ extends: 'state-zz' })), 'dialect.json /extends goes round in a circle');
  child({ extends: 'state-zz' }, {}, 'state-yy');
  assert.equal(
    complaint(child({ extends: 'state-yy' })),
    '../state-yy/dialect.json /extends goes round in a circle',
  );
  assert.equal(
    complaint(child({ extends: 'state-xx' })),
    'dialect.json /extends is not a dialect beside this one',
  );
  assert.match(
    complaint(child({ extends: '../nlets-legacy' })),
    /^dialect\.json \/extends must have the form/,
  );
  assert.equal(complaint(child({ name: 'other' })), 'dialect.json /name must be the name of its folder');
});

test('what is wrong with the other dialect alone is told of the other one’s file', () => {
  const on = { extends: 'broken-zz' };
  const broken = (head: object, files: Files = {}) => {
    child(head, files, 'broken-zz');
    return complaint(child(on));
  };
  assert.match(
    broken({ body: { fieldsMax: 0 } }),
    /^\.\.\/broken-zz\/dialect\.json \/body\/fieldsMax must be at least 1/,
  );
  assert.equal(
    broken({}, { 'message-keys/ZZQ.json': { ...treeKey, required: ['QQQ'] } }),
    '../broken-zz/message-keys/ZZQ.json / names a field fields.json lacks',
  );
  assert.equal(
    broken({}, { 'codes/sex.tsv': 'code\tmeaning\tconfidence\tsource\nZ\tx\n' }),
    '../broken-zz/codes/sex.tsv /2 must have 4 filled cells',
  );
  // What comes on top does not mend it: it would be wrong under its own name.
  assert.match(complaint(child({ ...on, body: { fieldsMax: 9 } })), /^\.\.\/broken-zz\//);
});

test('another name of a destination, the markers of parts and the generic ORIs can be taken away', () => {
  const destinations = { aliases: { NE: null, IT: 'CN' }, genericOris: null };
  const dialect = loadDialect(child({ destinations, parts: null }));
  assert.deepEqual([...dialect.destinations.aliases].sort(), [
    ['GU', 'GM'],
    ['IT', 'CN'],
  ]);
  assert.equal(dialect.parts, undefined);
  assert.equal(dialect.destinations.genericOris, '');
  assert.equal(dialect.tables.has('generic-oris'), false);
  assert.ok(loadDialect(child({})).tables.has('generic-oris'));
});

test('where this dialect no longer fits the other, its own file is told, not the one it inherited', () => {
  const cases: [head: object, files: Files, said: string][] = [
    [
      { header: { messageKey: { lengthMax: 1 } } },
      {},
      'dialect.json /header/messageKey/lengthMax must not be below lengthMin',
    ],
    [
      { header: { messageKey: { lengthMax: 2 } } },
      {},
      'dialect.json /header/messageKey does not allow the length of message-keys/ACQ.json',
    ],
    [
      { header: { textMark: 'BODY' } },
      {},
      'dialect.json /header/textMark must be the last line of /output/form and no other',
    ],
    [
      { header: { textMark: 'BODY' }, output: { form: ['{sentCount}', '{possibleDuplicate}', 'BODY'] } },
      {},
      'dialect.json /header/textMark must be the last line of /relayed/0 and no other',
    ],
    [{ without: ['RR'] }, {}, 'dialect.json /without/0 is what answers message-keys/RNQ.json'],
    [
      { destinations: { region: null } },
      { 'regions.tsv': 'region\tstates\tconfidence\tsource\n' },
      'dialect.json /destinations/region is a kind that message-keys/AA.json names',
    ],
    [
      { destinations: { allPoints: [] } },
      {},
      'dialect.json /destinations/allPoints is a kind that message-keys/AA.json names',
    ],
    [
      { destinations: { region: 'AAA' } },
      {},
      'dialect.json /destinations/region is not the form of a code in regions.tsv',
    ],
    [
      {},
      { 'fields.json': { source, fields: { LIT: null } } },
      'fields.json /fields/LIT is a field that message-keys/RPQ.json names',
    ],
    [
      {},
      { 'fields.json': { source, fields: { RTY: plate } } },
      'fields.json /fields/RTY has no table with a code that message-keys/YQ.json hangs on',
    ],
    [
      {},
      { 'codes/record-types.tsv': table('SV') },
      'codes/record-types.tsv / lacks a code that message-keys/YQ.json hangs on',
    ],
    [{}, { 'codes/sexes.tsv': table('Z') }, 'codes/sexes.tsv / is a table that no field names'],
    [
      {},
      { 'message-keys/ACK.json': { ...treeKey, key: 'ACK' } },
      'message-keys/ACK.json /key is what a station answers with: /output/receipts/accepted',
    ],
    [
      {},
      { 'regions.tsv': 'region\tstates\tconfidence\tsource\nG9\tAZ NE\tconvention\tinvented\n' },
      'regions.tsv /2 names an alias',
    ],
    [
      { destinations: { aliases: { NV: 'OR' } } },
      {},
      'dialect.json /destinations/aliases has a code of regions.tsv',
    ],
    [
      { destinations: { aliases: { IT: 'CN' } } },
      { 'message-keys/ZZQ.json': { ...treeKey, destinations: { kinds: ['state'], max: 1, only: ['IT'] } } },
      'message-keys/ZZQ.json /destinations/only names an alias, which no message is read with',
    ],
    [
      {},
      { 'codes/generic-oris.tsv': table('NVLIC0000') },
      'codes/generic-oris.tsv / has a code that is not xx and the rest of an ORI',
    ],
    [{ output: { receipts: { refused: 'ACK' } } }, {}, 'dialect.json /output/receipts/refused is taken'],
    [{ output: { receipts: { accepted: 'REJ' } } }, {}, 'dialect.json /output/receipts/accepted is taken'],
    [
      { output: { possibleDuplicate: 'TXT' } },
      {},
      'dialect.json /output/possibleDuplicate must not be the text mark',
    ],
    [{ unheard: 1 }, {}, 'dialect.json / holds a name that is not known'],
    [
      {},
      { 'message-keys/ZZQ.json': { ...treeKey, key: 'ZZ' } },
      'message-keys/ZZQ.json /key must be the name of its file',
    ],
    [
      {},
      { 'fields.json': { source, fields: { ZZA: { ...plate, codeTable: 'trees' } } } },
      'codes/trees.tsv / cannot be read',
    ],
  ];
  for (const [head, files, said] of cases) assert.equal(complaint(child(head, files)), said);
});
