import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { Fingerprints } from './fingerprints.ts';
import { createStorageKeyFile } from './key-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-fingerprints-'));
const [one, two] = [join(folder, 'one.json'), join(folder, 'two.json')];
createStorageKeyFile(one);
createStorageKeyFile(two);
after(() => {
  rmSync(folder, { recursive: true });
});

test('two processes with one key file make the same fingerprints, with another key file others', () => {
  const [a, b, c] = [one, one, two].map((path) => Fingerprints.fromKeyFile(path));
  assert.equal(a?.ofText('line|ORI|AM|CONTROL'), b?.ofText('line|ORI|AM|CONTROL'));
  assert.notEqual(a?.ofText('line|ORI|AM|CONTROL'), c?.ofText('line|ORI|AM|CONTROL'));
  assert.equal(a?.ofText('x').length, 16);
});

test('different inputs have different fingerprints, whatever was asked before and however long they are', () => {
  const fingerprints = Fingerprints.fromKeyFile(one);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40_000 }), fc.uint8Array({ maxLength: 200 }), (a, b) => {
      const [first, second] = [Buffer.from(a), Buffer.from(b)];
      const before = fingerprints.ofBytes(first);
      assert.equal(fingerprints.ofBytes(first) === fingerprints.ofBytes(second), first.equals(second));
      assert.equal(fingerprints.ofBytes(first), before);
      assert.notEqual(fingerprints.ofText(first.toString('latin1')), before);
    }),
    { numRuns: 50 },
  );
});
