import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileKeySource } from '../client/key-source.ts';
import { unseal } from '../client/unseal.ts';
import { BusOpener } from './bus-opener.ts';
import { BusSealer } from './bus-sealer.ts';
import { addBusEpoch, readBusKeyFile, writeReceiverKeyFile } from './key-file.ts';
import { KeyWatch } from './key-watch.ts';
import { createBusKeyFile } from './vault.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-rotation-'));
after(() => {
  rmSync(dir, { recursive: true });
});
let files = 0;
function ring(...owners: string[]): string {
  files += 1;
  const path = join(dir, `bus-${String(files)}.json`);
  createBusKeyFile(path, owners);
  return path;
}
const body = Buffer.from('BOL STOLEN VEH LIC/ZZ12345');
const kidOf = (sealed: Buffer) =>
  (
    JSON.parse(Buffer.from(sealed.toString().split('.')[0] ?? '', 'base64url').toString()) as {
      kid: string;
    }
  ).kid;
const hour = 3_600_000;

test('a new epoch seals from its time on, and what the old one sealed still opens', async () => {
  const path = ring('sample-pd', 'sample-so');
  const sealer = BusSealer.fromKeyFile(path);
  const opener = BusOpener.fromKeyFile(path);
  const old = sealer.seal(body, ['sample-pd']);
  const now = Date.now();
  assert.equal(addBusEpoch(path, 'sample-pd', new Date(now + hour)), 2);
  sealer.refresh(now);
  assert.equal(kidOf(sealer.seal(body, ['sample-pd'])), 'sample-pd.1', 'its time has not come');
  const receivers = join(dir, 'sample-pd.json');
  writeReceiverKeyFile(receivers, readBusKeyFile(path), ['sample-pd']);
  sealer.refresh(now + hour + 1);
  const renewed = sealer.seal(body, ['sample-pd']);
  assert.deepEqual([kidOf(renewed), kidOf(sealer.seal(body, ['sample-so']))], ['sample-pd.2', 'sample-so.1']);
  opener.refresh();
  const keys = new FileKeySource(receivers);
  for (const sealed of [old, renewed]) {
    assert.deepEqual((await opener.open(sealed))?.body, body);
    assert.deepEqual(await unseal(sealed, keys), body);
  }
  // A receiver may also be given the switch's own form, with the times in it.
  assert.deepEqual(await unseal(renewed, new FileKeySource(path)), body);
  await assert.rejects(unseal(sealer.seal(body, ['sample-so']), keys), { code: 'VAULT_KEY_MISSING' });
});

test('goes on with the keys it has while the file is broken or gone, says so once, and takes up the mended one', async () => {
  const path = ring('sample-pd');
  const sealer = BusSealer.fromKeyFile(path);
  const opener = BusOpener.fromKeyFile(path);
  const sealed = sealer.seal(body, ['sample-pd']);
  const good = readFileSync(path);
  const codes: string[] = [];
  let looks = 0;
  const counting = { refresh: () => void (looks += 1) };
  const watch = new KeyWatch([sealer, opener, counting], (code) => codes.push(code), 5);
  /** The second look began after this was called. */
  const looked = async () => {
    const until = looks + 2;
    const deadline = performance.now() + 5_000;
    while (looks < until && performance.now() < deadline) await sleep(5);
  };
  try {
    for (const broken of ['{"format":1,"keys":[{"owner":"sample-pd"', undefined]) {
      codes.length = 0;
      if (broken === undefined) rmSync(path);
      else writeFileSync(path, broken);
      const deadline = performance.now() + 5_000;
      while (codes.length === 0 && performance.now() < deadline) await sleep(5);
      await looked();
      assert.deepEqual(codes, ['CONFIG_INVALID']);
      assert.equal(kidOf(sealer.seal(body, ['sample-pd'])), 'sample-pd.1');
      assert.deepEqual((await opener.open(sealed))?.body, body);
      rmSync(path, { force: true });
      writeFileSync(path, good, { mode: 0o600 });
      await looked();
    }
    addBusEpoch(path, 'sample-pd', new Date(Date.now() - 1_000));
    const deadline = performance.now() + 5_000;
    while (kidOf(sealer.seal(body, ['sample-pd'])) !== 'sample-pd.2' && performance.now() < deadline)
      await sleep(5);
    assert.equal(kidOf(sealer.seal(body, ['sample-pd'])), 'sample-pd.2');
    assert.equal(codes.length, 1);
  } finally {
    watch.close();
  }
});

test('a changed ring is private, whole, and never one of two changes at once', () => {
  const path = ring('sample-pd');
  assert.equal(addBusEpoch(path, 'sample-pd', new Date()), 2);
  assert.equal(addBusEpoch(path, 'sample-pd', new Date()), 3);
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600);
  const { keys } = readBusKeyFile(path);
  assert.deepEqual(
    keys.map(({ epoch }) => epoch),
    [1, 2, 3],
  );
  assert.equal(new Set(keys.map(({ k }) => k)).size, 3);
  assert.throws(() => addBusEpoch(path, 'nobody', new Date()), { code: 'CONFIG_INVALID' });
  // Somebody else is about to replace it.
  writeFileSync(`${path}.new`, '', { mode: 0o600 });
  assert.throws(() => addBusEpoch(path, 'sample-pd', new Date()), { code: 'CONFIG_INVALID' });
  assert.equal(readBusKeyFile(path).keys.length, 3);
  rmSync(`${path}.new`);
  const out = join(dir, 'out.json');
  assert.throws(
    () => {
      writeReceiverKeyFile(out, readBusKeyFile(path), ['sample-pd', 'nobody']);
    },
    { code: 'CONFIG_INVALID' },
  );
  assert.equal(existsSync(out), false);
});
