import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** The protocols with so many ms until messages of these keys expire: a folder that is removed when the tests of the file are over. */
export function hurriedProtocols(expiresMs: number, keys: readonly string[]): string {
  const protocols = mkdtempSync(join(tmpdir(), 'tenfour-protocols-'));
  after(() => {
    rmSync(protocols, { recursive: true });
  });
  cpSync(join(import.meta.dirname, '../../protocols'), protocols, { recursive: true });
  for (const key of keys) {
    const path = join(protocols, 'nlets-legacy', 'message-keys', `${key}.json`);
    const file = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...file, expiresMs }));
  }
  return protocols;
}
