import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect } from '../dialect/dialect.ts';
import { parse } from '../parse/parse.ts';
import { validate } from './validate.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/ncic-2000'));

/** Refusals of a body as `CODE field offset in the body`. */
function refusals(key: string, body: string): string[] {
  const head = `1N01A.${key}.CA0990100.`;
  const bytes = Buffer.from(head + body, 'latin1');
  const parsed = parse({ kind: 'frame', bytes }, dialect);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.refusals[0].code);
  const outcome = validate({ ...parsed.value, permitted: true }, dialect);
  if (outcome.ok) return [];
  return outcome.refusals.map(({ code, field = '', offset = head.length }) =>
    [code.replace('VALIDATE_FIELD_', ''), field, offset - head.length].join(' '),
  );
}

test('what a message does to a record begins with the record, in any order', () => {
  assert.deepEqual(refusals('CV', 'NIC/V999999999.OCA/1.DCL/20260615'), []);
  assert.deepEqual(refusals('CV', 'OCA/1.NIC/V999999999.DCL/20260615'), []);
  assert.deepEqual(refusals('CV', 'OCA/1.LIC/ZZZ9999.DCL/20260615'), []);
  assert.deepEqual(refusals('XW', 'NAM/SAMPLE,PAT Q.OCA/1.DOC/20260615'), []);
});

test('fields of the record that come too late are refused by the first of them', () => {
  assert.deepEqual(refusals('CV', 'DCL/20260615.NIC/V999999999.OCA/1'), ['ORDER OCA 32']);
  assert.deepEqual(refusals('CV', 'NIC/V999999999.DCL/20260615.OCA/1'), ['ORDER OCA 32']);
  assert.deepEqual(refusals('LV', 'DOR/20260615.MIS/X.NIC/V999999999.OCA/1'), ['ORDER NIC 23']);
});

test('a record that is not named whole is refused for what lacks, not for the order', () => {
  assert.deepEqual(refusals('CV', 'NIC/V999999999.DCL/20260615'), ['MISSING OCA 0']);
  assert.deepEqual(refusals('CV', 'DCL/20260615.OCA/1'), ['MISSING NIC 0']);
});

test('a change may name a field of the record once more, and no field three times; nothing else may', () => {
  const record = 'NIC/V999999999.OCA/1.';
  assert.deepEqual(refusals('MV', `${record}OCA/2.VCO/BLU`), []);
  assert.deepEqual(refusals('MV', 'LIC/ZZZ9998.OCA/1.LIC/ZZZ9999.LIS/NV'), []);
  assert.deepEqual(refusals('MV', `${record}OCA/2.OCA/3`), ['REPEATED OCA 31']);
  assert.deepEqual(refusals('MV', `${record}VCO/BLU.VCO/RED`), ['REPEATED VCO 33']);
  assert.deepEqual(refusals('CV', `${record}OCA/2.DCL/20260615`), ['REPEATED OCA 25']);
});

test('a key with a suffix is checked like the key without', () => {
  assert.deepEqual(refusals('EW-C', 'NAM/SAMPLE,PAT Q'), refusals('EW', 'NAM/SAMPLE,PAT Q'));
  assert.ok(refusals('EW-C', 'NAM/SAMPLE,PAT Q').includes('MISSING DOW 0'));
  assert.deepEqual(refusals('MW-C', 'HGT/511.NIC/W999999999.OCA/1'), ['ORDER OCA 27']);
});
