import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { ServiceBusClient } from '@azure/service-bus';

const root = join(import.meta.dirname, '..', '..');

function simulateBus(...options: string[]): ChildProcess {
  const args = [join('src', 'cli', 'tenfour.ts'), 'simulate', 'bus', '--attached', ...options];
  return spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** What it printed until it ended, and with which code. */
async function ended(child: ChildProcess): Promise<{ code: unknown; said: string }> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = (await once(child, 'close')) as [unknown];
  return { code, said };
}

test('simulate bus speaks TLS, checks tokens and keeps its data folder for itself', {
  timeout: 60_000,
}, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'simulate-bus-'));
  const [tls, policies, data, connection] = ['tls', 'policies.json', 'data', 'connection'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  writeFileSync(policies, JSON.stringify([{ name: 'root', key: 'a key', rights: ['Manage'] }]));
  const bus = simulateBus(
    ...['--tls-folder', tls, '--policies', policies, '--data', data, '--connection-file', connection],
    ...['--memory-max', '64'],
  );
  context.after(() => {
    bus.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  assert.ok(bus.stdout && bus.stdin);
  const [line] = (await once(bus.stdout.setEncoding('utf8'), 'data')) as [string];
  const ready = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual([ready['ready'], ready['tls']], ['bus', true]);

  const string = readFileSync(connection, 'utf8').trim();
  const client = new ServiceBusClient(string);
  await client.createSender('broadcast').sendMessages({ body: 'with the key of the file' });
  await client.close();
  const guess = new ServiceBusClient(string.replace('a key', 'a guess'), { retryOptions: { maxRetries: 0 } });
  await assert.rejects(guess.createSender('broadcast').sendMessages({ body: 1 }), /InvalidSignature/);
  await guess.close();

  const ca = readFileSync(String(ready['NODE_EXTRA_CA_CERTS']));
  const socket = connect({ port: Number(ready['port']), host: '127.0.0.1', ca });
  await once(socket, 'secureConnect');
  socket.destroy();

  const second = await ended(simulateBus('--data', data));
  assert.deepEqual([second.code, /another stand-in is running/.test(second.said)], [3, true]);
  bus.stdin.end();
  assert.equal((await ended(bus)).code, 0);
});

test('simulate bus refuses options that do not go together', { timeout: 60_000 }, async () => {
  const [half, both] = await Promise.all([
    ended(simulateBus('--tls-cert', 'cert.pem')),
    ended(simulateBus('--tls-folder', 'tls', '--tls-key', 'key.pem')),
  ]);
  assert.deepEqual([half.code, both.code], [2, 2]);
  assert.match(half.said, /--tls-cert and --tls-key go together/);
});
