import assert from 'node:assert/strict';
import { createHmac, createDecipheriv, createSecretKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { createStorageKeyFile, StorageVault } from './vault.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-vault-'));
after(() => {
  rmSync(dir, { recursive: true });
});
const keyFile = join(dir, 'storage.json');
createStorageKeyFile(keyFile);
const vault = StorageVault.fromKeyFile(keyFile);
const at = { agency: 'sample-pd', messageId: 'gw1-7f3a-42', hour: 489_000 };
const body = Buffer.from('NAM/SAMPLE,PAT Q.DOB/19800101');

test('opens what it sealed, also in another process with the same key file', () => {
  const sealed = vault.seal(body, at);
  assert.deepEqual(vault.open(sealed, at), body);
  assert.deepEqual(StorageVault.fromKeyFile(keyFile).open(sealed, at), body);
  assert.equal(sealed.includes('SAMPLE'), false);
});

test('any body of any length comes back as it was', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.nat(0xffff_ffff), (bytes, hour) => {
      const sealed = vault.seal(Buffer.from(bytes), { ...at, hour });
      assert.deepEqual(vault.open(sealed, at), Buffer.from(bytes));
    }),
    { numRuns: 200 },
  );
});

test('breaks when any one bit of the sealed bytes is another', () => {
  const sealed = vault.seal(body, at);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const flipped = Buffer.from(sealed);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(
      () => vault.open(flipped, at),
      { code: /^VAULT_(SEAL_BROKEN|KEY_MISSING)$/ },
      `bit ${String(bit)}`,
    );
  }
});

test('breaks when cut anywhere', () => {
  const sealed = vault.seal(body, at);
  for (let length = 0; length < sealed.length; length += 1) {
    assert.throws(() => vault.open(sealed.subarray(0, length), at), { code: 'VAULT_SEAL_BROKEN' });
  }
});

test('does not open for another agency, another message or another writer', () => {
  const sealed = vault.seal(body, at);
  const others = [
    { ...at, agency: 'sample-so' },
    { ...at, messageId: 'gw1-7f3a-43' },
    { ...at, messageId: 'gw1-7f3b-42' },
    { agency: 'sample-pd|gw1', messageId: '7f3a-42' },
  ];
  for (const other of others) assert.throws(() => vault.open(sealed, other), { code: 'VAULT_SEAL_BROKEN' });
  assert.throws(() => vault.seal(body, { ...at, messageId: 'nowriter' }), { code: 'VAULT_SEAL_BROKEN' });
});

test('an error tells neither the body nor a key', () => {
  const other = join(dir, 'other.json');
  createStorageKeyFile(other);
  const sealed = vault.seal(body, at);
  assert.throws(
    () => StorageVault.fromKeyFile(other).open(sealed, at),
    (error: Error) => !JSON.stringify([error.message, error.stack, error.cause]).includes('SAMPLE'),
  );
});

test('never gives two seals the same nonce', () => {
  const nonceAt = 2 + 's1'.length + 4;
  const nonces = new Set<string>();
  for (const sealer of [vault, StorageVault.fromKeyFile(keyFile)]) {
    for (let count = 0; count < 10_000; count += 1) {
      nonces.add(sealer.seal(body, at).toString('hex', nonceAt, nonceAt + 12));
    }
  }
  assert.equal(nonces.size, 20_000);
});

test('the layout is the documented one, opened by hand with HKDF written out', () => {
  const { keys } = JSON.parse(readFileSync(keyFile, 'utf8')) as { keys: [{ k: string }] };
  const sealed = vault.seal(body, at);
  assert.deepEqual(sealed.subarray(0, 4), Buffer.from([1, 2, 0x73, 0x31]));
  assert.equal(sealed.readUInt32BE(4), at.hour);

  const extracted = createHmac('sha256', Buffer.alloc(32))
    .update(Buffer.from(keys[0].k, 'base64url'))
    .digest();
  const info = `tenfour storage 1 ${String(at.hour)} gw1-7f3a`;
  const keyObject = createSecretKey(
    createHmac('sha256', extracted)
      .update(info)
      .update(Buffer.from([1]))
      .digest(),
  );
  const decipher = createDecipheriv('aes-256-gcm', keyObject, sealed.subarray(8, 20));
  decipher.setAAD(Buffer.from('1|9|sample-pd|gw1-7f3a-42')).setAuthTag(sealed.subarray(20, 36));
  assert.deepEqual(Buffer.concat([decipher.update(sealed.subarray(36)), decipher.final()]), body);
});

test('keeps opening while more writers and hours pass than it remembers keys for', () => {
  const sealed = vault.seal(body, at);
  for (let hour = 0; hour < 1_500; hour += 1) vault.seal(body, { ...at, hour });
  assert.deepEqual(vault.open(sealed, at), body);
});

test('seals and opens of many writers, hours and agencies in any order do not mix', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          agency: fc.constantFrom('sample-pd', 'sample-so', 'é'.repeat(400)),
          writer: fc.constantFrom('gw1', 'gw1-7', 'gw1-77', 'gw'),
          hour: fc.constantFrom(0, 1, 489_000),
          bytes: fc.uint8Array({ maxLength: 50 }),
        }),
        { maxLength: 20 },
      ),
      (messages) => {
        const made = messages.map(({ agency, writer, hour, bytes }, n) => {
          const sealedAt = { agency, messageId: `${writer}-${String(n)}`, hour };
          return { sealedAt, bytes, sealed: vault.seal(Buffer.from(bytes), sealedAt) };
        });
        for (const { sealedAt, bytes, sealed } of made.toReversed()) {
          assert.deepEqual(vault.open(sealed, sealedAt), Buffer.from(bytes));
          const { agency, messageId } = sealedAt;
          const others = [
            { agency, messageId: `${messageId}0` },
            { agency: `${agency}x`, messageId },
            { agency, messageId: `x${messageId}` },
          ];
          for (const other of others) {
            assert.throws(() => vault.open(sealed, other), { code: 'VAULT_SEAL_BROKEN' });
          }
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('names of any length are bound whole, to their last character', () => {
  const messageId = `gw1-${'7'.repeat(2_000)}`;
  const sealed = vault.seal(body, { ...at, messageId });
  assert.deepEqual(vault.open(sealed, { ...at, messageId }), body);
  assert.throws(() => vault.open(sealed, { ...at, messageId: `${messageId.slice(0, -1)}8` }), {
    code: 'VAULT_SEAL_BROKEN',
  });
});
