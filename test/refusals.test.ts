import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { adviceOf, readPage, testedBy, withTable } from '../scripts/refusal-page.ts';
import { advice } from '../src/explain/advice.ts';
import { codes, type RefusalCode } from '../src/message/codes.ts';
import { framingSamples, refusedSamples } from './golden/samples.ts';

const root = join(import.meta.dirname, '..');
const samples = [...refusedSamples(), ...framingSamples()];

/** Refusals that no bytes cause by themselves, and what else it takes. Every other one has a sample. */
const notOfBytesAlone: Readonly<Partial<Record<RefusalCode, string>>> = {
  LISTEN_SESSIONS_TOO_MANY: 'how many connections the line has',
  LISTEN_LOG_ON: 'who has logged on, and the passwords there are',
  QUEUE_LANE_FULL: 'what waits for a destination',
  QUEUE_MEMORY: 'how full the store is',
  DELIVER_EXPIRED: 'time that passes after the message was accepted',
  DELIVER_UNCONFIRMED: 'a station that does not answer',
  DELIVER_DEAD: 'a station or bus that does not take it',
  COLLECT_RETURNED: 'a receiver on the bus that does not take it',
};

const pageText = readFileSync(join(root, 'docs/refusals.md'), 'utf8');
const page = readPage(pageText);
const table = Object.entries(codes);

test('every code is on the page, and every code on the page exists', () => {
  assert.deepEqual([...page.keys()].sort(), table.map(([code]) => code).sort());
});

test('the page says of each code what the table says', () => {
  for (const [code, row] of table) {
    const entry = page.get(code);
    assert.ok(entry, code);
    const { section, rows } = entry;
    assert.equal(section, row.kind === 'refusal' ? 'Refusals' : 'Faults', code);
    assert.equal(rows.get('Raised by'), row.room, code);
    assert.equal(rows.get('Retry'), row.kind === 'refusal' ? row.retry : undefined, code);
    assert.equal(rows.get('Status'), row.kind === 'refusal' ? `\`${row.status}\`` : undefined, code);
    for (const name of ['Means', 'Do']) assert.ok((rows.get(name) ?? '').length > 10, `${code}: ${name}`);
  }
});

test('every refusal that bytes alone can cause has a refused sample, which the page names', () => {
  for (const [code, row] of table) {
    if (row.kind !== 'refusal' || Object.hasOwn(notOfBytesAlone, code)) continue;
    const named = testedBy(page.get(code)?.rows ?? new Map<string, string>()).samples;
    assert.ok(named.length > 0, `${code}: the page names no sample`);
    for (const name of named) {
      const shows = samples.some(
        (one) => one.name === name && one.expected.refusals.some((refusal) => refusal.code === code),
      );
      assert.ok(shows, `${code}: the sample ${name} is missing or shows something else`);
    }
  }
});

test('no sample shows a refusal that bytes alone do not cause, and each of those is tested somewhere else', () => {
  const shown = new Set(samples.flatMap(({ expected }) => expected.refusals.map(({ code }) => code)));
  for (const code of Object.keys(notOfBytesAlone) as RefusalCode[]) {
    assert.ok(!shown.has(code), `${code} has a sample: take it off the list`);
    const { files } = testedBy(page.get(code)?.rows ?? new Map<string, string>());
    assert.ok(files.length > 0, `${code}: no test file`);
  }
});

test('the table and what programs say of refusals are those of the page: else run scripts/write-refusal-table.ts', () => {
  assert.equal(pageText, withTable(pageText));
  assert.deepEqual(advice, adviceOf(pageText));
});

test('every code a sample shows exists', () => {
  for (const { name, expected } of samples) {
    assert.ok(expected.refusals.length > 0, name);
    for (const { code } of expected.refusals) assert.ok(Object.hasOwn(codes, code), `${name}: ${code}`);
  }
});

test('a test file the page names exists and speaks of the code', () => {
  let named = 0;
  for (const [code, { rows }] of page) {
    const { samples: shown, files } = testedBy(rows);
    assert.ok(rows.get('Tested by') === undefined || shown.length + files.length > 0, `${code}: by what?`);
    for (const file of files) {
      named++;
      assert.ok(existsSync(join(root, file)), `${code}: ${file}`);
      assert.match(readFileSync(join(root, file), 'utf8'), new RegExp(`\\b${code}\\b`), `${code}: ${file}`);
    }
  }
  assert.ok(named > 0);
});

test('no status is longer than a line of a terminal leaves room for', () => {
  for (const [code, row] of table) {
    if (row.kind !== 'refusal') continue;
    assert.match(row.status, /^\.\d\d\. [ -~]{4,56}$/, code);
  }
});
