import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { hashPassword, isPassword, passwordHashPattern } from './password-hash.ts';

const password = Buffer.from('SAMPLE-PASS-099');
const salt = Buffer.alloc(16, 7);
const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
/** Made by hand, and quicker than ours. */
const quick = `$scrypt$ln=14,r=8,p=1$${unpadded(salt)}$${unpadded(scryptSync(password, salt, 32, { N: 16_384, r: 8, p: 1 }))}`;

test('a hash is that of scrypt, with its parameters and its salt, and only its password matches', async () => {
  assert.ok(await isPassword(password, quick));
  for (const other of ['', 'sample-pass-099', 'SAMPLE-PASS-099 ', 'SAMPLE-PASS-09'])
    assert.equal(await isPassword(Buffer.from(other), quick), false, other);
  const made = await hashPassword(password, salt);
  const hash = scryptSync(password, salt, 32, { N: 32_768, r: 8, p: 3, maxmem: 2 ** 26 });
  assert.equal(made, `$scrypt$ln=15,r=8,p=3$${unpadded(salt)}$${unpadded(hash)}`);
  assert.ok(await isPassword(password, made));
});

test('two hashes of one password differ: each has a salt of its own', async () => {
  const [one, two] = await Promise.all([hashPassword(password), hashPassword(password)]);
  assert.notEqual(one, two);
  assert.match(one, passwordHashPattern);
});

test('what is no hash, or asks for more than a gateway can give, matches nothing', async () => {
  for (const hash of [
    '',
    'SAMPLE-PASS-099',
    quick.slice(0, -1),
    quick.replace('ln=14', 'ln=20'),
    quick.replace('r=8', 'r=64'),
  ])
    assert.equal(await isPassword(password, hash), false);
});
