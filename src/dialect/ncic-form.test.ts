import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '../message/codes.ts';
import { keyOf, loadDialect } from './dialect.ts';

const protocols = mkdtempSync(join(tmpdir(), 'tenfour-ncic-form-'));
after(() => {
  rmSync(protocols, { recursive: true });
});
for (const name of ['nlets-legacy', 'ncic-2000']) {
  cpSync(join(import.meta.dirname, '../../protocols', name), join(protocols, name), {
    recursive: true,
    filter: (path) => !path.includes('samples'),
  });
}
const dialect = loadDialect(join(protocols, 'ncic-2000'));
const invented = { title: 'Invented', source: 'Invented by this test', confidence: 'convention' };

/** What loading a dialect says that stands on this one, after its code. */
function complaint(head: object, keys: Readonly<Record<string, object>> = {}, base = 'ncic-2000'): string {
  const folder = join(protocols, 'state-zz');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'message-keys'), { recursive: true });
  const whole = { name: 'state-zz', extends: base, ...invented, ...head };
  writeFileSync(join(folder, 'dialect.json'), JSON.stringify(whole));
  for (const [key, content] of Object.entries(keys)) {
    writeFileSync(join(folder, 'message-keys', `${key}.json`), JSON.stringify(content));
  }
  try {
    loadDialect(folder);
  } catch (fault) {
    assert.ok(fault instanceof Fault);
    return fault.message.replace('DIALECT_INVALID: ', '');
  }
  return 'loaded';
}

const keyFile = (key: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(protocols, 'ncic-2000/message-keys', `${key}.json`), 'utf8')) as Record<
    string,
    unknown
  >;

test('a key is found by itself or before a suffix it takes', () => {
  const found = (messageKey: string) => keyOf(dialect, messageKey)?.key;
  assert.deepEqual(['EW', 'EW-C', 'EW-Z', 'MV-A'].map(found), ['EW', 'EW', 'EW', 'MV']);
  assert.deepEqual(['QW-C', 'EW-', 'EW-CC', 'ZZZ-C', '-C', ''].map(found), Array(6).fill(undefined));
  const only = {
    ...dialect,
    keys: new Map([['EW', { ...(dialect.keys.get('EW') ?? assert.fail()), suffixes: ['C'] }]]),
  };
  assert.deepEqual([keyOf(only, 'EW-C')?.key, keyOf(only, 'EW-A')?.key], ['EW', undefined]);
});

test('a dialect may leave out all keys of the other one, and has its fields and tables all the same', () => {
  const base = loadDialect(join(protocols, 'nlets-legacy'));
  assert.ok(base.keys.has('RQ') && !dialect.keys.has('RQ'));
  assert.equal(dialect.fields.get('LIC')?.lengthMax, base.fields.get('LIC')?.lengthMax);
  assert.deepEqual([dialect.fields.get('REG')?.lengthMax, base.fields.get('REG')?.lengthMax], [8, 10]);
  const answered = { ...keyFile('QV'), repliedBy: ['RR'], destinations: { kinds: ['state'], max: 1 } };
  const alone = complaint({ without: 'all' }, { QV: answered }, 'nlets-legacy');
  assert.equal(alone, 'message-keys/QV.json /repliedBy names a key that has no file');
});

test('what may stand there only in this form, or must, is refused where it is wrong', () => {
  const cases: readonly [head: object, complaint: string][] = [
    [{}, 'loaded'],
    [{ ncic: null }, 'dialect.json /ncic must be there where /header/form is ncic, and nowhere else'],
    [
      { header: { form: 'dotted' } },
      'dialect.json /header/form must be ncic where /ncic is there, and nowhere else',
    ],
    [{ ncic: { leads: { output: ['1N01'] } } }, 'dialect.json /ncic/leads/output/0 is a lead of input too'],
    [{ ncic: { leads: { input: ['1N0.'] } } }, 'dialect.json /ncic/leads/input/0 must have the form'],
    [{ ncic: { networkOri: '990000000' } }, 'dialect.json /ncic/networkOri does not look like an ORI'],
    [
      { ncic: { otherKey: 'QV' } },
      'dialect.json /ncic/otherKey must be a key with a file, a text, and ori among its destinations',
    ],
    [
      { ncic: { responses: [{ begins: 'X', messageKey: 'ZZZ' }] } },
      'dialect.json /ncic/responses/0/messageKey must be a key with a file',
    ],
    [
      { output: { form: ['1L01{control}', '{destination}', '{possibleDuplicate}'] } },
      'dialect.json /output/form must begin with a lead of output',
    ],
    [
      { output: { form: ['2L01{control}', '{destination}', '{possibleDuplicate}', ''] } },
      'dialect.json /output/form must begin with a lead of output',
    ],
    [
      { relayed: [['{messageKey}.{originatingOri}', '{destination}', 'TXT']] },
      'dialect.json /relayed is not for the form ncic: its responses look as /ncic says',
    ],
  ];
  for (const [head, wanted] of cases) {
    assert.equal(complaint(head).slice(0, wanted.length), wanted);
  }
});

test('a key that is no response says where its messages go, for none can be written', () => {
  const written = { ...keyFile('QV'), destinations: { kinds: ['state'], max: 1 } };
  assert.match(complaint({}, { QV: written }), /QV\.json \/destinations must be implied/);
  const implied = { ...keyFile('NCH'), destinations: { implied: ['FB'] } };
  assert.match(complaint({}, { NCH: implied }), /NCH\.json \/ is what a response is/);
});

test('fields of the record can stand first only where there are alternatives', () => {
  const without = { ...keyFile('CV'), alternatives: [], required: ['NIC', 'OCA', 'DCL'] };
  assert.match(complaint({}, { CV: without }), /CV\.json \/alternativesFirst is there without alternatives/);
});
