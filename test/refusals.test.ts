import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { codes } from '../src/message/codes.ts';
import { framingSamples, refusedSamples } from './golden/samples.ts';

const root = join(import.meta.dirname, '..');
const samples = [...refusedSamples(), ...framingSamples()];

/** Rooms whose refusals come from a message's bytes: each of their codes has a sample. */
const sampledRooms = new Set(['frame', 'parse', 'authorize', 'validate', 'route']);

type Entry = { readonly section: string; readonly rows: ReadonlyMap<string, string> };

/** docs/refusals.md as data: `### CODE` and the two-column table below it, under `## Refusals` or `## Faults`. */
function readPage(): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  let section = '';
  let rows = new Map<string, string>();
  for (const line of readFileSync(join(root, 'docs/refusals.md'), 'utf8').split('\n')) {
    const [, heading] = /^## (\w+)$/.exec(line) ?? [];
    const [, code] = /^### (\w+)$/.exec(line) ?? [];
    const [, name, value] = /^\| (\w[\w ]*) \| (.+) \|$/.exec(line) ?? [];
    if (heading !== undefined) section = heading;
    if (code !== undefined) {
      assert.ok(!entries.has(code), `${code} stands twice`);
      rows = new Map();
      entries.set(code, { section, rows });
    }
    if (name !== undefined && value !== undefined) rows.set(name, value);
  }
  return entries;
}

const page = readPage();
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

test('every refusal of frame, parse, authorize, validate and route has a refused sample, which the page names', () => {
  for (const [code, row] of table) {
    if (row.kind !== 'refusal' || !sampledRooms.has(row.room)) continue;
    const [, name] = /^sample `([\w-]+)`$/.exec(page.get(code)?.rows.get('Tested by') ?? '') ?? [];
    const sample = samples.find((one) => one.name === name);
    assert.ok(
      sample?.expected.refusals.some((refusal) => refusal.code === code),
      `${code}: its sample is missing or shows something else`,
    );
  }
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
    const [, file] = /^`((?:src|test)\/[\w./-]+\.test\.ts)`$/.exec(rows.get('Tested by') ?? '') ?? [];
    if (file === undefined) {
      assert.match(rows.get('Tested by') ?? 'sample', /^sample/, `${code}: not a test file`);
      continue;
    }
    named++;
    assert.ok(existsSync(join(root, file)), `${code}: ${file}`);
    assert.match(readFileSync(join(root, file), 'utf8'), new RegExp(`\\b${code}\\b`), `${code}: ${file}`);
  }
  assert.ok(named > 0);
});

test('no status is longer than a line of a terminal leaves room for', () => {
  for (const [code, row] of table) {
    if (row.kind !== 'refusal') continue;
    assert.match(row.status, /^\.\d\d\. [ -~]{4,56}$/, code);
  }
});
