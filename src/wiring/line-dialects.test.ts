import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect, loadFramings } from '../dialect/dialect.ts';
import type { Line } from '../directory/directory.ts';
import { configOf, dialect, dialects, directory } from './lanes-under-test.ts';
import { checkFramings, checkReceipts, checkStates, lineDialectsOf } from './line-dialects.ts';
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

test('a line whose dialect sends no count cannot have receipts, and is refused with file and pointer', () => {
  const ncic = loadDialect(join(root, 'protocols/ncic-2000'));
  const speaking = (confirm: Line['confirm']) => ({
    lines: new Map([
      [first.name, { ...first, confirm: 'application' as const }],
      [second.name, { ...second, dialect: 'ncic-2000', confirm }],
    ]),
  });
  const both = new Map([...dialects, ['ncic-2000', ncic] as const]);
  checkReceipts(speaking('link'), both);
  checkReceipts(speaking('none'), both);
  assert.throws(
    () => {
      checkReceipts(speaking('application'), both);
    },
    { code: 'DIRECTORY_INVALID', message: /lines\.json \/lines\/1\/confirm cannot be application/ },
  );
});

test('a state by a name that no message is read with is refused: nobody could write to it', () => {
  const withState = (code: string) => {
    const states = [...directory.states.values(), { code, title: 'Any', system: 'any', isService: false }];
    return { lines: directory.lines, states: new Map(states.map((state) => [state.code, state])) };
  };
  checkStates(withState('NB'), dialects);
  assert.throws(
    () => {
      checkStates(withState('NE'), dialects);
    },
    { code: 'DIRECTORY_INVALID', message: /states\.json \/states\/\d+\/code is another name / },
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
