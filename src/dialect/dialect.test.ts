import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { formatSchemas } from '../../scripts/format-schemas.ts';
import { FrameDecoder } from '../frame/frame.ts';
import { Fault } from '../message/codes.ts';
import { parse } from '../parse/parse.ts';
import { validate } from '../validate/validate.ts';
import { expiresMsOf, genericOriOf, loadDialect, numbersIn, priorityClassOf } from './dialect.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const legacy = join(protocols, 'nlets-legacy');
const work = mkdtempSync(join(tmpdir(), 'tenfour-dialect-'));
after(() => {
  rmSync(work, { recursive: true });
});

type Content = Record<string, unknown>;

/** A copy of the legacy dialect with one JSON file changed; its folder. */
function changed(file: string, change: (content: Content) => void): string {
  const folder = join(mkdtempSync(join(work, 'copy-')), 'nlets-legacy');
  cpSync(legacy, folder, { recursive: true, filter: (path) => !path.includes('samples') });
  const content = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Content;
  change(content);
  writeFileSync(join(folder, file), JSON.stringify(content));
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

/** Query and answer, by what they have in common (domain sheet 7). */
const pairs = 'AC A AL AV B CC CP CW DN D F G H I K L M NA NF NI NL RN RP R SO SV SW T U V WL W X Y'.split(
  ' ',
);

test('loads the message keys, their fields, tables and regions', () => {
  const { keys, fields, regions, framing } = loadDialect(legacy);
  const other = 'AA AM AML CR DQG DRG ER HS HSL RQG SM TA TD TU';
  assert.deepEqual(
    [...keys.keys()],
    [...pairs.flatMap((two) => [`${two}Q`, `${two}R`]), ...other.split(' ')].sort(),
  );
  assert.deepEqual(fields.get('SEX')?.codes, new Set(['M', 'F', 'U', 'X']));
  assert.ok(regions.get('E1')?.includes('WI'));
  assert.equal(framing.frameBytesMax, 32_768);
});

test('what it returns cannot be changed, maps and sets included', () => {
  const dialect = loadDialect(legacy);
  const key = dialect.keys.get('YQ');
  assert.ok(key);
  const changes = [
    () => Object.assign(dialect, { name: 'other' }),
    () => Object.assign(key.destinations, { max: 99 }),
    () => (dialect.keys as Map<string, unknown>).delete('YQ'),
    () => (key.fields.permitted as Set<string>).add('ZZZ'),
    () => (dialect.regions.get('H1') as string[]).push('ZZ'),
    () => (dialect.fields.get('LIC')?.allowed as boolean[]).fill(true),
  ];
  for (const change of changes) assert.throws(change, TypeError);
});

test('says file and JSON pointer of what is wrong, and never the value', () => {
  const secret = 'SECRET-VALUE';
  const cases: [file: string, change: (content: Content) => void, found: RegExp][] = [
    ['framing.json', (file) => (file['kind'] = secret), /^framing\.json \/kind must be one of stx-etx, /],
    [
      'framing.json',
      (file) => (file['frameBytesMax'] = 1),
      /^framing\.json \/frameBytesMax must be at least 64$/,
    ],
    ['framing.json', (file) => (file[secret] = 1), /^framing\.json \/ holds a name that is not known$/],
    [
      'dialect.json',
      (file) => (file['name'] = 'other'),
      /^dialect\.json \/name must be the name of its folder$/,
    ],
    [
      'message-keys/RQ.json',
      (file) => (file['kind'] = secret),
      /^message-keys\/RQ\.json \/kind must be one of/,
    ],
    [
      'message-keys/RQ.json',
      (file) => (file['key'] = 'RX'),
      /^message-keys\/RQ\.json \/key must be the name/,
    ],
    [
      'message-keys/RQ.json',
      (file) => (file['optional'] = ['ZZZ']),
      /RQ\.json \/ names a field fields\.json lacks/,
    ],
    ['message-keys/RQ.json', (file) => (file['repliedBy'] = ['ZZ']), /RQ\.json \/repliedBy names a key/],
    [
      'message-keys/RQ.json',
      (file) => (file['expiresMs'] = 999),
      /RQ\.json \/expiresMs must be at least 1000$/,
    ],
    ['message-keys/AM.json', (file) => (file['required'] = ['LIC']), /AM\.json \/body is text/],
    [
      'message-keys/AM.json',
      (file) => ((file['destinations'] as Content)['implied'] = ['NV']),
      /AM\.json \/destinations must say kinds and max, or what is implied/,
    ],
    [
      'message-keys/AM.json',
      (file) => delete (file['destinations'] as Content)['max'],
      /AM\.json \/destinations must say kinds and max/,
    ],
    [
      'message-keys/RQ.json',
      (file) => (file['destinations'] = { implied: ['NEVA'] }),
      /RQ\.json \/destinations\/implied names a code that looks like no destination/,
    ],
    [
      'message-keys/NLQ.json',
      (file) => ((file['destinations'] as Content)['only'] = ['NEVA']),
      /NLQ\.json \/destinations\/only names a code that looks like no destination/,
    ],
    [
      'message-keys/NLQ.json',
      (file) => (file['exclusive'] = [['FND', 'VIN']]),
      /NLQ\.json \/exclusive\/0 names a field this key does not list/,
    ],
    [
      'message-keys/NLQ.json',
      (file) => Object.assign((file['fields'] as Record<string, Content>)['TYP'] ?? {}, { lengthMin: 101 }),
      /NLQ\.json \/fields\/TYP\/lengthMin must not pass lengthMax/,
    ],
    [
      'message-keys/YQ.json',
      (file) => (file['cases'] = [{ field: 'RTY', by: { ZZ: {} } }]),
      /YQ\.json \/cases\/0\/by\/ZZ is not in its field's code table/,
    ],
    [
      'fields.json',
      (file) => ((file['fields'] as Record<string, Content>)['LIC'] = { title: secret }),
      /^fields\.json \/fields\/LIC\//,
    ],
  ];
  for (const [file, change, found] of cases) {
    const text = complaint(changed(file, change));
    assert.match(text, found);
    assert.ok(!text.includes(secret), file);
  }
});

test('says which row of a table is wrong, and which file is missing or no JSON', () => {
  const folder = changed('framing.json', () => undefined);
  writeFileSync(
    join(folder, 'regions.tsv'),
    'region\tstates\tconfidence\tsource\nH1\tNV\tconvention\tmade up\nNEVADA\tNV\tconvention\tmade up\n',
  );
  assert.match(complaint(folder), /^regions\.tsv \/3 has a region code/);
  writeFileSync(join(folder, 'regions.tsv'), 'region\tstates\tconfidence\tsource\nH1\tNV\tconvention\t\n');
  assert.match(complaint(folder), /^regions\.tsv \/2 must have 4 filled cells/);
  writeFileSync(join(folder, 'framing.json'), '{ "kind": SECRET');
  assert.equal(complaint(folder), 'framing.json / is not JSON');
  rmSync(join(folder, 'framing.json'));
  assert.equal(complaint(folder), 'framing.json / cannot be read');
});

test('every file says where it was read: JSON in `source`, tables in a column of that name; and how sure that is', () => {
  const files = readdirSync(protocols, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.(json|tsv)$/.test(file) && !/(^|\/)(format|samples)\//.test(file),
  );
  assert.ok(files.length > 15);
  for (const file of files) {
    const text = readFileSync(join(protocols, file), 'utf8');
    if (file.endsWith('.json')) {
      const { source } = JSON.parse(text) as { source?: unknown };
      assert.ok(typeof source === 'string' && source.length > 10, file);
      continue;
    }
    const [columns = '', ...rows] = text.trimEnd().split('\n');
    const at = columns.split('\t').indexOf('source');
    assert.notEqual(at, -1, file);
    for (const row of rows) assert.ok((row.split('\t')[at] ?? '').length > 3, file);
    const sureAt = columns.split('\t').indexOf('confidence');
    for (const row of rows)
      assert.match(row.split('\t')[sureAt] ?? '', /^(read|well-known|convention|uncertain)$/, file);
  }
  const withoutSource = changed('message-keys/RQ.json', (file) => delete file['source']);
  assert.match(complaint(withoutSource), /RQ\.json \/source/);
});

test('protocols/format holds the schemas the loader uses: run scripts/write-format-schemas.ts when this fails', () => {
  const schemas = formatSchemas();
  assert.deepEqual(readdirSync(join(protocols, 'format')).sort(), [...schemas.keys()].sort());
  for (const [name, text] of schemas) {
    assert.deepEqual(
      JSON.parse(readFileSync(join(protocols, 'format', name), 'utf8')),
      JSON.parse(text),
      name,
    );
  }
});

test('queries expire after two minutes, hit confirmations after ten, other keys never', () => {
  const { keys } = loadDialect(legacy);
  const expiring = [...keys.values()].flatMap(({ key, expiresMs }) =>
    expiresMs === undefined ? [] : [`${key} ${String(expiresMs)}`],
  );
  const queries = pairs.filter((two) => two !== 'Y').map((two) => `${two}Q`);
  const waiting = [...queries, 'DQG', 'RQG', 'TA', 'TD', 'TU'].map((key) => `${key} 120000`);
  assert.deepEqual(expiring.sort(), [...waiting, 'YQ 600000'].sort());
});

test('a query names what may answer it, older keys too', () => {
  const { keys } = loadDialect(legacy);
  for (const two of pairs) {
    if (two !== 'Y') assert.equal(keys.get(`${two}R`)?.kind, 'response', two);
    assert.ok(keys.get(`${two}Q`)?.repliedBy.includes(`${two}R`), two);
  }
  assert.deepEqual(keys.get('RQG')?.repliedBy, ['RR']);
  assert.deepEqual(keys.get('DQG')?.repliedBy, ['DRG', 'DR']);
});

test('every table is there to be read, with the meanings of its codes', () => {
  const dialect = loadDialect(legacy);
  const meaning = (table: string, code: string) => dialect.tables.get(table)?.get(code);
  assert.equal(meaning(dialect.keys.get('ER')?.numbers ?? '', '14'), 'required field missing');
  assert.match(meaning(dialect.keys.get('SM')?.numbers ?? '', '02') ?? '', /will be forwarded/);
  assert.match(meaning('special-codes', 'OD') ?? '', /ORI directory/);
  assert.equal(meaning('eye-colours', 'HAZ'), 'hazel');
  assert.equal(genericOriOf('NVLIC0000', dialect), 'vehicle registration');
  assert.match(genericOriOf('AZGUNHELP', dialect) ?? '', /help file on guns/);
  assert.equal(genericOriOf('NV0990300', dialect), undefined);
  assert.equal(
    complaint(changed('dialect.json', (file) => (file['tables'] = ['agency-types', 'trees']))),
    'codes/trees.tsv / cannot be read',
  );
});

test('the numbers of an error or status text stand where it says them, with what they mean', () => {
  const dialect = loadDialect(legacy);
  const found = (text: string) => {
    const read = parse({ kind: 'frame', bytes: Buffer.from(text, 'latin1') }, dialect);
    assert.ok(read.ok);
    return numbersIn(read.value, dialect).map(({ code, meaning, offset, length }) => [
      code,
      meaning,
      text.slice(offset, offset + length),
    ]);
  };
  assert.deepEqual(
    found('ER.NL0000000.CA0990100.TXT\r\n.14. MISSING\r\n.77. OTHER\r\nTEXT .22. HERE\r\n.19. X'),
    [
      ['14', 'required field missing', '.14.'],
      ['19', 'destination ORIs invalid', '.19.'],
    ],
  );
  assert.equal(found('SM.NL0000000.CA0990100.TXT\r\n.04. OUT')[0]?.[0], '04');
  assert.deepEqual(found('AM.CA0990100.NV.TXT\r\n.14. MISSING'), []);
});

test('another name of a destination leads to one of its kind and length, in one step', () => {
  const withAliases = (aliases: object) =>
    complaint(
      changed('dialect.json', (file) => {
        file['destinations'] = { ...(file['destinations'] as object), aliases };
      }),
    );
  const wrong = 'dialect.json /destinations/aliases/NE';
  assert.equal(withAliases({ NE: 'NB' }), 'loaded');
  assert.equal(withAliases({ NE: 'NEBR' }), `${wrong} leads to what looks like no destination`);
  assert.equal(withAliases({ NE: 'F1' }), `${wrong} looks like another kind of destination`);
  assert.equal(withAliases({ NE: 'NEB', NEB: 'NB' }), `${wrong} leads to what looks like no destination`);
  assert.equal(withAliases({ NE: 'GU', GU: 'GM' }), `${wrong} leads to another alias`);
});

test('a list of destinations in a message key holds what looks like one, by its own name', () => {
  const withRule = (destinations: string[]) =>
    complaint(
      changed('message-keys/IQ.json', (file) => (file['byDestination'] = [{ destinations, only: ['NAM'] }])),
    );
  assert.equal(withRule(['CN']), 'loaded');
  assert.match(
    withRule(['CANADA']),
    /^message-keys\/IQ\.json \/byDestination\/0\/destinations names a code that looks/,
  );
  assert.match(withRule(['GU']), /^message-keys\/IQ\.json \/byDestination\/0\/destinations names an alias/);
  const withExcept = (except: string[]) =>
    complaint(
      changed('message-keys/AM.json', (file) => {
        file['destinations'] = { ...(file['destinations'] as object), except };
      }),
    );
  assert.equal(withExcept(['ON']), 'loaded');
  assert.match(withExcept(['NE']), /^message-keys\/AM\.json \/destinations\/except names an alias/);
  const withAlone = (alone: string[]) =>
    complaint(
      changed('message-keys/AM.json', (file) => {
        file['destinations'] = { ...(file['destinations'] as object), alone };
      }),
    );
  assert.equal(withAlone(['AAXXXHELP']), 'loaded');
  assert.match(
    withAlone(['XXHELP']),
    /^message-keys\/AM\.json \/destinations\/alone names a code that looks/,
  );
});

test('a rule for destinations names fields that the dialect has', () => {
  const also = (file: Content) => (file['byDestination'] = [{ destinations: ['MO'], also: ['QQQ'] }]);
  assert.equal(
    complaint(changed('message-keys/RQ.json', also)),
    'message-keys/RQ.json / names a field fields.json lacks',
  );
  const only = (file: Content) => (file['byDestination'] = [{ destinations: ['MO'], only: ['QQQ'] }]);
  assert.match(
    complaint(changed('message-keys/RQ.json', only)),
    /^message-keys\/RQ\.json \/byDestination\/0\/only names/,
  );
});

test('a routine hit confirmation may wait an hour, an urgent one and one that does not say ten minutes', () => {
  const dialect = loadDialect(legacy);
  const waits = (text: string) => {
    const read = parse({ kind: 'frame', bytes: Buffer.from(text, 'latin1') }, dialect);
    assert.ok(read.ok);
    return expiresMsOf(read.value, dialect);
  };
  assert.equal(waits('YQ.CA0990100.NV0990300.TXT\r\nPRI/r.RTY/SV'), 3_600_000);
  assert.equal(waits('YQ.CA0990100.NV0990300.TXT\r\nPRI/U.RTY/SV'), 600_000);
  assert.equal(waits('YQ.CA0990100.NV0990300.TXT\r\nRTY/SV'), 600_000);
  assert.equal(waits('RQ.CA0990100.NV.TXT\r\nPRI/R'), 120_000);
  assert.equal(waits('AM.CA0990100.NV.TXT\r\nPRI/R'), 0);
  const ofOther = (file: Content) => (file['expiresByField'] = { field: 'PRI', ms: { Z: 5000 } });
  assert.match(
    complaint(changed('message-keys/YQ.json', ofOther)),
    /expiresByField\/ms\/Z is not in its field's code table$/,
  );
});

test('an output form whose body, mark or count a station could not find is refused', () => {
  const withOutput = (change: object) =>
    complaint(
      changed('dialect.json', (file) => {
        file['output'] = { ...(file['output'] as object), ...change };
      }),
    );
  const mark = '{possibleDuplicate}';
  const cases: [change: object, found: RegExp][] = [
    [{ form: ['{sentCount}', mark] }, /\/output\/form must end with the text mark/],
    [{ form: ['{sentCount}', 'TXT', mark, 'TXT'] }, /\/output\/form must end with the text mark/],
    [{ form: ['{sentCount}', 'TXT'] }, /\/output\/form must hold \{possibleDuplicate\} once/],
    [{ form: [`{sentCount} ${mark}`, 'TXT'] }, /\/output\/form must hold \{possibleDuplicate\} once/],
    [{ form: ['{sentCount}', mark, mark, 'TXT'] }, /\/output\/form must hold \{possibleDuplicate\} once/],
    [{ form: [mark, 'TXT'] }, /\/output\/form must hold \{sentCount\}/],
    [{ form: ['{messageId}', mark, 'TXT'] }, /\/output\/form\/0 must have the form/],
    [{ possibleDuplicate: 'TXT' }, /\/output\/possibleDuplicate must not be the text mark/],
    [{ receipts: { accepted: 'ACK', refused: 'ACK' } }, /\/output\/receipts\/refused is taken/],
    [{ receipts: { accepted: 'AM', refused: 'REJ' } }, /\/output\/receipts\/accepted is a message key/],
    [{ receipts: { accepted: 'ACK', refused: 'REJEC' } }, /\/output\/receipts\/refused has a length/],
  ];
  for (const [change, found] of cases) assert.match(withOutput(change), found);
  assert.equal(withOutput({ form: ['{sentCount}', mark, 'TXT'] }), 'loaded');
});

test('a relayed form that could not be read is refused', () => {
  const [first, clock, to] = ['{messageKey}.{originatingOri}', '{sentTime} {sentCount}', '{destination}'];
  const cases: [form: string[], found: RegExp][] = [
    [[clock, to, 'TXT'], /\/relayed\/0 must begin with \{messageKey\}/],
    [[first, to], /\/relayed\/0 must end with the text mark/],
    [[first, 'TXT', to, 'TXT'], /\/relayed\/0 must end with the text mark/],
    [[first, clock, 'TXT'], /\/relayed\/0 must hold \{destination\} once/],
    [[first, to, to, 'TXT'], /\/relayed\/0 must hold \{destination\} once/],
    [[first, to, '*{control}', '*{control}', 'TXT'], /\/relayed\/0 must hold \{control\} once at most/],
    [[first, first, to, 'TXT'], /\/relayed\/0 must hold \{messageKey\} and \{originatingOri\} on the first/],
    [[first, `${to} ${clock}`, 'TXT'], /\/relayed\/0 must have nothing behind \{destination\}/],
    [[first, '{possibleDuplicate}', to, 'TXT'], /\/relayed\/0\/1 must have the form/],
  ];
  for (const [form, found] of cases) {
    assert.match(complaint(changed('dialect.json', (file) => (file['relayed'] = [form]))), found);
  }
  assert.equal(
    complaint(changed('dialect.json', (file) => (file['relayed'] = [[first, clock, to, 'TXT']]))),
    'loaded',
  );
});

test('a table that no field names is refused: whatever it was meant for, it does not do it', () => {
  const folder = changed('framing.json', () => undefined);
  writeFileSync(
    join(folder, 'codes/sexes.tsv'),
    'code\tmeaning\tconfidence\tsource\nM\tmale\tconvention\tmade up\n',
  );
  assert.equal(complaint(folder), 'codes/sexes.tsv / is a table that no field names');
});

test('a hit confirmation travels in the class its PRI says', () => {
  const dialect = loadDialect(legacy);
  const classOf = (text: string) => {
    const outcome = parse({ kind: 'frame', bytes: Buffer.from(text) }, dialect);
    assert.ok(outcome.ok);
    return priorityClassOf(outcome.value, dialect);
  };
  assert.equal(classOf('YQ.CA0990100.NV0990300.TXTPRI/U'), 1);
  assert.equal(classOf('YQ.CA0990100.NV0990300.TXTPRI/r'), 3);
  assert.equal(classOf('YQ.CA0990100.NV0990300.TXTRTY/SV'), 1);
  assert.equal(classOf('RQ.CA0990100.NV.TXTVIN/1'), 2);
  assert.equal(classOf('ZZQ.CA0990100.NV.TXTVIN/1'), 4);
});

test('a dialect made of files alone is read and checked, with no code of its own', () => {
  const folder = join(work, 'state-zz');
  const files: Record<string, string> = {
    'dialect.json': JSON.stringify({
      name: 'state-zz',
      title: 'A state that does not exist',
      source: 'Invented by this test',
      confidence: 'convention',
      header: {
        form: 'dotted',
        messageKey: { lengthMin: 4, lengthMax: 4 },
        originatingOri: 'AAA999',
        destinationsReadMax: 3,
        control: { mark: '#', lengthMax: 4 },
        textMark: 'BODY',
      },
      destinations: { ori: 'AAA999', group: 'A99', allPoints: ['ALL'] },
      body: { fieldsMax: 8 },
      answers: {
        utcOffsetMinutes: -420,
        originalCharactersMax: 10,
        refused: ['NAK.{gatewayOri}', '{status}'],
        accepted: ['OK.{messageId}'],
      },
      output: {
        form: ['{messageKey} {sentCount} {originatingOri}', '{possibleDuplicate}', 'BODY'],
        possibleDuplicate: 'MAYBE AGAIN',
        receipts: { accepted: 'GOTT', refused: 'NOPE' },
      },
    }),
    'framing.json': JSON.stringify({
      source: 'Invented by this test',
      confidence: 'convention',
      kind: 'stx-etx',
      frameBytesMax: 64,
      frameFaultsMax: 1,
    }),
    'message-keys/TREE.json': JSON.stringify({
      key: 'TREE',
      title: 'Tree in the road',
      source: 'Invented by this test',
      confidence: 'convention',
      kind: 'inquiry',
      priorityClass: 1,
      body: 'fields',
      destinations: { kinds: ['ori'], max: 2 },
      required: ['KND'],
    }),
    'fields.json': JSON.stringify({
      source: 'Invented by this test',
      fields: {
        KND: {
          title: 'Kind of tree',
          source: 'Invented by this test',
          confidence: 'convention',
          lengthMin: 1,
          lengthMax: 3,
          characters: 'letters',
          codeTable: 'trees',
          sensitive: false,
        },
      },
    }),
    'codes/trees.tsv': 'code\tmeaning\tconfidence\tsource\nOAK\tOak\tconvention\tInvented by this test\n',
    'regions.tsv': 'region\tstates\tconfidence\tsource\n',
  };
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const dialect = loadDialect(folder);
  const check = (body: string) => {
    const [frame] = new FrameDecoder(dialect.framing).push(
      Buffer.from(`\x02TREE.ZZA001.ZZB002.#7.BODY${body}\x03`),
    );
    assert.ok(frame?.kind === 'frame');
    const parsed = parse(frame, dialect);
    assert.ok(parsed.ok);
    assert.equal(parsed.value.control, '7');
    const valid = validate({ ...parsed.value, permitted: true }, dialect);
    return valid.ok ? 'valid' : valid.refusals.map(({ code }) => code).join();
  };
  assert.equal(check('KND/OAK'), 'valid');
  assert.equal(check('KND/ASH'), 'VALIDATE_FIELD_CODE');
  assert.equal(check(''), 'VALIDATE_FIELD_MISSING');
});
