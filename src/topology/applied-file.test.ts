import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadDirectory } from '../directory/directory.ts';
import { Fault } from '../message/codes.ts';
import { readAppliedTopology, writeAppliedTopology } from './applied-file.ts';
import { deriveTopology } from './topology.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-topology-'));
after(() => {
  rmSync(folder, { recursive: true });
});
const directory = loadDirectory(join(import.meta.dirname, '../../examples/county-099/directory'));
const applied = {
  appliedAt: '2026-11-22T04:05:06.000Z',
  namespace: 'agency.servicebus.usgovcloudapi.net',
  topology: deriveTopology(directory),
};

test('what was applied is read as it was written, also with a message size of its own', () => {
  const path = join(folder, 'deep', 'topology.json');
  writeAppliedTopology(path, applied);
  assert.deepEqual(readAppliedTopology(path), applied);
  assert.deepEqual(readdirSync(join(folder, 'deep')), ['topology.json'], 'nothing else is left');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const sized = deriveTopology({ ...directory, topics: { ...directory.topics, messageKilobytesMax: 2048 } });
  writeAppliedTopology(path, { ...applied, topology: sized });
  assert.deepEqual(readAppliedTopology(path).topology, sized);
});

test('a file that is not there, not JSON, of another format or with something else in it is a coded fault', () => {
  const path = join(folder, 'topology.json');
  writeAppliedTopology(path, applied);
  const good = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const refused = (text: string): string => {
    writeFileSync(path, text);
    try {
      readAppliedTopology(path);
    } catch (fault) {
      assert.ok(fault instanceof Fault && fault.code === 'TOPOLOGY_FILE');
      return fault.message;
    }
    return assert.fail('it was taken');
  };
  assert.match(refused('{'), /cannot be read/);
  assert.match(refused(JSON.stringify({ ...good, format: 2 })), /at \/format$/);
  assert.match(refused(JSON.stringify({ ...good, secret: 'value' })), /at \/$/);
  assert.match(refused(JSON.stringify({ ...good, topics: [{ name: 'secret' }] })), /at \/topics\/0\/name$/);
  rmSync(path);
  assert.throws(() => readAppliedTopology(path), /TOPOLOGY_FILE.*tenfour bus apply/);
});

test('a file that cannot be written is a coded fault', () => {
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  assert.throws(() => {
    writeAppliedTopology(join(file, 'topology.json'), applied);
  }, /TOPOLOGY_FILE/);
});
