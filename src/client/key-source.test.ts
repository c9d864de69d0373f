import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBusKeyFile } from '../vault/vault.ts';
import { FileKeySource } from './key-source.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-client-keys-'));
after(() => {
  rmSync(dir, { recursive: true });
});
const key = (letter: string) => ({ owner: 'sample-pd', k: Buffer.alloc(32, letter).toString('base64url') });
function write(path: string, content: unknown): void {
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
}

test('reads the file the switch writes', async () => {
  const path = join(dir, 'bus.json');
  createBusKeyFile(path, ['sample-pd', 'sample-so']);
  const keys = new FileKeySource(path);
  assert.equal((await keys.keyFor('sample-so.1'))?.length, 32);
  assert.equal(await keys.keyFor('sample-so.2'), undefined);
});

test('finds a new epoch without a restart, and reads once for many who ask', async () => {
  const path = join(dir, 'rotated.json');
  write(path, { format: 1, keys: [{ ...key('a'), epoch: 1 }] });
  const keys = new FileKeySource(path);
  const together = await Promise.all([1, 2, 1].map((epoch) => keys.keyFor(`sample-pd.${String(epoch)}`)));
  assert.deepEqual(
    together.map((found) => found?.[0]),
    [0x61, undefined, 0x61],
  );
  write(path, {
    format: 1,
    keys: [
      { ...key('a'), epoch: 1 },
      { ...key('b'), epoch: 2 },
    ],
  });
  assert.equal(await keys.keyFor('sample-pd.2'), undefined, 'not read again within a second');
  await sleep(1_050);
  assert.deepEqual(await keys.keyFor('sample-pd.2'), Buffer.alloc(32, 'b'));
});

test('says that a file is wrong without telling what is in it', async () => {
  const path = join(dir, 'wrong.json');
  for (const content of [
    '{"k":"SECRET',
    { format: 1, keys: [{ owner: 'sample-pd', epoch: 1, k: 'SECRET' }] },
    ' '.repeat(1_048_577),
  ]) {
    write(path, content);
    await assert.rejects(
      new FileKeySource(path).keyFor('sample-pd.1'),
      (error: Error) =>
        error.message.startsWith('CONFIG_INVALID') &&
        !`${error.message}${String(error.cause)}`.includes('SECRET'),
    );
  }
  await assert.rejects(new FileKeySource(join(dir, 'nowhere.json')).keyFor('sample-pd.1'), {
    code: 'CONFIG_INVALID',
  });
});

test('refuses a file that others may read', { skip: process.platform === 'win32' }, async () => {
  const path = join(dir, 'open.json');
  createBusKeyFile(path, ['sample-pd']);
  chmodSync(path, 0o644);
  await assert.rejects(new FileKeySource(path).keyFor('sample-pd.1'), {
    code: 'CONFIG_INVALID',
    message: /chmod 600/,
  });
});
