import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { compactDecrypt, decodeProtectedHeader, generalDecrypt, type GeneralJWE } from 'jose';
import fc from 'fast-check';
import { BusSealer } from './bus-sealer.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-bus-keys-'));
after(() => {
  rmSync(dir, { recursive: true });
});
const keyOf = (letter: string) => Buffer.alloc(32, letter);
const path = join(dir, 'bus.json');
const keys = [
  { owner: 'sample-pd', epoch: 10, k: keyOf('p').toString('base64url') },
  { owner: 'sample-pd', epoch: 9, k: keyOf('o').toString('base64url') },
  { owner: 'sample-so', epoch: 1, k: keyOf('s').toString('base64url') },
  { owner: 'cars-north', epoch: 2, k: keyOf('n').toString('base64url') },
];
writeFileSync(path, JSON.stringify({ format: 1, keys }), { mode: 0o600 });
const sealer = BusSealer.fromKeyFile(path);
const body = Buffer.from('BOL STOLEN VEH LIC/ZZ12345');

test('one recipient: a compact JWE that jose opens with the highest epoch of its key', async () => {
  const sealed = sealer.seal(body, ['sample-pd']).toString();
  assert.deepEqual(decodeProtectedHeader(sealed), { alg: 'dir', enc: 'A256GCM', kid: 'sample-pd.10' });
  const { plaintext } = await compactDecrypt(sealed, keyOf('p'));
  assert.deepEqual(Buffer.from(plaintext), body);
  await assert.rejects(compactDecrypt(sealed, keyOf('o')));
});

test('several recipients: a general JWE that jose opens with the key of each and of nobody else', async () => {
  const sealed = JSON.parse(
    sealer.seal(body, ['sample-pd', 'sample-so', 'cars-north']).toString(),
  ) as GeneralJWE;
  assert.deepEqual(
    sealed.recipients.map(({ header }) => header),
    ['sample-pd.10', 'sample-so.1', 'cars-north.2'].map((kid) => ({ alg: 'A256KW', kid })),
  );
  for (const letter of ['p', 's', 'n']) {
    const { plaintext } = await generalDecrypt(sealed, keyOf(letter));
    assert.deepEqual(Buffer.from(plaintext), body);
  }
  await assert.rejects(generalDecrypt(sealed, keyOf('x')));
});

test('jose opens any body in both forms', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), async (bytes) => {
      const compact = await compactDecrypt(sealer.seal(Buffer.from(bytes), ['sample-so']), keyOf('s'));
      assert.deepEqual(Buffer.from(compact.plaintext), Buffer.from(bytes));
      const general = JSON.parse(
        sealer.seal(Buffer.from(bytes), ['sample-pd', 'sample-so']).toString(),
      ) as GeneralJWE;
      assert.deepEqual(
        Buffer.from((await generalDecrypt(general, keyOf('s'))).plaintext),
        Buffer.from(bytes),
      );
    }),
    { numRuns: 50 },
  );
});

test('seals the same body differently each time', () => {
  for (const recipients of [['sample-pd'], ['sample-pd', 'sample-so']]) {
    const sealed = new Set(Array.from({ length: 1_000 }, () => sealer.seal(body, recipients).toString()));
    assert.equal(sealed.size, 1_000);
  }
});

test('names the owner that has no key, and refuses an empty list', () => {
  assert.throws(() => sealer.seal(body, ['sample-pd', 'sample-fd']), {
    code: 'VAULT_KEY_MISSING',
    message: /sample-fd/,
  });
  assert.throws(() => sealer.seal(body, []), { code: 'VAULT_KEY_MISSING' });
});
