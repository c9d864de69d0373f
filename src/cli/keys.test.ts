import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FileKeySource } from '../client/key-source.ts';
import { unseal } from '../client/unseal.ts';
import { BusSealer } from '../vault/bus-sealer.ts';
import { readBusKeyFile } from '../vault/key-file.ts';
import { run } from './keys.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-keys-command-'));
const ring = join(dir, 'keys', 'bus.json');
const kept = { ...process.env };
before(async () => {
  process.env['TENFOUR_KEYS'] = join(dir, 'keys');
  process.env['TENFOUR_DIRECTORY'] = join(import.meta.dirname, '../../examples/county-099/directory');
  await run(['create']);
});
after(() => {
  process.env = kept;
  rmSync(dir, { recursive: true });
});

test('create leaves a whole set alone only when told so', async () => {
  assert.equal(await run(['create', '--if-missing']), 0);
  assert.throws(() => run(['create']), { code: 'CONFIG_INVALID' });
});

test('rotate adds an epoch that seals a day later, and export gives a receiver all of its own', async () => {
  const began = Date.now();
  await run(['rotate', '--owner', 'ca-marshal']);
  const next = readBusKeyFile(ring).keys.find(({ owner, epoch }) => owner === 'ca-marshal' && epoch === 2);
  const hours = (Date.parse(next?.activeFrom ?? '') - began) / 3_600_000;
  assert.ok(hours >= 24 && hours < 24.1, String(hours));
  await run(['rotate', '--owner', 'ca-marshal', '--in-hours', '0']);
  const out = join(dir, 'ca-marshal.json');
  await run(['export', '--owner', 'ca-marshal,ca-dispatch', '--out', out]);
  assert.deepEqual(
    readBusKeyFile(out).keys.map(({ owner, epoch }) => `${owner}.${String(epoch)}`),
    ['ca-dispatch.1', 'ca-marshal.1', 'ca-marshal.2', 'ca-marshal.3'],
  );
  const body = Buffer.from('LIC/ZZ12345');
  const sealed = BusSealer.fromKeyFile(ring).seal(body, ['ca-marshal']);
  assert.deepEqual(await unseal(sealed, new FileKeySource(out)), body);
});

test('what it cannot do it says', () => {
  for (const args of [
    [],
    ['rotate'],
    ['rotate', '--owner', 'ca-marshal', '--in-hours', 'soon'],
    ['rotate', '--owner', 'ca-marshal', '--in-hours', ''],
    ['export', '--owner', 'a'],
  ])
    assert.throws(() => run(args), { name: 'UsageError' });
  assert.throws(() => run(['rotate', '--owner', 'nobody']), { code: 'CONFIG_INVALID' });
});
