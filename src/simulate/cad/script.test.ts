import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SpecError } from '../faults/faults.ts';
import { readEscapes, readExpected, readScript, RunningNumber } from './script.ts';

test('reads steps, messages over several lines, and repeats', () => {
  const script = [
    '# a comment',
    'connect',
    'send AM.CA0990100.NV0990300.TXT\\r\\nONE',
    'expect refused 70 within 50',
    'repeat 3',
    '  send',
    '    RQ.CA0990100.NV.TXT',
    '    LIC/ZZZ9999',
    '  expect message RR',
    'fault drop:at=2',
    'fault none',
  ];
  assert.deepEqual(readScript(script.join('\n')), [
    { does: 'connect', line: 2 },
    { does: 'send', line: 3, text: 'AM.CA0990100.NV0990300.TXT\r\nONE' },
    { does: 'expect', line: 4, expected: { what: 'refused', status: '.70. ', withinMs: 50 } },
    {
      does: 'repeat',
      line: 5,
      times: 3,
      steps: [
        { does: 'send', line: 6, text: 'RQ.CA0990100.NV.TXT\r\nLIC/ZZZ9999' },
        { does: 'expect', line: 9, expected: { what: 'message', messageKey: 'RR', withinMs: 10_000 } },
      ],
    },
    { does: 'fault', line: 10, spec: 'drop:at=2' },
    { does: 'fault', line: 11, spec: '' },
  ]);
});

test('the example script is one', () => {
  const path = join(import.meta.dirname, '../../../examples/scripts/ask-and-misbehave.txt');
  assert.ok(readScript(readFileSync(path, 'utf8')).length > 10);
});

test('refuses a script by its line, before anything is sent, and quotes nothing of it', () => {
  const refused: [script: string, found: RegExp][] = [
    ['connect\nsecret', /^line 2: the first word must be one of connect, close, send/],
    ['connect secretly', /^line 1: \/words is not known here$/],
    ['expect accepted\n\nexpect secret', /^line 3: the first word must be one of accepted, refused/],
    ['expect refused SECRET', /^line 1: neither a number of two digits nor a code/],
    ['expect message secret', /^line 1: \/messageKey is missing or out of bounds$/],
    ['expect nak secret', /^line 1: too many words$/],
    ['expect accepted within secret', /^line 1: \/withinMs is missing or out of bounds$/],
    ['send', /^line 1: \/text is missing or out of bounds$/],
    ['pause secret', /^line 1: \/ms is missing or out of bounds$/],
    ['connect\n  send secret', /^line 2: is set in, but belongs to nothing$/],
    ['repeat 2', /^line 1: \/steps is missing or out of bounds$/],
    ['fault drop;secret', /^line 1: fault 2: the first word must be one of drop/],
    ['repeat 2\n repeat 2\n  repeat 2\n   repeat 2\n    connect', /^line 5: repeats stand at most 3 deep$/],
  ];
  for (const [script, found] of refused) {
    assert.throws(
      () => readScript(script),
      (error) => {
        assert.ok(error instanceof SpecError);
        assert.match(error.message, found);
        return true;
      },
    );
  }
});

test('an expectation names a refusal by its number or its code', () => {
  const expected = readExpected('refused AUTHORIZE_ALL_POINTS within 10');
  assert.deepEqual(expected, {
    what: 'refused',
    status: '.70. ALL POINTS NOT ALLOWED ON THIS LINE',
    withinMs: 10,
  });
  assert.deepEqual(readExpected('refused'), { what: 'refused', status: '', withinMs: 10_000 });
  assert.throws(() => readExpected('refused DIRECTORY_INVALID'), SpecError, 'a fault is no refusal');
});

test('a running number is never given twice, also not by the next run', () => {
  const numbers = new RunningNumber();
  const given = Array.from({ length: 1000 }, () => numbers.fill('*{n}'));
  assert.equal(new Set(given).size, 1000);
  assert.match(given[0] ?? '', /^\*[0-9A-Z]{8}$/);
  const [left, right] = numbers.fill('{n}.{n}').split('.');
  assert.equal(left, right, 'one message has one number');
  assert.equal(readEscapes(String.raw`A\r\nB\\n`), 'A\r\nB\\n');
});
