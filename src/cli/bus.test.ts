import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { adminClient } from '../bus/admin-client.ts';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { readAppliedTopology } from '../topology/applied-file.ts';
import { reachOf } from '../topology/reach.ts';

const root = join(import.meta.dirname, '../..');
const work = mkdtempSync(join(tmpdir(), 'tenfour-bus-'));
const directory = join(work, 'directory');
const applied = join(work, 'applied', 'topology.json');
let bus: ServiceBus;

before(async () => {
  cpSync(join(root, 'examples/county-099/directory'), directory, { recursive: true });
  const queues = { UserConfig: { Namespaces: [{ Name: 'ns', Queues: [{ Name: 'q' }] }] } };
  bus = await startServiceBus({ port: 0, config: parseEmulatorConfig(queues) });
  writeFileSync(join(work, 'connection'), connectionString(bus.port));
});
after(async () => {
  await bus.stop();
  rmSync(work, { recursive: true });
});

type Said = { readonly code: number; readonly stdout: string; readonly stderr: string };
/** `tenfour bus` on the stand-in, without a keyboard. */
const tenfourBus = (...args: readonly string[]): Promise<Said> =>
  new Promise((resolve) => {
    const env = {
      ...process.env,
      TENFOUR_BUS_FILE: join(work, 'connection'),
      TENFOUR_DIRECTORY: directory,
      TENFOUR_TOPOLOGY: applied,
    };
    const program = join(root, 'src/cli/tenfour.ts');
    const child = execFile(
      process.execPath,
      [program, 'bus', ...args],
      { env, timeout: 60_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
    child.stdin?.end();
  });
const writeTopics = (content: object): void => {
  writeFileSync(
    join(directory, 'topics.json'),
    JSON.stringify({ source: 'Invented for the test', allTimeToLiveSeconds: 300, ...content }),
  );
};

test('plan shows what is missing with 1, apply makes it with 0 and writes what it applied, then plan is 0', async () => {
  const planned = await tenfourBus('plan');
  assert.equal(planned.code, 1, planned.stderr);
  assert.match(planned.stdout, /^directory [0-9a-f]{16} on 127\.0\.0\.1:\d+\n\+ point-to-point\n/);
  assert.match(planned.stdout, /^\+ broadcast\/group-gbn01: g_GBN01 = true$/m);
  assert.match(planned.stdout, /^27 to make, 0 to change, 0 too many; unchanged: 0 topics/m);

  const unasked = await tenfourBus('apply');
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /without a terminal give --yes/);
  assert.equal(existsSync(applied), false);

  const done = await tenfourBus('apply', '--yes');
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /the bus is as the directory says; see .*topology\.json\n$/);
  const { namespace, topology } = readAppliedTopology(applied);
  assert.equal(namespace, `127.0.0.1:${String(bus.port)}`);
  assert.ok(reachOf(topology).destinations.has('CA0990100'));

  const again = await tenfourBus('plan', '--json');
  assert.equal(again.code, 0, again.stderr);
  const said = JSON.parse(again.stdout) as Record<string, unknown>;
  assert.deepEqual([said['changes'], said['extra'], said['unchangeable']], [[], [], []]);
  assert.equal(said['directoryVersion'], topology.directoryVersion);
});

test('a further subscription in topics.json is made, and pruned when it is taken out', async () => {
  writeTopics({ subscriptions: [{ name: 'car-12', topic: 'broadcast', codes: ['CA'], priority: 'urgent' }] });
  const made = await tenfourBus('apply', '--yes', '--json');
  assert.equal(made.code, 0, made.stderr);
  const lines = made.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(lines[0], { kind: 'subscription-created', topic: 'broadcast', subscription: 'car-12' });
  assert.equal(lines.at(-1)?.['applied'], true);
  writeTopics({});
  const planned = await tenfourBus('plan');
  assert.equal(planned.code, 1);
  assert.match(planned.stdout, /^- broadcast\/car-12: not in the directory$/m);
  const left = await tenfourBus('apply', '--yes');
  assert.equal(left.code, 0);
  assert.match(left.stdout, /subscriptions too many: 1;/);
  const pruned = await tenfourBus('apply', '--yes', '--prune');
  assert.equal(pruned.code, 0, pruned.stderr);
  assert.match(pruned.stdout, /^- broadcast\/car-12: deleted$/m);
  const admin = adminClient({ kind: 'connection-string', connectionString: connectionString(bus.port) });
  assert.equal(await admin.subscriptionExists('broadcast', 'car-12'), false);
});

test('past a limit nothing is asked of the bus, and the fault names limit and place', async () => {
  writeTopics({ lockSeconds: 301, duplicateWindowSeconds: 5 });
  try {
    for (const { code, stdout, stderr } of await Promise.all([tenfourBus('plan'), tenfourBus('apply')])) {
      assert.deepEqual([code, stdout], [3, '']);
      assert.match(
        stderr,
        /TOPOLOGY_LIMIT: DUPLICATE_WINDOW at point-to-point: .*LOCK at broadcast\/all: a lock lasts/,
      );
    }
  } finally {
    writeTopics({});
  }
});

test('the emulator’s file is written without a bus, to a place or to the terminal, and says what it cuts', async () => {
  const out = join(work, 'Config.json');
  const [toFile, toTerminal] = await Promise.all(
    [out, '-'].map((place) => tenfourBus('plan', '--emulator-config', place)),
  );
  assert.ok(toFile !== undefined);
  assert.equal(toFile.code, 0, toFile.stderr);
  assert.match(toFile.stderr, /time to live cut to 1 hour.*\nduplicate window cut to 5 minutes/);
  const example = readFileSync(join(root, 'examples/county-099/bus.json'), 'utf8');
  assert.equal(readFileSync(out, 'utf8'), example);
  assert.equal(toTerminal?.stdout, example);
});

test('words that are no plan and no apply, and --force alone, are wrong usage', async () => {
  const wrong = [[], ['destroy'], ['apply', '--force', '--yes']];
  const said = await Promise.all(wrong.map((args) => tenfourBus(...args)));
  assert.deepEqual(
    said.map(({ code }) => code),
    [2, 2, 2],
  );
});
