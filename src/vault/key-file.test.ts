import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createBusKeyFile, createStorageKeyFile, readBusKeyFile, readStorageKeyFile } from './key-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-keys-'));
after(() => {
  rmSync(dir, { recursive: true });
});
const key = 'A'.repeat(43);
let files = 0;
function fileWith(content: unknown): string {
  const path = join(dir, `${String((files += 1))}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  return path;
}

test('makes files only their owner can read, and never over another file', () => {
  const storage = join(dir, 'storage.json');
  const bus = join(dir, 'bus.json');
  createStorageKeyFile(storage);
  createBusKeyFile(bus, ['sample-pd', 'sample-so']);
  for (const path of [storage, bus]) assert.equal(statSync(path).mode & 0o777, 0o600);
  const before = readFileSync(storage);
  assert.throws(
    () => {
      createStorageKeyFile(storage);
    },
    { code: 'CONFIG_INVALID' },
  );
  assert.throws(
    () => {
      createBusKeyFile(storage, []);
    },
    { code: 'CONFIG_INVALID' },
  );
  assert.deepEqual(readFileSync(storage), before);
  assert.equal(readStorageKeyFile(storage).keys.length, 1);
  assert.deepEqual(
    readBusKeyFile(bus).keys.map(({ owner, epoch }) => [owner, epoch]),
    [
      ['sample-pd', 1],
      ['sample-so', 1],
    ],
  );
});

test('refuses a file that group or others may read', { skip: process.platform === 'win32' }, () => {
  const path = fileWith({ format: 1, keys: [] });
  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    chmodSync(path, mode);
    assert.throws(() => readBusKeyFile(path), { code: 'CONFIG_INVALID', message: /chmod 600/ });
  }
});

test('a file of root is for a process of the very group it belongs to', {
  skip: process.getuid?.() === 0 ? false : 'only root can make such a file',
}, () => {
  const path = join(dir, 'roots.json');
  writeFileSync(path, JSON.stringify({ format: 1, keys: [] }), { mode: 0o440 });
  chmodSync(dir, 0o755);
  /** What a process of this group, which is in group 4711 as well, is told. */
  const told = (gid: number): string => {
    const program = `
      import { readBusKeyFile } from ${JSON.stringify(new URL('key-file.ts', import.meta.url).href)};
      process.setgroups([4711]);
      process.setgid(${String(gid)});
      process.setuid(65532);
      try { console.log(readBusKeyFile(${JSON.stringify(path)}).keys.length); } catch (error) { console.log(error.message); }`;
    const args = ['--input-type=module', '--eval', program];
    return spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout.trim();
  };
  chownSync(path, 0, 4711);
  assert.equal(told(4711), '0');
  assert.match(told(65532), /open to group or others/);
  for (const mode of [0o460, 0o450, 0o444]) {
    chmodSync(path, mode);
    assert.match(told(4711), /open to group or others/, mode.toString(8));
  }
});

test('says where a file is wrong and never what stands there', () => {
  const secret = 'SECRETSECRET';
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ format: 2, current: 'a', keys: [{ kid: 'a', k: key }] }, /format/],
    [{ format: 1, current: 'b', keys: [{ kid: 'a', k: key }] }, /current/],
    [{ format: 1, current: 'a', keys: [{ kid: 'a', k: secret }] }, /keys\.0\.k/],
    [
      {
        format: 1,
        current: 'a',
        keys: [
          { kid: 'a', k: key },
          { kid: 'a', k: key },
        ],
      },
      /keys/,
    ],
    [{ format: 1, current: 'a', keys: [] }, /keys/],
    [{ format: 1, current: 'a', keys: [{ kid: 'a', k: key, [secret]: 1 }] }, /keys\.0/],
    [`{"format":1,"k":"${secret}"`, /not JSON/],
    ['', /not JSON/],
    [' '.repeat(1_048_577), /1 MiB/],
  ];
  for (const [content, where] of wrong) {
    assert.throws(
      () => readStorageKeyFile(fileWith(content)),
      (error: Error) =>
        where.test(error.message) && !`${error.message}${String(error.cause)}`.includes(secret),
    );
  }
});

test('refuses two keys of one owner and epoch, and owners that do not fit a key id', () => {
  const twice = { owner: 'sample-pd', epoch: 3, k: key };
  assert.throws(() => readBusKeyFile(fileWith({ format: 1, keys: [twice, twice] })), {
    code: 'CONFIG_INVALID',
  });
  for (const owner of ['', 'a.b', 'a"b', 'x'.repeat(65)]) {
    assert.throws(
      () => {
        createBusKeyFile(join(dir, 'never.json'), [owner]);
      },
      { code: 'CONFIG_INVALID' },
    );
  }
});

test('names a file that is not there', () => {
  assert.throws(() => readStorageKeyFile(join(dir, 'nowhere.json')), {
    code: 'CONFIG_INVALID',
    message: /nowhere\.json/,
  });
});
