import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '../message/codes.ts';
import { loadDialect } from './dialect.ts';

const work = mkdtempSync(join(tmpdir(), 'tenfour-session-'));
after(() => {
  rmSync(work, { recursive: true });
});
type Content = Record<string, object>;

/** What loading says of `clets` with one file changed; 'loaded' when nothing. */
function complaint(file: string, change: (content: Content) => void): string {
  const protocols = mkdtempSync(join(work, 'protocols-'));
  for (const name of ['nlets-legacy', 'clets'])
    cpSync(join(import.meta.dirname, '../../protocols', name), join(protocols, name), {
      recursive: true,
      filter: (path) => !path.includes('samples'),
    });
  const path = join(protocols, 'clets', file);
  const content = JSON.parse(readFileSync(path, 'utf8')) as Content;
  change(content);
  writeFileSync(path, JSON.stringify(content));
  try {
    loadDialect(join(protocols, 'clets'));
  } catch (fault) {
    assert.ok(fault instanceof Fault);
    return fault.message.replace('DIALECT_INVALID: ', '');
  }
  return 'loaded';
}

const session = (change: object): string =>
  complaint('dialect.json', (content) => {
    content['session'] = { ...content['session'], ...change };
  });
const logOn = (change: object): string =>
  complaint('message-keys/LON.json', (content) => {
    Object.assign(content, change);
  });

test('a log-on has two keys of its own and names its user and password', () => {
  assert.equal(session({}), 'loaded');
  const { session: form, keys } = loadDialect(join(import.meta.dirname, '../../protocols/clets'));
  assert.equal(form?.logOn, 'LON');
  assert.equal(keys.get('LON')?.kind, 'session');
  assert.equal(loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy')).session, undefined);
});

test('keys and fields of a log-on that are not there, or are something else, are refused by their place', () => {
  assert.equal(session({ logOff: 'LON' }), 'dialect.json /session/logOff is the key that logs on');
  assert.match(session({ logOn: 'AM' }), /\/session\/logOn is no message key of kind session/);
  assert.equal(session({ user: 'OLN' }), 'dialect.json /session/user is no required field of the log-on');
  assert.equal(session({ user: 'PWD' }), 'dialect.json /session/password is the field that names who');
  assert.equal(
    session({ password: 'USR', user: 'PWD' }),
    'dialect.json /session/password is a field that is not sensitive',
  );
  assert.match(logOn({ kind: 'administrative' }), /\/session\/logOn is no message key of kind session/);
  assert.match(
    logOn({ destinations: { kinds: ['ori'], max: 2 } }),
    /LON\.json \/destinations must be one ORI/,
  );
  assert.match(logOn({ destinations: { implied: ['CA'] } }), /LON\.json \/destinations must be one ORI/);
  assert.match(logOn({ required: ['USR'], optional: ['PWD'] }), /\/session\/password is no required field/);
  assert.match(
    complaint('dialect.json', (content) => Reflect.deleteProperty(content, 'session')),
    /^message-keys\/LO[NF]\.json \/kind is session, yet dialect\.json names no such key$/,
  );
});

test('no answer of a log-on can repeat what was sent', () => {
  assert.match(
    session({ refused: ['ER.{gatewayOri}', '{original}'] }),
    /^dialect\.json \/session\/refused\/1 /,
  );
});
