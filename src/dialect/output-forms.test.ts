import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '../message/codes.ts';
import { loadDialect } from './dialect.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const folder = mkdtempSync(join(tmpdir(), 'tenfour-output-forms-'));
after(() => {
  rmSync(folder, { recursive: true });
});
for (const name of ['nlets-legacy', 'nlets-xml']) {
  const without = (path: string) => !path.includes('samples');
  cpSync(join(protocols, name), join(folder, name), { recursive: true, filter: without });
}

type Head = { output: { form: string[] }; answers: { refused: string[] } };

/** What is said of a dialect after a change, and its file as it was again. */
function complaint(name: string, change: (head: Head) => void): string {
  const file = join(folder, name, 'dialect.json');
  const before = readFileSync(file, 'utf8');
  const head = JSON.parse(before) as Head;
  change(head);
  writeFileSync(file, JSON.stringify(head));
  try {
    loadDialect(join(folder, name));
  } catch (fault) {
    assert.ok(fault instanceof Fault && fault.code === 'DIALECT_INVALID');
    return fault.message.replace('DIALECT_INVALID: dialect.json ', '');
  } finally {
    writeFileSync(file, before);
  }
  return 'loaded';
}

const replaced = (name: string, from: string, ...to: readonly string[]): string =>
  complaint(name, ({ output }) => {
    const at = output.form.findIndex((line) => line.includes(from));
    assert.notEqual(at, -1);
    output.form.splice(at, 1, ...to);
  });

test('a document for a station has a root on one line, its end, one body, and marks a reader finds', () => {
  const cases: readonly (readonly [from: string, to: readonly string[], said: RegExp])[] = [
    ['<n2:NLETS ', ['<n2:NLETS ', 'xmlns:n2="x">'], /must begin with the start tag of the root, whole$/],
    ['<n2:NLETS ', ['<n2:NLETS a="{control}">'], /must begin with the start tag of the root, whole$/],
    ['<n2:NLETS ', ['<?xml version="1.0"?>', '<n2:NLETS>'], /^loaded$/],
    ['</n2:NLETS>', [' '], /must end with the end tag of the root$/],
    ['{body}', [], /must hold \{body\} once, on a line of its own$/],
    ['{body}', ['{body}', '{body}'], /must hold \{body\} once, on a line of its own$/],
    ['{body}', ['<a>{body}</a>'], /must hold \{body\} once, on a line of its own$/],
    ['{possibleDuplicate}', [], /must hold \{possibleDuplicate\} once, on a line of its own$/],
    ['{possibleDuplicate}', ['<a>{possibleDuplicate}{control}</a>'], /must hold \{possibleDuplicate\} once/],
    ['{notCarried}', ['<a>{notCarried}{control}</a>'], /must hold \{notCarried\} once at most/],
    ['{notCarried}', ['<a>{notCarried}</a>', '<a>{notCarried}</a>'], /must hold \{notCarried\} once at most/],
    ['{notCarried}', [], /^loaded$/],
    ['{sentCount}', [], /must hold \{sentCount\}$/],
  ];
  for (const [from, to, said] of cases) assert.match(replaced('nlets-xml', from, ...to), said, to.join(' '));
});

test('an answer can be marked where a delivery is: it holds the line that follows the mark', () => {
  const said = complaint('nlets-xml', ({ answers }) => {
    answers.refused = answers.refused.filter((line) => line.trim() !== '</n2:NLETSMessageHeader>');
  });
  assert.match(said, /^\/answers\/refused must hold the line that follows/);
});

test('text has its body behind the last line, so its form has no place for one', () => {
  assert.match(replaced('nlets-legacy', '*{control}', '{body}'), /must not hold \{body\}/);
  assert.match(
    replaced('nlets-legacy', '{notCarried}', '{control} {notCarried}'),
    /\{notCarried\} once at most/,
  );
});
