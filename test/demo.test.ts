/** The demo as a user runs it: the last line, the exit code, and the books of both sides. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const program = join(import.meta.dirname, '..', 'src', 'cli', 'tenfour.ts');

test('the demo delivers all it acknowledged, once, and its record verifies', {
  timeout: 90_000,
}, async (t) => {
  const out = mkdtempSync(join(tmpdir(), 'tenfour-demo-test-'));
  t.after(() => {
    rmSync(out, { recursive: true });
  });
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    'demo',
    '--once',
    '--json',
    '--out',
    out,
  ]);
  const answer = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, number> & {
    auditVerified: boolean;
    witness: unknown;
  };
  assert.deepEqual(Object.keys(answer), [
    'sent',
    'accepted',
    'refused',
    'deliveries',
    'delivered',
    'lost',
    'duplicates',
    'auditVerified',
    'witness',
  ]);
  assert.ok((answer['sent'] ?? 0) >= 200);
  assert.equal(answer['accepted'], 240);
  assert.equal((answer['accepted'] ?? 0) + (answer['refused'] ?? 0), answer['sent']);
  assert.equal(answer['lost'], 0);
  assert.equal(answer['duplicates'], 0);
  assert.equal(answer.auditVerified, true);
  assert.equal(answer.witness, true);
  const ids = (name: string): string[] => readFileSync(join(out, name), 'utf8').trim().split('\n').toSorted();
  assert.equal(ids('acked.ids').length, answer['deliveries']);
  assert.deepEqual(ids('got.ids'), ids('acked.ids'));
});
