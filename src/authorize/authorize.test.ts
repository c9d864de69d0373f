import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect } from '../dialect/dialect.ts';
import { loadDirectory } from '../directory/directory.ts';
import { parse } from '../parse/parse.ts';
import { authorize } from './authorize.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const directory = loadDirectory(join(import.meta.dirname, '../../examples/county-099/directory'));

/** The code a text is refused with on a line of the example directory, or `permitted`. */
function answer(lineName: string, text: string): string {
  const line = directory.lines.get(lineName);
  const parsed = parse({ kind: 'frame', bytes: Buffer.from(text) }, dialect);
  assert.ok(line && parsed.ok);
  const outcome = authorize(parsed.value, line, dialect);
  return outcome.ok ? 'permitted' : outcome.refusals.map(({ code }) => code).join(' ');
}

test('binds the ORI in the text to the line, whoever else has it', () => {
  assert.equal(answer('ca-dispatch', 'RQ.CA0990100.NV.TXTVIN/1'), 'permitted');
  assert.equal(answer('ca-marshal', 'RQ.CA0990100.NV.TXTVIN/1'), 'AUTHORIZE_ORI_NOT_ON_LINE');
});

test('a stranger learns nothing of fields: the header is refused before they are read', () => {
  assert.equal(answer('ca-marshal', 'RQ.CA0990100.NV.TXTXXX/NONSENSE'), 'AUTHORIZE_ORI_NOT_ON_LINE');
});

test('permits only the keys of the line', () => {
  assert.equal(answer('ca-marshal', 'AML.CA0990200.NV0990300.TXTX'), 'AUTHORIZE_MESSAGE_KEY');
  assert.equal(answer('ca-dispatch', 'QQ.CA0990100.NV.TXTX'), 'AUTHORIZE_MESSAGE_KEY_UNKNOWN');
});

test('a question to a state or region is no broadcast, a bulletin to it is', () => {
  assert.equal(answer('ca-marshal', 'RQ.CA0990200.NV.H1.TXTVIN/1'), 'permitted');
  for (const destination of ['NV', 'H1', 'GBN01']) {
    assert.equal(
      answer('ca-marshal', `AM.CA0990200.${destination}.TXTX`),
      'AUTHORIZE_BROADCAST',
      destination,
    );
    assert.equal(answer('nv-sheriff', `AM.NV0990300.${destination}.TXTX`), 'permitted', destination);
  }
  assert.equal(answer('ca-marshal', 'AM.CA0990200.NV0990300.TXTX'), 'permitted');
});

test('all points is a grant of its own, above broadcast', () => {
  assert.equal(answer('nv-sheriff', 'AM.NV0990300.Z1.TXTX'), 'AUTHORIZE_ALL_POINTS');
  assert.equal(answer('ca-dispatch', 'AM.CA0990100.Z1.TXTX'), 'permitted');
});

test('takes as many destinations as the key allows and names the limit at the next', () => {
  assert.equal(answer('ca-dispatch', 'RQ.CA0990100.AZ.NV.OR.WA.CA.TXTVIN/1'), 'permitted');
  assert.equal(
    answer('ca-dispatch', 'RQ.CA0990100.AZ.NV.OR.WA.CA.ID.TXTVIN/1'),
    'AUTHORIZE_DESTINATIONS_TOO_MANY',
  );
});

test('refuses a kind of destination the key does not have', () => {
  assert.equal(answer('ca-dispatch', 'RQ.CA0990100.NV0990300.TXTVIN/1'), 'AUTHORIZE_DESTINATION_SHAPE');
  assert.equal(answer('ca-dispatch', 'RQ.CA0990100.Z1.TXTVIN/1'), 'AUTHORIZE_DESTINATION_SHAPE');
  assert.equal(answer('ca-dispatch', 'YQ.CA0990100.NV.TXTRTY/SV'), 'AUTHORIZE_DESTINATION_SHAPE');
});
