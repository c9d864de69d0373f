import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { CompactEncrypt } from 'jose';
import { BusSealer } from '../vault/bus-sealer.ts';
import type { KeySource } from './key-source.ts';
import { unseal } from './unseal.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-unseal-'));
after(() => {
  rmSync(dir, { recursive: true });
});
const owners = ['sample-pd', 'sample-so', 'cars-north'];
const keyOf = (owner: string) => Buffer.alloc(32, owner);
const path = join(dir, 'bus.json');
const keys = owners.map((owner) => ({ owner, epoch: 1, k: keyOf(owner).toString('base64url') }));
writeFileSync(path, JSON.stringify({ format: 1, keys }), { mode: 0o600 });
const sealer = BusSealer.fromKeyFile(path);
const body = Buffer.from('BOL STOLEN VEH LIC/ZZ12345');

/** Holds the keys of these owners and no others. */
const holding = (...held: string[]): KeySource => ({
  keyFor: (kid) => {
    const owner = kid.replace(/\.1$/, '');
    return Promise.resolve(held.includes(owner) ? keyOf(owner) : undefined);
  },
});

test('opens what the switch sealed, for one recipient and for several', async () => {
  assert.deepEqual(await unseal(sealer.seal(body, ['sample-so']), holding('sample-so')), body);
  for (const owner of owners) assert.deepEqual(await unseal(sealer.seal(body, owners), holding(owner)), body);
});

test('names the keys it does not hold', async () => {
  for (const recipients of [['sample-pd'], ['sample-pd', 'cars-north']]) {
    await assert.rejects(unseal(sealer.seal(body, recipients), holding('sample-so')), {
      code: 'VAULT_KEY_MISSING',
      message: /sample-pd\.1/,
    });
  }
});

const decoded = (sealed: Buffer): string =>
  sealed
    .toString('latin1')
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString('hex'))
    .join('.');

test('breaks when any character is another', async () => {
  for (const recipients of [['sample-pd'], ['sample-pd', 'sample-so']]) {
    const sealed = sealer.seal(body, recipients);
    for (let at = 0; at < sealed.length; at += 7) {
      const changed = Buffer.from(sealed);
      changed[at] = changed[at] === 0x41 ? 0x42 : 0x41;
      // A change inside the other recipient's part touches nothing we read.
      const opened = await unseal(changed, holding('sample-pd')).catch((error: unknown) => error);
      // Nor does one in the spare bits of a part's last character: the part decodes to the same bytes.
      const isSame = decoded(changed) === decoded(sealed);
      if (Buffer.isBuffer(opened))
        assert.deepEqual([opened, isSame || recipients.length === 2], [body, true]);
      else assert.match(String(opened), /VAULT_(SEAL_BROKEN|KEY_MISSING)/);
    }
  }
});

test('any bytes are refused with a code', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string(), fc.json(), fc.constantFrom('', '{', '{}', 'a.b.c.d.e', '....')),
      async (text) => {
        await assert.rejects(unseal(Buffer.from(text), holding(...owners)), { code: 'VAULT_SEAL_BROKEN' });
      },
    ),
    { numRuns: 200 },
  );
  await assert.rejects(unseal(Buffer.alloc(4_194_305, 'a'), holding()), { code: 'VAULT_SEAL_BROKEN' });
});

test('accepts only the algorithms tenfour seals with, whatever the header says', async () => {
  const weaker = [
    { alg: 'dir', enc: 'A128CBC-HS256' },
    { alg: 'A256GCMKW', enc: 'A256GCM' },
    { alg: 'A256KW', enc: 'A256CBC-HS512' },
  ];
  for (const header of weaker) {
    const foreign = await new CompactEncrypt(body)
      .setProtectedHeader({ ...header, kid: 'sample-pd.1' })
      .encrypt(keyOf('sample-pd'));
    await assert.rejects(unseal(Buffer.from(foreign), holding('sample-pd')), { code: 'VAULT_SEAL_BROKEN' });
  }
});

test('an answer the key source cannot give now is not a broken seal', async () => {
  const away: KeySource = { keyFor: () => Promise.reject(new Error('key vault unreachable')) };
  await assert.rejects(unseal(sealer.seal(body, ['sample-pd']), away), { message: 'key vault unreachable' });
  await assert.rejects(unseal(sealer.seal(body, owners), away), { message: 'key vault unreachable' });
});
