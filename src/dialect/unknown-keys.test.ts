import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { authorize } from '../authorize/authorize.ts';
import { loadDirectory } from '../directory/directory.ts';
import { Fault } from '../message/codes.ts';
import { parse } from '../parse/parse.ts';
import { route } from '../route/route.ts';
import { validate } from '../validate/validate.ts';
import { type Dialect, keyOf, loadDialect, priorityClassOf } from './dialect.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const legacy = loadDialect(join(protocols, 'nlets-legacy'));
const clets = loadDialect(join(protocols, 'clets'));
const directory = loadDirectory(join(protocols, 'sample-directory'));
const folder = mkdtempSync(join(tmpdir(), 'tenfour-unknown-keys-'));
after(() => {
  rmSync(folder, { recursive: true });
});

/** The message as it passed, its class and where it goes; or what it is refused with. */
function travelled(text: string, lineName = 'clets-dispatch', dialect: Dialect = clets) {
  const line = directory.lines.get(lineName);
  assert.ok(line);
  const parsed = parse({ kind: 'frame', bytes: Buffer.from(text) }, dialect);
  if (!parsed.ok) return parsed.refusals[0].code;
  const permitted = authorize(parsed.value, line, dialect);
  if (!permitted.ok) return permitted.refusals[0].code;
  const valid = validate(permitted.value, dialect);
  if (!valid.ok) return valid.refusals[0].code;
  const routed = route(valid.value, directory, dialect, line.station);
  if (!routed.ok) return routed.refusals[0].code;
  const { isKeyUnknown, fields } = valid.value;
  return {
    isKeyUnknown,
    fields,
    class: priorityClassOf(valid.value, dialect),
    plans: routed.value.map(({ lane, destination, groups }) => `${lane} ${destination}${groups.join(' ')}`),
  };
}

const passed = { isKeyUnknown: true, fields: [], class: 4 };

test('a key without a file is refused by one dialect and passes by another, as free text and marked', () => {
  const text = 'ZZQ.CA0990100.NV.TXT\r\nLIC/ZZZ9999. AND MORE';
  assert.equal(travelled(text, 'ca-dispatch', legacy), 'AUTHORIZE_MESSAGE_KEY_UNKNOWN');
  assert.deepEqual(travelled(text), { ...passed, plans: ['point-to-point NV'] });
  const known = travelled('QV.CA0990100.LIC/9ZZZ999.LIS/CA');
  assert.ok(typeof known === 'object');
  assert.equal(known.isKeyUnknown, undefined);
});

test('three letters that end in Q ask, in R answer; what has another length or letter tells everybody', () => {
  assert.deepEqual(
    ['ZZQ', 'ZZR', 'ZZX', 'ZQ', 'ZR'].map((key) => keyOf(clets, key)?.kind),
    ['inquiry', 'response', 'administrative', 'administrative', 'administrative'],
  );
  assert.deepEqual(keyOf(clets, 'ZZQ')?.repliedBy, ['ZZR']);
  assert.equal(keyOf(clets, 'ZZQ')?.expiresMs, keyOf(clets, 'LQ')?.expiresMs);
  // The question goes to the state's system, the message to everyone there.
  assert.deepEqual(travelled('ZZX.CA0990100.NV.TXTX'), { ...passed, plans: ['broadcast NV'] });
});

test('a key without a file with a field behind the ORI goes where those of the state go', () => {
  for (const gap of ['', '\r\n', '\r\n\x7f']) {
    const found = travelled(`ZZQ.CA0990100.${gap}LIC/9ZZZ999.LIS/CA`);
    assert.deepEqual(found, { ...passed, plans: ['point-to-point CA'] }, JSON.stringify(gap));
  }
  assert.equal(travelled('ZZQ.CA0990100.LIC 9ZZZ999'), 'PARSE_TEXT_MISSING');
  // One that tells rather than asks would tell the whole state.
  assert.equal(travelled('ZZX.CA0990700.LIC/9ZZZ999', 'clets-north'), 'AUTHORIZE_BROADCAST');
});

test('what a line may not do it may not do with such a key either', () => {
  const north = (text: string) => travelled(text, 'clets-north');
  assert.equal(north('ZZQ.CA0990100.NV.TXTX'), 'AUTHORIZE_ORI_NOT_ON_LINE');
  assert.equal(north('ZZX.CA0990700.NV.TXTX'), 'AUTHORIZE_BROADCAST');
  assert.equal(north('ZZX.CA0990700.GBN01.TXTX'), 'AUTHORIZE_BROADCAST');
  assert.equal(north('ZZX.CA0990700.Z1.TXTX'), 'AUTHORIZE_ALL_POINTS');
  assert.equal(north('ZZQ.CA0990700.ZZA2.TXTX'), 'AUTHORIZE_DESTINATION_SHAPE');
  assert.equal(north('ZZX.CA0990700.NV0990300.TXT  \r\n'), 'VALIDATE_TEXT_EMPTY');
  assert.equal(north(`ZZQ.CA0990700.${'NV.'.repeat(6)}TXTX`), 'AUTHORIZE_DESTINATIONS_TOO_MANY');
  const line = directory.lines.get('clets-north');
  assert.ok(line);
  const parsed = parse({ kind: 'frame', bytes: Buffer.from('ZZQ.CA0990700.NV.TXTX') }, clets);
  assert.ok(parsed.ok);
  for (const [keys, isAllowed] of [
    [['QV'], false],
    [['QV', 'ZZQ'], true],
  ] as const) {
    assert.equal(authorize(parsed.value, { ...line, keys: new Set(keys) }, clets).ok, isAllowed);
  }
});

test('a receipt that cannot be read as one is nobody’s message', () => {
  const { accepted, refused } = clets.output.receipts;
  assert.deepEqual(
    [accepted, refused].map((key) => keyOf(clets, key) === undefined),
    [true, true],
  );
  assert.equal(travelled(`${accepted}.CA0990100.NV0990300.TXTX`), 'AUTHORIZE_MESSAGE_KEY_UNKNOWN');
});

test('a key that the dialect leaves out of what it stands on is known, and does not pass', () => {
  const leds = loadDialect(join(protocols, 'or-leds'));
  for (const key of ['NLQ', 'TA']) assert.equal(keyOf(leds, key), undefined, key);
  assert.equal(
    travelled('TA.OR0991600.OR0990500.TXTX', 'leds-trooper', leds),
    'AUTHORIZE_MESSAGE_KEY_UNKNOWN',
  );
  assert.equal(typeof travelled('ZZX.OR0991600.OR0990500.TXTX', 'leds-trooper', leds), 'object');
});

/** An inquiry of text that nobody addresses. */
const impliedText = {
  ...{ key: 'ZZT', title: 'Invented', source: 'Invented', confidence: 'convention', kind: 'inquiry' },
  ...{ priorityClass: 4, body: 'text', destinations: { implied: ['CA'] } },
};

/** What loading a dialect on top of clets says, after its code. */
function complaint(head: object): string {
  const name = 'state-zz';
  const own = { name, extends: 'clets', title: 'Invented', source: 'Invented', confidence: 'convention' };
  rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'dialect.json'), JSON.stringify({ ...own, ...head }));
  mkdirSync(join(folder, name, 'message-keys'));
  writeFileSync(join(folder, name, 'message-keys', 'ZZT.json'), JSON.stringify(impliedText));
  try {
    const dialect = loadDialect(join(folder, name));
    return keyOf(dialect, 'ZZQ') === undefined ? 'refuses' : 'passes';
  } catch (fault) {
    assert.ok(fault instanceof Fault);
    return fault.message.replace('DIALECT_INVALID: ', '');
  }
}

test('a dialect on top of another chooses for itself, and a file that cannot hold is named', () => {
  for (const base of ['nlets-legacy', 'clets']) {
    const filter = (path: string) => !path.includes('samples');
    cpSync(join(protocols, base), join(folder, base), { recursive: true, filter });
  }
  assert.equal(complaint({}), 'passes');
  assert.equal(complaint({ unknownKeys: 'refuse' }), 'refuses');
  assert.equal(complaint({ unknownKeysLike: { inquiry: 'LQ' } }), 'passes');
  assert.match(complaint({ unknownKeys: 'maybe' }), /^dialect\.json \/unknownKeys must be one of/);
  assert.equal(
    complaint({ extends: 'nlets-legacy', unknownKeys: 'pass' }),
    'dialect.json /unknownKeys is pass, which needs unknownKeysLike',
  );
  for (const inquiry of ['ZZQ', 'LR', 'DQ', 'QV', 'ZZT']) {
    assert.equal(
      complaint({ unknownKeysLike: { inquiry } }),
      'dialect.json /unknownKeysLike/inquiry must name a key of this kind that has text and written destinations',
    );
  }
  assert.equal(
    complaint({ without: ['LR'] }),
    'dialect.json /without/0 is what keys without a file are taken like',
  );
  assert.equal(
    complaint({ unknownKeysLike: { implied: ['NV', 'NEVADA'] } }),
    'dialect.json /unknownKeysLike/implied/1 looks like no destination',
  );
});
