/** Bodies of the bus, read and written by Python with jwcrypto, and a message received with qpid-proton: nothing of ours is in between. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { ServiceBusClient } from '@azure/service-bus';
import { findPython } from '../../scripts/ensure-python.ts';
import type { KeySource } from '../../src/client/key-source.ts';
import { unseal } from '../../src/client/unseal.ts';
import {
  connectionString,
  parseEmulatorConfig,
  startServiceBus,
} from '../../src/simulate/service-bus/service-bus.ts';
import { BusSealer } from '../../src/vault/bus-sealer.ts';
import { readBusKeyFile } from '../../src/vault/key-file.ts';
import { createBusKeyFile } from '../../src/vault/vault.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenfour-second-reader-'));
after(() => {
  rmSync(dir, { recursive: true });
});
const path = join(dir, 'bus.json');
const owners = ['sample-pd', 'sample-so', 'cars-north'];
createBusKeyFile(path, owners);
const ring: Readonly<Record<string, string>> = Object.fromEntries(
  readBusKeyFile(path).keys.map(({ owner, epoch, k }) => [`${owner}.${String(epoch)}`, k]),
);
const sealer = BusSealer.fromKeyFile(path);
const holding = (...held: string[]) => Object.fromEntries(held.map((kid) => [kid, ring[kid] ?? '']));
const stranger = Buffer.alloc(32, 'x').toString('base64url');
const bodies = [
  Buffer.from('BOL STOLEN VEH LIC/ZZ12345'),
  // Not an empty one: jwcrypto takes a JWE without ciphertext for incomplete. No framing lets an empty message in.
  Buffer.from('X'),
  Buffer.from(Array.from({ length: 600 }, (_, index) => index % 256)),
];

const pythonMsMax = 30_000;
const bothModules = findPython(['jwcrypto', 'proton']);
const python = bothModules ?? findPython(['jwcrypto']);
const without = (found: string | undefined, packages: string) => {
  assert.ok(found !== undefined || process.env['CI'] === undefined, `CI has ${packages}`);
  return found === undefined ? `no Python with ${packages}` : false;
};

type Answer = { readonly body?: string; readonly sealed?: string; readonly refused?: string };
function asked(requests: readonly object[]): readonly Answer[] {
  const { stdout, stderr, status } = spawnSync(
    python ?? 'python3',
    [join(import.meta.dirname, 'unseal.py')],
    {
      ...{ input: requests.map((request) => `${JSON.stringify(request)}\n`).join(''), encoding: 'utf8' },
      timeout: pythonMsMax,
    },
  );
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

/** The same text with one character of `part` (dot-separated, or a member of the JSON form) another one. */
function changed(sealed: string, part: number | string): string {
  const flip = (value: string) => `${value.startsWith('A') ? 'B' : 'A'}${value.slice(1)}`;
  if (typeof part === 'string') {
    const jwe = JSON.parse(sealed) as Record<string, unknown>;
    return JSON.stringify({ ...jwe, [part]: flip(String(jwe[part])) });
  }
  return sealed
    .split('.')
    .map((value, index) => (index === part ? flip(value) : value))
    .join('.');
}

test('Python opens what we seal, with a key it is sealed to and no other, unless it was changed', {
  skip: without(python, 'jwcrypto'),
}, () => {
  const compact = bodies.map((body) => sealer.seal(body, ['sample-pd']).toString());
  const general = bodies.map((body) => sealer.seal(body, owners).toString());
  const [one = '', many = ''] = [compact[0], general[0]];
  const opened = asked([
    ...compact.map((sealed) => ({ open: sealed, keys: holding('sample-pd.1') })),
    ...owners.flatMap((owner) => general.map((sealed) => ({ open: sealed, keys: holding(`${owner}.1`) }))),
  ]);
  assert.deepEqual(
    opened.map(({ body, refused }) => refused ?? body),
    [...bodies, ...owners.flatMap(() => bodies)].map((body) => body.toString('base64')),
  );
  const refused = asked([
    { open: one, keys: { 'sample-pd.1': stranger } },
    { open: one, keys: holding('sample-so.1') },
    { open: many, keys: { 'sample-so.1': stranger } },
    ...[0, 2, 3, 4].map((part) => ({ open: changed(one, part), keys: ring })),
    ...['protected', 'iv', 'ciphertext', 'tag'].map((part) => ({ open: changed(many, part), keys: ring })),
  ]);
  assert.equal(refused.length, 11);
  for (const answer of refused) assert.equal(typeof answer.refused, 'string', JSON.stringify(answer));
});

test('we open what Python seals, for one recipient and for several', {
  skip: without(python, 'jwcrypto'),
}, async () => {
  const keys: KeySource = {
    keyFor: (kid) =>
      Promise.resolve(kid === 'cars-north.1' ? Buffer.from(ring[kid] ?? '', 'base64url') : undefined),
  };
  for (const held of [holding('cars-north.1'), ring]) {
    const answers = asked(bodies.map((body) => ({ seal: body.toString('base64'), keys: held })));
    for (const [index, { sealed = '' }] of answers.entries())
      assert.deepEqual(await unseal(Buffer.from(sealed), keys), bodies[index]);
  }
  const [{ sealed = '' } = {}] = asked([{ seal: 'WA==', keys: holding('sample-pd.1') }]);
  await assert.rejects(unseal(Buffer.from(sealed), keys), { code: 'VAULT_KEY_MISSING' });
});

test('the Python reader of the first MDT page receives, opens and takes off the bus', {
  skip: without(bothModules, 'jwcrypto and proton'),
  timeout: 60_000,
}, async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/first-mdt.md'), 'utf8');
  const program = /```python\n([\s\S]+?)```/.exec(page)?.[1];
  assert.ok(program !== undefined, 'the page shows one');
  const subscription = { Name: 'ca0990200', Properties: { LockDuration: 'PT30S' } };
  const topic = { Name: 'point-to-point', Subscriptions: [subscription] };
  const config = parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'sample', Topics: [topic] }] } });
  const bus = await startServiceBus({ port: 0, config });
  const client = new ServiceBusClient(connectionString(bus.port));
  t.after(async () => {
    await client.close();
    await bus.stop();
  });
  const recipients = [['sample-pd'], owners];
  await client.createSender('point-to-point').sendMessages(
    recipients.map((each, index) => ({
      body: sealer.seal(Buffer.from(`PLATE ZZ1234${String(index)}`), each),
      messageId: `gw1-7f3a-${String(index)}.1`,
      applicationProperties: { messageKey: 'AM' },
    })),
  );
  const file = join(dir, 'mdt.py');
  writeFileSync(file, program);
  const reader = spawn(bothModules ?? 'python3', [file, `amqp://127.0.0.1:${String(bus.port)}`, path, '2'], {
    timeout: pythonMsMax,
  });
  const [printed, said] = await Promise.all([text(reader.stdout), text(reader.stderr)]);
  assert.equal(printed, 'AM PLATE ZZ12340\nAM PLATE ZZ12341\n', said);
  const left = bus.stats().subscriptions['point-to-point/ca0990200'];
  assert.deepEqual([left?.active, left?.locked, left?.dead], [0, 0, 0]);
});
