import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KeysFolder } from './keys-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-keys-folder-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('the audit signing key is refused when others may read it, as the rings are', {
  skip: process.platform === 'win32',
}, () => {
  const keys = KeysFolder.create(folder, ['sample-pd']);
  assert.deepEqual([...keys.publicKeys().keys()], [keys.signer().kid]);
  chmodSync(join(folder, 'audit-signing.pem'), 0o644);
  assert.throws(() => keys.signer(), { code: 'CONFIG_INVALID', message: /open to group or others/ });
});
