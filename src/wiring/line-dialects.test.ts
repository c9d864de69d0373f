import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadFramings } from '../dialect/dialect.ts';
import type { Line } from '../directory/directory.ts';
import { configOf, dialect, dialects, directory } from './lanes-under-test.ts';
import { checkFramings, lineDialectsOf } from './line-dialects.ts';
import { startRole } from './roles.ts';

const root = join(import.meta.dirname, '../..');
const framings = loadFramings(join(root, 'protocols'));
const [first, second] = [...directory.lines.values()] as [Line, Line];

test('a line speaks its dialect with the framing it names, or with the dialect’s own', () => {
  const lines = [{ ...first, framing: 'len4-big' }, second];
  const spoken = lineDialectsOf(lines, dialects, framings);
  assert.deepEqual(spoken.get(first.name), { ...dialect, framing: framings.get('len4-big') });
  assert.deepEqual(spoken.get(second.name), dialect);
  assert.ok(Object.isFrozen(spoken.get(first.name)));
});

test('a framing that is not there is refused with file and pointer, never the value', () => {
  const naming = (framing: string | undefined) => ({
    lines: new Map([
      [first.name, first],
      [second.name, { ...second, framing }],
    ]),
  });
  checkFramings(naming('len4-big'), framings);
  checkFramings(naming(undefined), framings);
  assert.throws(
    () => {
      checkFramings(naming('secret-value'), framings);
    },
    {
      code: 'DIRECTORY_INVALID',
      message: 'DIRECTORY_INVALID: lines.json /lines/1/framing is not a file of protocols/framings',
    },
  );
});

test('a gateway whose directory names such a framing does not start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-line-dialects-'));
  cpSync(join(root, 'examples/county-099/directory'), folder, { recursive: true });
  const file = join(folder, 'lines.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"confirm"', '"framing": "len3-big", "confirm"'));
  const config = configOf({ DIRECTORY: folder, PROTOCOLS: join(root, 'protocols') });
  await assert.rejects(startRole('gateway', config), {
    code: 'DIRECTORY_INVALID',
    message: 'DIRECTORY_INVALID: lines.json /lines/0/framing is not a file of protocols/framings',
  });
  rmSync(folder, { recursive: true });
});
