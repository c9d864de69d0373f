import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { branchesOf } from './fuzz/coverage.ts';
import { CaseMaker } from './fuzz/cases.ts';
import { keepFinds } from './fuzz/finds.ts';
import { fuzz } from './fuzz/fuzz.ts';
import { readStock } from './fuzz/stock.ts';

const seed = 20_260_615;
const cases = 100_000;
/** Counting makes a case several times as slow; branches that come up at all come up early. */
const countedCases = 16_000;
const branchesShareMin = 0.9;
const planted = (name: string): string => new URL(`./fuzz/planted/${name}.ts`, import.meta.url).href;
const stock = readStock();

test('one hundred thousand inputs neither crash nor hang the road, and reach nine of ten branches of frame and parse', async (context) => {
  const { crashes, hangs, finds, covered, casesPerSecond } = await fuzz({ cases, seed, countedCases });
  const again = `npm run fuzz -- --seed ${String(seed)} --cases ${String(cases)}`;
  assert.deepEqual(finds, [], `${JSON.stringify(finds)}; ${again} keeps what it finds`);
  assert.deepEqual({ crashes, hangs }, { crashes: 0, hangs: 0 });
  const share = covered.taken / covered.branches;
  context.diagnostic(
    `branches of src/frame and src/parse taken by the samples and ${String(countedCases)} cases: ${String(covered.taken)} of ` +
      `${String(covered.branches)}, ${(100 * share).toFixed(1)} %; ${String(casesPerSecond)} cases a second`,
  );
  for (const branch of covered.missed) context.diagnostic(`not taken: ${branch}`);
  assert.ok(covered.branches > 300, 'there are branches to count');
  assert.ok(share >= branchesShareMin, `${(100 * share).toFixed(1)} % of the branches; ${again}`);
});

test('a case follows from the seed and its number, and cases differ', () => {
  const of = (from: number, number: number) => new CaseMaker(stock, from).caseOf(number);
  assert.deepEqual(of(7, 1234), of(7, 1234));
  const wires = Array.from({ length: 200 }, (_none, number) => of(7, number).wire.toString('latin1'));
  assert.ok(new Set(wires).size > 150);
  assert.notDeepEqual(of(7, 1), of(8, 1));
});

test('cases of every dialect and every framing come up', () => {
  const maker = new CaseMaker(stock, seed);
  const made = Array.from({ length: 3_000 }, (_none, number) => maker.caseOf(number));
  assert.deepEqual(new Set(made.map(({ dialect }) => dialect)), new Set(stock.dialects.keys()));
  assert.deepEqual(new Set(made.map(({ framing }) => framing)), new Set(['', ...stock.framings.keys()]));
});

test('the fuzzer finds a parser that throws and one that misplaces, and keeps a small input', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-finds-'));
  try {
    const thrown = { cases: 3_000, seed, dialect: 'nlets-legacy', parseModule: planted('throws') };
    const { crashes, hangs, finds } = await fuzz(thrown);
    assert.ok(crashes > 0);
    assert.equal(hangs, 0);
    assert.match(finds[0]?.why ?? '', /^threw TypeError at .*throws\.ts/);
    const [name = ''] = await keepFinds(finds.slice(0, 1), thrown, folder);
    assert.deepEqual(readdirSync(folder), [name]);
    const wire = readFileSync(join(folder, name, 'wire.msg'), 'latin1');
    assert.ok(wire.length < 60, `${String(wire.length)} bytes are left`);
    assert.match(readFileSync(join(folder, name, 'note.json'), 'utf8'), /"kind": "crash"/);
    const misplaced = await fuzz({
      cases: 500,
      seed,
      dialect: 'nlets-legacy',
      parseModule: planted('misplaces'),
    });
    assert.ok(misplaced.finds.some(({ why }) => why.endsWith('a place outside the frame')));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a loop without an end is a hang, and the cases behind it are tried all the same', async () => {
  const hanging = {
    cases: 2_000,
    seed,
    dialect: 'nlets-legacy',
    parseModule: planted('hangs'),
    hangMs: 500,
    hangsMax: 3,
  };
  const { hangs, crashes, finds } = await fuzz(hanging);
  // The other worker may be in one of its own when the last is counted.
  assert.ok(hangs >= 3 && hangs <= 4);
  assert.equal(crashes, 0);
  assert.ok(finds.every(({ kind }) => kind === 'hang'));
  assert.equal(new Set(finds.map(({ number }) => number)).size, hangs);
});

test('branches are found where they are in a source', () => {
  const source = [
    'if (a) b(); else c();',
    'if (a) b();',
    'const d = a ? b : c ?? e;',
    'const f = list[0] ?? 0;',
    'while (a) b();',
    'switch (a) { case 1: b(); case 2: default: c(); }',
  ].join('\n');
  const found = branchesOf('a.ts', source).map(({ line, what }) => `${String(line)} ${what}`);
  assert.deepEqual(found, [
    '1 if',
    '1 else',
    '2 if',
    '2 if not',
    '3 ?',
    '3 :',
    '3 ??',
    '3 not ??',
    '5 loop',
    '6 case',
    '6 case',
  ]);
});
