import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { capabilities } from './capabilities.ts';
import { casesInSource } from './contract-cases.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/contract.md'), 'utf8');
/** Rows of the document's tables by their number of columns. */
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

test('docs/contract.md names every case of the suite with what it needs, and no other', () => {
  const documented = rows
    .filter((cells) => cells.length === 5 && cells[0] !== 'file')
    .map(([file, , name, needs]) => `${file ?? ''}: ${name ?? ''} (${needs ?? ''})`);
  const written = casesInSource().map(
    ({ file, name, needs }) => `${file}: ${name} (${needs === '' ? '–' : needs})`,
  );
  assert.ok(written.length > 80, `only ${String(written.length)} cases found in the sources`);
  assert.deepEqual(documented, written);
});

test('docs/contract.md explains every capability', () => {
  const explained = rows.filter((cells) => cells.length === 2).map(([name = '', what = '']) => [name, what]);
  for (const capability of Object.entries(capabilities))
    assert.ok(
      explained.some(([name, what]) => name === capability[0] && what === capability[1]),
      capability[0],
    );
});
