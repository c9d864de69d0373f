import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Delivered } from '../wire/line-voice.ts';
import { answerTo } from './answers.ts';
import { readRecords } from './records.ts';

const path = join(import.meta.dirname, '../../../examples/county-099/records.json');
const records = readRecords(path);
const asked = (messageKey: string, body: string) =>
  answerTo({ messageKey, body } as Delivered, records)?.body;

test('answers what a record has with that record, in the dress of the question', () => {
  assert.equal(
    asked('RQ', 'LIC/ZZZ9999.LIY/2026.LIT/PC'),
    'LIC/ZZZ9999.LIY/2026.LIT/PC.VYR/2019.VMA/TOYT.VMO/COA.VST/4D.VCO/WHI.VIN/1ZZZZ99Z9ZZ999999\r\nOWNER: SAMPLE PAT Q  1 EXAMPLE ST',
  );
  assert.match(asked('RQ', '\r\n\x7fVIN/1ZZZZ99Z9ZZ000002') ?? '', /^LIC\/ZZM0002/);
  assert.equal(asked('RQG', 'LIC/ZZZ9999'), asked('RQ', 'LIC/ZZZ9999'));
  assert.match(asked('DQ', 'NAM/EXAMPLE,JO.DOB/19910704.SEX/F') ?? '', /^OLN\/D09990001\.OLS\/UT/);
  assert.equal(asked('AM', 'LIC/ZZZ9999'), undefined);
});

test('makes answers up for reserved plates alone, the same one each time, and finds some of them not on file', () => {
  const plates = Array.from({ length: 400 }, (_, n) => `ZZ${String(n).padStart(5, '0')}`);
  const answers = plates.map((plate) => asked('RQ', `LIC/${plate}`) ?? '');
  assert.deepEqual(
    answers,
    plates.map((plate) => asked('RQ', `LIC/${plate}`)),
  );
  const missing = answers.filter((answer) => answer.startsWith('NOT ON FILE LIC/ZZ')).length;
  assert.ok(missing > 60 && missing < 140, String(missing));
  assert.ok(
    answers.every((answer, at) => answer.includes(`LIC/${plates[at] ?? ''}`)),
    'with the plate that was asked for',
  );
  assert.equal(asked('RQ', 'LIC/4ABC123.LIY/2026'), 'NOT ON FILE LIC/4ABC123');
  assert.equal(asked('DQ', 'OLN/B1234567'), 'NOT ON FILE OLN/B1234567');
});

test('a hit confirmation repeats what identifies the record', () => {
  const request = 'RTY/SV.RNO/1.PRI/U.OCA/26000001.NIC/V999999999.LIC/ZZZ9999.RNA/OFC EXAMPLE.RAG/EXAMPLE PD';
  assert.match(asked('YQ', request) ?? '', /^RTY\/SV\.RNO\/1\.OCA\/26000001\.NIC\/V999999999\.CON\/[YNP]\./);
});

test('a file of records that is not right is refused by its place, without its content', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-records-'));
  const changed = join(folder, 'records.json');
  const text = readFileSync(path, 'utf8');
  writeFileSync(
    changed,
    text.replace('"LIC": "^ZZ[A-Z0-9]{1,6}$"', '"LIC": "("').replace('"text"', '"secret"'),
  );
  assert.throws(() => readRecords(changed), /not right at \/invented\/LIC, \/vehicles\/0$/);
  assert.throws(() => readRecords(join(folder, 'missing.json')), /cannot be read/);
  rmSync(folder, { recursive: true });
});
