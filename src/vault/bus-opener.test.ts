import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BusOpener } from './bus-opener.ts';
import { BusSealer } from './bus-sealer.ts';
import { type BusKeyFile, createBusKeyFile } from './key-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-opener-'));
const path = join(folder, 'bus.json');
createBusKeyFile(path, ['nv-sheriff', 'GBN01', 'CA']);
const body = Buffer.from('AM.CA0990100.NV0990300.TXT\r\nZZ PLATE');
after(() => {
  rmSync(folder, { recursive: true });
});

const edit = (change: (file: BusKeyFile) => BusKeyFile['keys']): string => {
  const file = JSON.parse(readFileSync(path, 'utf8')) as BusKeyFile;
  const changed = join(folder, 'changed.json');
  writeFileSync(changed, JSON.stringify({ ...file, keys: change(file) }), { mode: 0o600 });
  return changed;
};

test('what the sealer sealed, for one or for several, is opened and tells its recipients', async () => {
  const [sealer, opener] = [BusSealer.fromKeyFile(path), BusOpener.fromKeyFile(path)];
  for (const recipients of [['nv-sheriff'], ['GBN01', 'CA']]) {
    const opened = await opener.open(sealer.seal(body, recipients));
    assert.deepEqual(opened, { body, recipients });
  }
});

test('one key of several is enough, and an older epoch opens as long as it is in the file', async () => {
  const sealed = BusSealer.fromKeyFile(path).seal(body, ['GBN01', 'CA']);
  const newer = { owner: 'CA', epoch: 2, k: Buffer.alloc(32, 7).toString('base64url') };
  const rotated = edit(({ keys }) => [...keys.filter(({ owner }) => owner === 'CA'), newer]);
  const opened = await BusOpener.fromKeyFile(rotated).open(sealed);
  assert.deepEqual(opened?.recipients, ['GBN01', 'CA']);
});

test('what no key opens, was changed or is no JWE opens to nothing and throws nothing', async () => {
  const one = BusSealer.fromKeyFile(path).seal(body, ['nv-sheriff']);
  const several = BusSealer.fromKeyFile(path).seal(body, ['GBN01', 'CA']);
  const without = BusOpener.fromKeyFile(edit(() => []));
  assert.equal(await without.open(one), undefined);
  assert.equal(await without.open(several), undefined);
  const opener = BusOpener.fromKeyFile(path);
  const changed = Buffer.from(one);
  changed[changed.length - 3] = changed[changed.length - 3] === 0x41 ? 0x42 : 0x41;
  const none = Buffer.alloc(0);
  for (const bytes of [changed, none, Buffer.from('{'), Buffer.from('{}'), Buffer.from('a.b.c.d.e')])
    assert.equal(await opener.open(bytes), undefined);
});
