import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect } from '../dialect/dialect.ts';
import { loadDirectory } from '../directory/directory.ts';
import { parse } from '../parse/parse.ts';
import { authorize } from './authorize.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const clets = loadDialect(join(import.meta.dirname, '../../protocols/clets'));
const directory = loadDirectory(join(import.meta.dirname, '../../protocols/sample-directory'));

/** The code a text is refused with on a line of the example directory, or `permitted`. */
function answer(lineName: string, text: string): string {
  const line = directory.lines.get(lineName);
  const by = line?.dialect === 'clets' ? clets : dialect;
  const parsed = parse({ kind: 'frame', bytes: Buffer.from(text) }, by);
  assert.ok(line && parsed.ok);
  const outcome = authorize(parsed.value, line, by);
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

test('a help file is asked by itself', () => {
  assert.equal(answer('ca-dispatch', 'AM.CA0990100.AZLICHELP.TXTHELP'), 'permitted');
  for (const others of ['AZLICHELP.NVLICHELP.', 'NV.azlichelp.']) {
    assert.equal(answer('ca-dispatch', `AM.CA0990100.${others}TXTHELP`), 'AUTHORIZE_DESTINATIONS_TOO_MANY');
    assert.equal(
      answer('clets-dispatch', `AM.CA0990100.${others}TXTHELP`),
      'AUTHORIZE_DESTINATIONS_TOO_MANY',
    );
  }
  assert.equal(answer('ca-dispatch', 'AM.CA0990100.AZLIC0000.NVLIC0000.TXTX'), 'permitted');
});

test('refuses a kind of destination the key does not have', () => {
  assert.equal(answer('ca-dispatch', 'RQ.CA0990100.NV0990300.TXTVIN/1'), 'AUTHORIZE_DESTINATION_SHAPE');
  assert.equal(answer('ca-dispatch', 'RQ.CA0990100.Z1.TXTVIN/1'), 'AUTHORIZE_DESTINATION_SHAPE');
  assert.equal(answer('ca-dispatch', 'YQ.CA0990100.NV.TXTRTY/SV'), 'AUTHORIZE_DESTINATION_SHAPE');
});

const relayed = (key: string, ori: string, destination: string) =>
  `${key}.${ori}\r\n14:02 06/15/2026 01873\r\n14:02 06/15/2026 00412 ${destination}\r\nTXT\r\nTEXT`;

test('a network hands on messages of those it speaks for, and of nobody else', () => {
  assert.equal(answer('nlets', relayed('RR', 'NVDMV0000', 'CA0990100')), 'permitted');
  assert.equal(answer('nlets', relayed('ER', 'NL0000000', 'CA0990100')), 'permitted');
  // An agency behind us is not behind the network, whatever a text from there says.
  assert.equal(answer('nlets', relayed('AM', 'CA0990100', 'CA0990200')), 'AUTHORIZE_ORI_NOT_ON_LINE');
  assert.equal(answer('nlets', relayed('AM', 'TX0990100', 'CA0990200')), 'AUTHORIZE_ORI_NOT_ON_LINE');
  assert.equal(answer('nlets', relayed('RR', 'NVDMV0000', 'CA')), 'AUTHORIZE_DESTINATION_SHAPE');
});

test('the network’s form and its status keys are for an upstream line, also with an ORI of the line', () => {
  assert.equal(answer('ca-dispatch', relayed('AM', 'CA0990100', 'CA0990200')), 'AUTHORIZE_NOT_UPSTREAM');
  assert.equal(answer('ca-dispatch', 'SM.CA0990100.CA0990200.TXTX'), 'AUTHORIZE_MESSAGE_KEY');
  assert.equal(answer('nlets', 'SM.NL0000000.CA0990200.TXTX'), 'permitted');
});

test('a joint message has twenty addressees, five of them codes of the network', () => {
  const am = (destinations: string) => answer('clets-dispatch', `AM.CA0990100.${destinations}TXT X`);
  assert.equal(am('ZZA1.'.repeat(15) + 'NV.OR.WA.AZ.H1.'), 'permitted');
  assert.equal(am('ZZA1.'.repeat(21)), 'AUTHORIZE_DESTINATIONS_TOO_MANY');
  assert.equal(am('NV.OR.WA.AZ.H1.ID.'), 'AUTHORIZE_DESTINATIONS_TOO_MANY');
  assert.equal(am('NV.OR.WA.AZ.H1.ZZA1.'), 'permitted');
});

test('an implied destination that reaches many needs the permission like a written one', () => {
  const key = clets.keys.get('APB');
  assert.ok(key);
  const implying = (text: string) => {
    const destinations = { ...key.destinations, implied: [{ text, offset: 0, isImplied: true as const }] };
    return { ...clets, keys: new Map([['APB', { ...key, destinations }]]) };
  };
  const bulletin = (lineName: string, text: string) => {
    const line = directory.lines.get(lineName);
    const by = implying(text);
    assert.ok(line);
    const parsed = parse({ kind: 'frame', bytes: Buffer.from(`APB.${[...line.oris].join()}.X`) }, by);
    assert.ok(parsed.ok);
    const outcome = authorize(parsed.value, line, by);
    return outcome.ok ? 'permitted' : outcome.refusals[0];
  };
  const where = { field: 'destination', offset: 0, length: 3 };
  assert.equal(bulletin('clets-dispatch', 'GBN01'), 'permitted');
  assert.deepEqual(bulletin('clets-north', 'GBN01'), { code: 'AUTHORIZE_BROADCAST', ...where });
  assert.deepEqual(bulletin('clets-dispatch', 'Z1'), { code: 'AUTHORIZE_ALL_POINTS', ...where });
});

test('what is implied is no question; what is only for some is refused for the others', () => {
  assert.equal(answer('clets-dispatch', 'IV.CA0990100.LIC/9ZZZ999'), 'permitted');
  const search = 'TYP/ALL.BEG/20260615.END/20260615.FND/A';
  assert.equal(answer('ca-dispatch', `NLQ.CA0990100.NL.TXT${search}`), 'permitted');
  assert.equal(answer('ca-dispatch', `NLQ.CA0990100.NV.TXT${search}`), 'AUTHORIZE_DESTINATION_SHAPE');
});

test('a mnemonic is one station: no permission to broadcast is needed', () => {
  assert.equal(answer('clets-north', 'AM.CA0990700.ZZB2.TXT X'), 'permitted');
  assert.equal(answer('clets-north', 'AM.CA0990700.OR.TXT X'), 'AUTHORIZE_BROADCAST');
});
