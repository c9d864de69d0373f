import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { findingCodes } from './findings.ts';
import { recordSchemas } from './records.ts';

const page = await readFile(new URL('../../docs/audit-format.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| `([A-Za-z_-]+)` \| (.*) \|$/gm)].map(([, name = '', says = '']) => ({
  name,
  says,
}));

test('the format page lists every finding, in the words the verifier uses, and no other', () => {
  const listed = rows.filter((r) => /^[A-Z_]{4,}$/.test(r.name)).map((r) => [r.name, r.says]);
  assert.deepEqual(listed, Object.entries(findingCodes));
});

test('the format page names every record kind and every part of it', () => {
  for (const [kind, schema] of Object.entries(recordSchemas)) {
    const row = rows.find((r) => r.name === kind);
    assert.ok(row, kind);
    if (kind === 'refuse') continue; // says "of the parts of accept those known"
    for (const part of Object.keys(schema.shape)) {
      if (part !== 'e') assert.match(row.says, new RegExp(`\`${part}\\??\``), `${kind}.${part}`);
    }
  }
});
