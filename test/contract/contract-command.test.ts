/** The contract command as a user runs it, on a stand-in that it takes for a bus it knows nothing of. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Case, caseOf, redacting, report } from '../../scripts/contract-report.ts';
import { adminClient } from '../../src/bus/admin-client.ts';
import { parseEmulatorConfig, startServiceBus } from '../../src/simulate/service-bus/service-bus.ts';
import { accessTo, StandInProcess } from './bus-under-test.ts';

const command = join(import.meta.dirname, '../../scripts/test-contract.ts');
const key = 'a-key-that-nobody-may-see';
let standIn: StandInProcess;
let address: string;

before(async () => {
  standIn = await StandInProcess.start();
  address = addressOf(standIn.port);
});
after(async () => {
  await standIn.kill();
});

const addressOf = (port: number): string =>
  `Endpoint=sb://127.0.0.1:${String(port)};SharedAccessKeyName=k;SharedAccessKey=${key};UseDevelopmentEmulator=true`;

function start(connectionString: string, ...options: readonly string[]) {
  const env: NodeJS.ProcessEnv = { ...process.env, SERVICE_BUS_CONNECTION_STRING: connectionString };
  // Or the command's own tests would report to the run that this file is part of.
  delete env['NODE_TEST_CONTEXT'];
  const child = spawn(process.execPath, [command, ...options], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (text: Buffer) => (said.out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (said.err += text.toString()));
  return { child, said };
}

const ended = async (child: ChildProcess): Promise<unknown> => {
  if (child.exitCode === null) await once(child, 'close', { signal: AbortSignal.timeout(100_000) });
  return child.exitCode;
};

/** Entities on the bus that a run made. */
async function madeOnBus(): Promise<readonly string[]> {
  const admin = adminClient(accessTo(address));
  const names: string[] = [];
  for await (const { name } of admin.listQueues()) names.push(name);
  for await (const { name } of admin.listTopics()) names.push(name);
  return names.filter((name) => name.startsWith('tenfour-contract-'));
}

describe('the contract command', { concurrency: true }, () => {
  test('makes its entities under a prefix, says what it skipped for the lack of what, and leaves nothing', async () => {
    const { child, said } = start(address, '--only', 'administration,traps-connection', '--json');
    assert.equal(await ended(child), 0, said.err);
    const { bus, passed, failed, skipped } = JSON.parse(said.out) as Record<string, unknown> & {
      bus: Record<string, unknown>;
    };
    assert.deepEqual([passed, failed, skipped], [3, 0, { 'own process': 4 }]);
    assert.deepEqual(bus['lacks'], ['own process', 'control door']);
    assert.deepEqual(bus['entitiesMissing'], []);
    assert.equal(bus['messageBytesMax'], 256 * 1024);
    assert.match(String(bus['prefix']), /^tenfour-contract-[0-9a-f]{8}-$/);
    assert.ok(!`${said.out}${said.err}`.includes(key));
    const left = await madeOnBus();
    assert.deepEqual(
      left.filter((name) => name.startsWith(String(bus['prefix']))),
      [],
    );
  });

  test('that is interrupted removes what it had made, and ends with 130', async () => {
    const { child, said } = start(address, '--only', 'settlement');
    while (!said.err.includes('lacks') && child.exitCode === null) await wait(20);
    child.kill('SIGINT');
    assert.equal(await ended(child), 130, said.err);
    assert.match(said.err, /removed what was made/);
  });

  test('on a bus without administration uses what is there, and names each entity that is not', async (context) => {
    const policies = [{ name: 'k', key, rights: ['Send', 'Listen'] as const }];
    const Queues = [
      {
        Name: 'queue',
        Properties: { DefaultMessageTimeToLive: 'PT1H', LockDuration: 'PT5S', MaxDeliveryCount: 3 },
      },
    ];
    const config = parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'ns', Queues }] } });
    const bus = await startServiceBus({ port: 0, config, policies });
    context.after(() => bus.stop());
    const { child, said } = start(addressOf(bus.port), '--only', 'time', '--json');
    assert.equal(await ended(child), 0, said.err);
    const { bus: found, ...totals } = JSON.parse(said.out) as Record<string, unknown>;
    const { lacks, prefix } = found as Record<string, unknown>;
    assert.deepEqual([prefix, totals['passed'], totals['failed']], ['', 2, 0], said.out);
    assert.deepEqual(lacks, [
      'own process',
      'control door',
      'administration',
      'sessions',
      'scheduling',
      'duplicate detection',
      'rules at run time',
    ]);
    assert.deepEqual(totals['skipped'], { 'entity expiry': 1, scheduling: 2, 'entity deferral': 1 });
  });

  test('that cannot reach the bus says so without its key, and ends with 2', async () => {
    const { child, said } = start(addressOf(1), '--only', 'administration');
    assert.equal(await ended(child), 2, said.err);
    assert.match(said.err, /the bus cannot be tested: .*ECONNREFUSED/);
    assert.ok(!said.err.includes(key));
  });

  test('shows its options for one it does not know, and ends with 2', async () => {
    const { child, said } = start(address, '--conection', 'x');
    assert.equal(await ended(child), 2);
    assert.match(said.err, /usage: npm run test:contract/);
  });

  test('refuses what it would guess at, says why without the key in it, and ends with 2', async () => {
    for (const [wrong, why] of [
      [[address], /every argument needs the option it belongs to/],
      [['--connection', 'agency.example'], /no connection string; a host name goes to --namespace/],
      [['--namespace', address], /--namespace takes a full host name/],
      [['--connection', address, '--namespace', 'agency.example'], /exclude each other/],
      [['--control', 'http://127.0.0.1:1'], /go with --connection or --namespace/],
      [['--only', 'massages'], /--only names a file that is not there; there are .*messages/],
    ] as const) {
      const { child, said } = start('', ...wrong);
      assert.equal(await ended(child), 2, said.err);
      assert.match(said.err, why);
      assert.ok(!said.err.includes(key));
    }
  });
});

test('nothing is left on the bus when all runs are over', async () => {
  assert.deepEqual(await madeOnBus(), []);
});

test('connection strings and their keys are blotted out of whatever is said', () => {
  const redacted = redacting({
    address,
    administration: `Endpoint=sb://x;SharedAccessKey=other`,
    controlUrl: undefined,
  });
  assert.equal(redacted(`in ${address} and ${key}, other`), 'in *** and ***, ***');
});

test('a file that cannot be loaded, or ends by itself, is a failed case with its last words', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'contract-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'broken.test.ts');
  // In a process of its own: the runner does not run inside itself.
  const runner = `
    import { run } from 'node:test';
    import { caseOf } from ${JSON.stringify(import.meta.resolve('../../scripts/contract-report.ts'))};
    const cases = [];
    let words = '';
    for await (const { type, data } of run({ files: [${JSON.stringify(file)}] })) {
      if (type === 'test:stderr') words += data.message;
      cases.push(...[caseOf('broken', type, data, words) ?? []].flat());
    }
    process.stdout.write(JSON.stringify(cases));`;
  const env = { ...process.env };
  delete env['NODE_TEST_CONTEXT'];
  writeFileSync(join(folder, 'runner.mjs'), runner);
  const first = "import { test } from 'node:test'; test('first', () => undefined);";
  for (const [text, why] of [
    ["import './nowhere.ts';", /nowhere/],
    [`${first} setTimeout(() => { throw new Error('too late'); }, 20);`, /^test failed$/],
    [`${first} setTimeout(() => { console.error('given up'); process.exit(3); }, 20);`, /given up/],
  ] as const) {
    writeFileSync(file, text);
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'runner.mjs')], {
      env,
      timeout: 60_000,
    });
    const failed = (JSON.parse(stdout) as Case[]).filter(({ outcome }) => outcome === 'failed');
    assert.deepEqual(
      failed.map(({ name }) => name),
      ['all of it'],
    );
    assert.match(failed[0]?.why ?? '', why);
  }
});

test('a case is passed, skipped with its lack, or failed with its reason, and a suite is no case', () => {
  const failed = { name: 'c', details: { error: { cause: new Error('one is not two') } } };
  const events: readonly (readonly [string, unknown])[] = [
    ['test:pass', { name: 'a' }],
    ['test:pass', { name: 'b', skip: 'lacks sessions' }],
    ['test:fail', failed],
    ['test:pass', { name: 'suite', details: { type: 'suite' } }],
    ['test:start', { name: 'a' }],
  ];
  const cases = events.flatMap(([type, data]) => caseOf('file', type, data) ?? []);
  assert.deepEqual(
    cases.map(({ name, outcome, why }) => [name, outcome, why]),
    [
      ['a', 'passed', ''],
      ['b', 'skipped', 'sessions'],
      ['c', 'failed', 'one is not two'],
    ],
  );
  const table = report(cases, undefined, false);
  assert.match(table, /skipped, lacks sessions: file: b/);
  assert.match(table, /^file +1 +1 +1$/m);
  assert.match(table, /^lacks sessions: 1 skipped$/m);
});
