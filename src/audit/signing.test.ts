import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { sampleKeys, sampleMs, sampleSigner } from './audit-samples.ts';
import {
  createSigningKey,
  headLineText,
  HeadSigner,
  readHeadLine,
  readPublicKeys,
  verifyHead,
} from './signing.ts';

const head = 'ab'.repeat(32);
const signed = { ...sampleSigner.sign('gw-1', 5, head, sampleMs), w: 'gw-1' };
const keys = readPublicKeys(sampleKeys);

test('the signed text is what the format says, so other software can check it', () => {
  const said = Buffer.from(`tenfour-head 1 gw-1 5 ${head} ${String(sampleMs)}`);
  assert.ok(verify(null, said, createPublicKey(sampleSigner.publicPem), Buffer.from(signed.sig, 'base64')));
});

test('a head verifies with its key and with nothing else changed', () => {
  assert.equal(verifyHead(signed, keys), 'good');
  for (const changed of [{ w: 'gw-2' }, { n: 6 }, { head: 'ac'.repeat(32) }, { t: sampleMs + 1 }]) {
    assert.equal(verifyHead({ ...signed, ...changed }, keys), 'bad');
  }
  assert.equal(verifyHead({ ...signed, kid: 'other' }, keys), 'key-unknown');
});

test('a second spelling of the same signature bytes is bad', () => {
  const last = signed.sig.charAt(85);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const twin = alphabet.charAt(alphabet.indexOf(last) + 1);
  const sig = `${signed.sig.slice(0, 85)}${twin}==`;
  assert.deepEqual(Buffer.from(sig, 'base64'), Buffer.from(signed.sig, 'base64'));
  assert.equal(verifyHead({ ...signed, sig }, keys), 'bad');
});

test('a key under a name that is not its own is refused', () => {
  assert.throws(
    () => readPublicKeys(new Map([['0000000000000000', sampleSigner.publicPem]])),
    /CONFIG_INVALID/,
  );
  assert.throws(() => new HeadSigner('not a key'), /CONFIG_INVALID/);
  assert.notEqual(createSigningKey().kid, sampleSigner.kid);
});

test('a head line is read only as it is written', () => {
  const line = headLineText(signed).trimEnd();
  assert.deepEqual({ e: 'head', ...readHeadLine(line) }, signed);
  for (const other of [`${line} `, line.replace('"n":5', '"n": 5'), line.slice(1), '', 'null', '{}']) {
    assert.equal(readHeadLine(other), null);
  }
});
