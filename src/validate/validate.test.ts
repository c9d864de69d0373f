import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadDialect } from '../dialect/dialect.ts';
import { parse } from '../parse/parse.ts';
import { validate } from './validate.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));

/** Refusals of a body as `CODE field`, with what authorize would have added. */
function refusals(key: string, body: string, to = 'NV', by = dialect): string[] {
  const bytes = Buffer.from(`${key}.CA0990100.${to}.TXT\r\n${body}`, 'latin1');
  const parsed = parse({ kind: 'frame', bytes }, dialect);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.refusals[0].code);
  const outcome = validate({ ...parsed.value, permitted: true }, by);
  return outcome.ok
    ? []
    : outcome.refusals.map(({ code, field = '' }) => `${code.replace('VALIDATE_', '')} ${field}`);
}

test('a vehicle query needs plate, year and type together, or a VIN', () => {
  assert.deepEqual(refusals('RQ', 'LIC/ZZZ9999.LIY/2026.LIT/PC'), []);
  assert.deepEqual(refusals('RQ', 'VIN/1ZZZZ99Z9ZZ999999'), []);
  assert.deepEqual(refusals('RQ', 'LIC/ZZZ9999'), ['FIELD_MISSING LIY', 'FIELD_MISSING LIT']);
  assert.deepEqual(refusals('RQ', 'VYR/2019.VMA/TOYT', 'MO'), ['FIELD_MISSING VIN']);
  assert.deepEqual(refusals('RQ', ''), ['FIELD_MISSING VIN']);
});

test('some fields go where all destinations take them, and to some destinations only some fields', () => {
  const byVin = 'VIN/1ZZZZ99Z9ZZ999999.VYR/2019.VMA/TOYT';
  const notThere = ['FIELD_DESTINATION VYR', 'FIELD_DESTINATION VMA'];
  const query = dialect.keys.get('RQ');
  assert.ok(query);
  const rule = { destinations: new Set(['MO']), only: new Set<string>(), also: new Set(['VYR', 'VMA']) };
  const strict = { ...dialect, keys: new Map(dialect.keys).set('RQ', { ...query, byDestination: [rule] }) };
  assert.deepEqual(refusals('RQ', byVin, 'NV'), [], 'without a rule they go everywhere');
  assert.deepEqual(refusals('RQ', byVin, 'MO', strict), []);
  assert.deepEqual(refusals('RQ', byVin, 'NV', strict), notThere);
  assert.deepEqual(refusals('RQ', byVin, 'MO.NV', strict), notThere);
  const identity = 'PUR/C.ATN/DET EXAMPLE.NAM/SAMPLE,PAT Q.DOB/19800229.SEX/M';
  assert.deepEqual(refusals('IQ', identity, 'NV.CN'), []);
  assert.deepEqual(refusals('IQ', `${identity}.RAC/W`, 'NV.OR'), []);
  assert.deepEqual(refusals('IQ', `${identity}.RAC/W`, 'NV.CN'), ['FIELD_DESTINATION RAC']);
  assert.deepEqual(refusals('IQ', 'PUR/C.ATN/DET EXAMPLE.SOC/900000001', 'ON'), ['FIELD_DESTINATION SOC']);
  // What is wrong with the value itself comes first, and once.
  assert.deepEqual(refusals('IQ', `${identity}.RAC/Z`, 'CN'), ['FIELD_CODE RAC']);
});

test('a field may mean something of its own in one key, and the dictionary’s in all others', () => {
  const search = (typ: string, begin = '20260615') =>
    refusals('NLQ', `TYP/${typ}.BEG/${begin}.END/20260615@1500.FND/ZZZ9999`);
  assert.deepEqual(search('RQ,RR,DQ,DR'), []);
  assert.deepEqual(search('RQ-RR'), ['FIELD_CHARACTERS TYP']);
  assert.deepEqual(refusals('TQ', 'LOC/RENO.TYP/PD'), []);
  assert.deepEqual(refusals('TQ', 'LOC/RENO.TYP/RQ,RR'), ['FIELD_CHARACTERS TYP']);
  // The mark between date and time stands for itself in the picture.
  assert.deepEqual(search('ALL', '20260615@1400'), []);
  assert.deepEqual(search('ALL', '2026061591400'), ['FIELD_CHARACTERS BEG']);
  assert.deepEqual(search('ALL', '2026061@51400'), ['FIELD_CHARACTERS BEG']);
});

test('of fields that exclude each other the first is taken, and each other one refused', () => {
  const search = (body: string) => refusals('NLQ', `TYP/ALL.BEG/20260615.END/20260615.${body}`);
  assert.deepEqual(search('FND/ZZZ9999'), []);
  assert.deepEqual(search('NAM/SAMPLE,PAT'), []);
  assert.deepEqual(search('NAM/SAMPLE,PAT.FND/ZZZ9999'), ['FIELD_EXCLUDED FND']);
  assert.deepEqual(search('FND/ZZZ9999.FND/ZZZ9998'), ['FIELD_REPEATED FND']);
  assert.deepEqual(search('AND/X'), ['FIELD_MISSING FND']);
});

test('a driver query needs a licence number, or name, birth date and sex', () => {
  assert.deepEqual(refusals('DQ', 'OLN/D09999999'), []);
  assert.deepEqual(refusals('DQ', 'NAM/SAMPLE,PAT Q.DOB/19800229.SEX/M'), []);
  assert.deepEqual(refusals('DQ', 'NAM/SAMPLE,PAT Q'), ['FIELD_MISSING DOB', 'FIELD_MISSING SEX']);
});

const request = (rest: string) =>
  `RNO/1.PRI/U.OCA/26000001.NIC/V999999999.RNA/OFC EXAMPLE.RAG/EXAMPLE PD.${rest}`;

test('a hit confirmation needs the record data of its record type', () => {
  const passing: Record<string, string> = {
    SV: 'LIC/ZZZ9999',
    SL: 'LIC/ZZZ9999.LIS/NV.LIY/2026.LIT/PC',
    WP: 'NAM/SAMPLE,PAT Q.DOB/19800229',
    PO: 'NAM/SAMPLE,PAT Q.DOB/19800229',
    MP: 'NAM/SAMPLE,PAT Q.DOB/19800229',
    SG: 'TYP/PI.SER/ZZ99999',
    SA: 'TYP/BBICYCL.SER/ZZ12345',
    SS: 'TYP/BOND.SER/ZZ9.DEN/100',
    SB: 'REG/CF9999ZZ',
    SP: 'SER/ZZ12345',
  };
  const types = dialect.keys.get('YQ')?.cases[0]?.by.keys() ?? [];
  assert.deepEqual([...types].sort(), Object.keys(passing).sort());
  for (const [type, record] of Object.entries(passing)) {
    assert.deepEqual(refusals('YQ', request(`RTY/${type}.${record}`)), [], type);
    assert.notDeepEqual(refusals('YQ', request(`RTY/${type}`)), [], `${type} without its record`);
  }
});

test('plate state, year and type belong to a stolen plate only', () => {
  assert.deepEqual(refusals('YQ', request('RTY/SV.LIC/ZZZ9999.LIS/NV')), ['FIELD_UNKNOWN LIS']);
});

test('an answer that is not yet one says when it will be', () => {
  const answer = (rest: string) =>
    `RTY/SV.RNO/1.OCA/26000001.NIC/V999999999.CNA/DISP EXAMPLE.CAG/SAMPLE SO.${rest}`;
  assert.deepEqual(refusals('YR', answer('CON/Y')), []);
  assert.deepEqual(refusals('YR', answer('CON/P')), ['FIELD_MISSING HRS']);
  assert.deepEqual(refusals('YR', answer('CON/P.HRS/4')), []);
});

test('an answer is not held up by a confirmation code that our uncertain table lacks', () => {
  const answer = 'RTY/SV.RNO/1.OCA/26000001.NIC/V999999999.CNA/DISP EXAMPLE.CAG/SAMPLE SO';
  assert.deepEqual(refusals('YR', `${answer}.CON/Z`, 'NV0990300'), []);
  assert.deepEqual(refusals('YR', `${answer}.CON/ZZ`, 'NV0990300'), ['FIELD_LENGTH CON']);
});

test('checks lengths, characters, forms and code tables', () => {
  const plate = (rest: string) => refusals('RQ', `VIN/1ZZZZ99Z9ZZ999999.${rest}`);
  assert.deepEqual(plate('LIC/'), ['FIELD_LENGTH LIC']);
  assert.deepEqual(plate('LIC/ABCDEFGHIJ'), []);
  assert.deepEqual(plate('LIC/ABCDEFGHIJK'), ['FIELD_LENGTH LIC']);
  assert.deepEqual(plate('LIC/ZZZ-99'), ['FIELD_CHARACTERS LIC']);
  assert.deepEqual(plate('LIY/26'), []);
  assert.deepEqual(plate('LIY/NX'), []);
  assert.deepEqual(plate('LIY/202'), ['FIELD_CHARACTERS LIY']);
  assert.deepEqual(plate('LIY/XX'), ['FIELD_CHARACTERS LIY']);
  assert.deepEqual(plate('RSN/Q'), ['FIELD_CODE RSN']);
  assert.deepEqual(plate('LIT/ZZ'), [], 'a table we know in part informs and does not refuse');
  assert.deepEqual(plate('VIN/2'), ['FIELD_REPEATED VIN']);
  assert.deepEqual(plate('ZZZ/2'), ['FIELD_UNKNOWN ZZZ']);
});

test('lower case passes, and line ends inside a value do not count', () => {
  assert.deepEqual(refusals('DQ', 'nam/sample,\r\npat.dob/1980\r\n0229.sex/m'), []);
  assert.deepEqual(refusals('RQ', `LIC/ABCDE\r\nFGHIJ.LIY/2026.LIT/PC`), []);
});

test('free text must say something', () => {
  assert.deepEqual(refusals('AM', '\r\n \x7f'), ['TEXT_EMPTY text']);
  assert.deepEqual(refusals('AM', '.'), []);
});

test('collects what is wrong with a message, sixteen at most', () => {
  assert.deepEqual(refusals('DQ', 'NAM/SAMPLE PAT.DOB/1.SEX/Q'), [
    'FIELD_CHARACTERS NAM',
    'FIELD_LENGTH DOB',
    'FIELD_CODE SEX',
  ]);
  assert.equal(refusals('RQ', 'ZZZ/1.'.repeat(60)).length, 16);
  assert.equal(refusals('YQ', 'ZZZ/1.'.repeat(14)).length, 16);
});

test('never throws, and a refusal holds no value', () => {
  const body = fc
    .array(
      fc.tuple(fc.constantFrom('LIC', 'LIY', 'NAM', 'RTY', 'ZZZ'), fc.stringMatching(/^[a-z -,:-@]{0,40}$/)),
    )
    .map((pairs) => pairs.slice(0, 60).map(([code, value]) => `${code}/qq${value}qq`));
  fc.assert(
    fc.property(fc.constantFrom('RQ', 'DQ', 'YQ', 'YR'), body, (key, fields) => {
      assert.ok(!refusals(key, fields.join('.')).some((text) => text.includes('qq')));
    }),
    { numRuns: 300 },
  );
});
