import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { isPassword } from '../vault/password-hash.ts';

const call = (args: readonly string[], input: string) =>
  spawnSync(process.execPath, [join(import.meta.dirname, 'tenfour.ts'), 'log-on', ...args], {
    input,
    encoding: 'utf8',
    timeout: 60_000,
  });

test('prints an entry for users.json, of the first line of its input, which it does not repeat', async () => {
  const { status, stdout, stderr } = call(['hash', 'RANGER1'], 'SAMPLE-PASS-099\nANOTHER LINE\n');
  assert.equal(status, 0, stderr);
  const { user, hash } = JSON.parse(stdout) as { user: string; hash: string };
  assert.equal(user, 'RANGER1');
  assert.ok(await isPassword(Buffer.from('SAMPLE-PASS-099'), hash));
  assert.doesNotMatch(stdout + stderr, /SAMPLE/);
});

test('a password among its words, none at all, and a user that no log-on could name are refused', () => {
  for (const [args, input] of [
    [['hash', 'RANGER1', 'SAMPLE-PASS-099'], ''],
    [['hash', 'RANGER1'], ''],
    [['hash', 'ranger1'], 'SAMPLE-PASS-099\n'],
  ] as const)
    assert.equal(call(args, input).status, 2);
});
