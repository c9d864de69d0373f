/**
 * docker/Dockerfile and docker/compose.yaml without Docker: the image is put together in a folder by the Dockerfile's own COPY lines, and
 * the services run from it as the image's user, on a tree that user cannot write, with the image's and the service's environment only.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { CadLine } from '../src/simulate/cad/cad-line.ts';
import { exampleSeats, MdtFleet } from '../src/simulate/mdt/mdt-fleet.ts';
import { findRedisBinary } from '../src/simulate/redis/find-redis.ts';
import { freePort } from '../src/simulate/redis/ping.ts';
import { ROUND, step } from '../src/simulate/scenario/scenario.ts';
import { connectionString } from '../src/simulate/service-bus/service-bus.ts';
import { type Compose, composeFolder, mountsOf, readCompose, type Service } from './deploy/compose-file.ts';
import { Container, mountAsKubelet, type Places } from './deploy/container.ts';
import { buildImageFolder, type ImageFolder, root } from './deploy/image-folder.ts';

const LINES = ['ca-dispatch', 'ca-marshal', 'nv-sheriff'] as const;
const PASSWORD = 'not-a-secret:%/';
const isRoot = process.getuid?.() === 0;
// A role that hangs must not take the time of the whole run.
const timeout = 90_000;
const skip =
  isRoot || process.env['CI'] !== undefined ? false : 'only root can run the roles as another user';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-image-'));
chmodSync(folder, 0o755);
const compose: Compose = readCompose();
const containers: Container[] = [];
let image: ImageFolder;

before(() => {
  assert.ok(isRoot || skip !== false, 'in CI this test must run as root');
  if (skip === false) image = buildImageFolder(join(folder, 'build'));
});
after(async () => {
  await Promise.all(containers.map((one) => one.stop()));
  rmSync(folder, { recursive: true, force: true });
});

test('the services run from the image as its user, on a tree they cannot write, and all of a scenario arrives', {
  skip,
  timeout,
}, async () => {
  const tree = treeOf(join(image.folder, image.workdir));
  assert.ok(tree.length > 1000 && !tree.some((line) => line.includes('node_modules/typescript/')));
  const state = makeState();
  const redisPort = await startValkey();
  const [busPort, controlPort] = [await freePort(), await freePort()];
  const linePorts = await mountDirectory(state.directory);
  writeFileSync(join(state.secrets, 'bus-connection'), connectionString(busPort));
  const places: Places = {
    '/run/secrets': state.secrets,
    '/var/lib/tenfour': state.folder,
    '/etc/tenfour/directory': state.directory,
    '/etc/bus.json': join(root, 'examples', 'county-099', 'bus.json'),
    'redis://valkey:6379': `redis://127.0.0.1:${String(redisPort)}`,
    // Published on loopback only, as the compose file does it.
    '0.0.0.0': '127.0.0.1',
  };
  const make = async (name: string, changes: Partial<Service> = {}, more: Places = {}) => {
    const service = { ...serviceOf(name), ...changes };
    const own =
      name === 'keys' || name.startsWith('bus') ? {} : { TENFOUR_OPS_PORT: String(await freePort()) };
    const container = new Container(image, service, { ...places, ...more }, own);
    containers.push(container);
    return container;
  };
  const log = (name: string): string => join(folder, `${name}.log`);

  const keys = await make('keys');
  assert.match(madeBy(keys.exec()), /^made keys for \d+ owners$/);
  assert.deepEqual(keys.exec(), { code: 0, text: 'the keys are there\n' });

  const bus = await make('bus-stand-in', {
    command: (serviceOf('bus-stand-in').command ?? []).map((word) =>
      word === '5672' ? String(busPort) : word === '5300' ? String(controlPort) : word,
    ),
  });
  const recorder = await make('recorder');
  const courier = await make('courier');
  // The gateway has its keys as a cluster mounts them: root's, and readable by the group.
  const mounted = join(folder, 'mounted-keys');
  mountAsKubelet(mounted, filesIn(state.keys, ['storage.json', 'audit-signing.pem']), image.gid, 0o440);
  const gateway = await make('gateway', {}, { '/var/lib/tenfour/keys': mounted });
  await bus.start(log('bus'));
  // A folder of its own, as in the container: what it writes there nobody reads.
  const scratch = mkdtempSync(join(tmpdir(), 'tenfour-image-tmp-'));
  after(() => {
    rmSync(scratch, { recursive: true, force: true });
  });
  chownSync(scratch, image.uid, image.gid);
  const appliedFile = serviceOf('bus-topology').environment?.['TENFOUR_TOPOLOGY'] ?? assert.fail();
  const topology = await make('bus-topology', {}, { [appliedFile]: join(scratch, 'topology.json') });
  const applied = topology.exec();
  assert.equal(applied.code, 0, applied.text);
  assert.match(applied.text, /the bus is as the directory says/);
  assert.deepEqual(readdirSync(scratch), ['topology.json']);
  await Promise.all([
    recorder.start(log('recorder')),
    courier.start(log('courier')),
    gateway.start(log('gateway')),
  ]);

  const boardPort = await freePort();
  const board = await make('board', {
    environment: { ...serviceOf('board').environment, TENFOUR_BOARD_PORT: String(boardPort) },
  });
  await board.start(log('board'));

  const roles = { recorder, courier, gateway, board };
  for (const [name, role] of Object.entries(roles)) {
    assert.equal(role.check(image.healthcheck), 0, `${name}: the image's health check`);
    await untilReady(name, role);
  }

  const fleet = new MdtFleet(
    connectionString(busPort),
    join(state.keys, 'bus.json'),
    exampleSeats,
    undefined,
  );
  after(() => fleet.stop());
  fleet.start();
  const promised = (await Promise.all(LINES.map((line) => sendOn(line, linePorts.get(line) ?? 0)))).flat();
  const deadline = performance.now() + 15_000;
  while (fleet.count < promised.length && performance.now() < deadline) await sleep(10);
  await fleet.stop();
  assert.deepEqual(fleet.got.map(({ id }) => id).toSorted(), promised.toSorted());

  const door = await doorTo(boardPort);
  const page = await fetch(`http://127.0.0.1:${String(door.port)}/`);
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-type') ?? '', /text\/html/);

  // As the page for operators says it: in the recorder's container, which has the record and the public keys.
  assert.match(recorder.exec(['ledger', '--recount']).text, /recount from streams and segments agrees/);
  for (const [name, role] of Object.entries(roles).toReversed()) {
    assert.equal(await role.stop(), 0, `${name} drains and ends with 0`);
    assert.equal(role.check(image.healthcheck), 1, `${name}: the health check of what is gone`);
  }
  assert.equal(await bus.stop(), 0);
  assert.equal(
    await door.ended,
    1,
    'a door without its board ends, and is started again in the new board’s network',
  );
  const audit = recorder.exec(['audit', 'verify']);
  assert.equal(audit.code, 0, audit.text);
  assert.match(audit.text, /the record is whole/);

  assert.deepEqual(treeOf(join(image.folder, image.workdir)), tree, 'nothing in the image was written');
  const written = readdirSync(folder)
    .filter((name) => name !== 'build')
    .flatMap((name) => [name, ...filesBelow(name)])
    .filter((path) => statOf(path)?.uid === image.uid);
  assert.ok(written.some((path) => path.startsWith('state/record/')));
  assert.deepEqual(
    written.filter((path) => !/^state\/(record|keys)(\/|$)/.test(path)),
    [],
    'only the declared folders were written',
  );
});

test('a key file that anybody may read is refused, also when it is root’s', { skip }, () => {
  const keys = join(folder, 'open-keys');
  // The gateway opens the storage ring first, then the signing key.
  mountAsKubelet(keys, { 'storage.json': '{}' }, image.gid, 0o444);
  const { DIRECTORY, KEYS } = { DIRECTORY: join(root, 'examples/county-099/directory'), KEYS: keys };
  const gateway = new Container(
    image,
    { image: '', profiles: [], command: ['gateway'] },
    {},
    { TENFOUR_DIRECTORY: DIRECTORY, TENFOUR_KEYS: KEYS },
  );
  const { code, text } = gateway.exec();
  assert.equal(code, 3);
  assert.match(text, /open to group or others/);
});

test('keys that cannot be written are a fault that says so', { skip }, () => {
  const bare = new Container(image, { image: '', profiles: [] }, {}, { TENFOUR_KEYS: join(folder, 'no') });
  const { code, text } = bare.exec(['keys', 'create']);
  assert.equal(code, 3);
  assert.match(text, /TENFOUR_KEYS cannot be written/);
});

test('the program in the image finds its protocols and its example by itself, and has help for every command', {
  skip,
}, () => {
  const bare = new Container(
    image,
    { image: '', profiles: [] },
    {},
    { TENFOUR_KEYS: join(folder, 'state', 'record', 'k') },
  );
  assert.match(madeBy(bare.exec(['keys', 'create'])), /^made keys for \d+ owners$/);
  const help = bare.exec(['help']);
  assert.equal(help.code, 0);
  const names = [...help.text.matchAll(/^ {2}tenfour (\S+)/gm)].map(([, name = '']) => name);
  for (const name of new Set(names)) {
    const own = bare.exec([name, '--help']);
    assert.equal(own.code, 0, name);
  }
});

const serviceOf = (name: string): Service => {
  const service = compose.services[name];
  if (service === undefined) throw new Error(`no service ${name}`);
  return service;
};

/** The folders that volumes and secrets of the compose file stand for, and what else the services are given. */
function makeState() {
  const state = join(folder, 'state');
  const [keys, record, secrets] = [join(state, 'keys'), join(state, 'record'), join(folder, 'secrets')];
  mkdirSync(state);
  for (const path of [keys, record]) {
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, image.uid, image.gid);
  }
  mkdirSync(secrets);
  writeFileSync(join(secrets, 'redis-password'), `${PASSWORD}\n`);
  return { folder: state, keys, record, secrets, directory: join(folder, 'directory') };
}

/** The server the compose file and the cluster run, with the very same file of settings. */
async function startValkey(): Promise<number> {
  const mount = mountsOf(serviceOf('valkey')).find(({ target }) => target === '/etc/valkey.conf');
  const conf = join(composeFolder, mount?.source ?? '');
  const data = join(folder, 'valkey');
  mkdirSync(data);
  const port = await freePort();
  const args = [
    conf,
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    data,
    '--requirepass',
    PASSWORD,
  ];
  const server = spawn(findRedisBinary(), args, { stdio: 'ignore', cwd: data });
  after(() => {
    server.kill('SIGKILL');
  });
  const client = new Redis({ port, password: PASSWORD, retryStrategy: () => 50, maxRetriesPerRequest: 200 });
  client.on('error', () => {});
  assert.equal(await client.ping(), 'PONG');
  client.disconnect();
  return port;
}

/** The little relay of the compose file, in front of the board: answers the port it takes connections on. */
async function doorTo(boardPort: number): Promise<{ port: number; ended: Promise<unknown> }> {
  const { entrypoint = [], volumes = [] } = serviceOf('board-door');
  const source = volumes[0]?.split(':')[0] ?? '';
  assert.equal(volumes[0], `${source}:${entrypoint[1] ?? ''}:ro`);
  const port = await freePort();
  const args = [join(composeFolder, source), String(port), String(boardPort), '127.0.0.1'];
  const door = spawn(join(image.folder, 'usr/local/bin/node'), args, {
    stdio: 'ignore',
    uid: image.uid,
    gid: image.gid,
    cwd: '/',
  });
  after(() => {
    door.kill('SIGKILL');
  });
  const ended = once(door, 'exit').then(([code]) => code as unknown);
  for (let tries = 0; tries < 500 && !(await isOpen(port)); tries += 1) await sleep(10);
  return { port, ended };
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => {
      resolve(false);
    });
  });

/** The example's directory as a ConfigMap, with free ports and an address that only TENFOUR_LINE_HOST can put right. */
async function mountDirectory(to: string): Promise<ReadonlyMap<string, number>> {
  const from = join(root, 'examples', 'county-099', 'directory');
  const files = filesIn(from, readdirSync(from));
  const lines = JSON.parse(files['lines.json'] ?? '') as {
    lines: { name: string; host: string; port: number }[];
  };
  const ports = new Map<string, number>();
  for (const line of lines.lines) {
    line.port = await freePort();
    line.host = '192.0.2.1';
    ports.set(line.name, line.port);
  }
  mountAsKubelet(to, { ...files, 'lines.json': JSON.stringify(lines) }, image.gid, 0o444);
  return ports;
}

const filesIn = (from: string, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, readFileSync(join(from, name), 'utf8')]));

async function untilReady(name: string, role: Container): Promise<void> {
  const words = serviceOf(name).healthcheck?.test ?? [];
  const deadline = performance.now() + 15_000;
  while (role.check(words) !== 0) {
    assert.ok(performance.now() < deadline, `${name} is not ready`);
    await sleep(50);
  }
}

/** Sends the scenario's messages of a line; answers `<control field>/<destination>` of every copy the acknowledgements promised. */
async function sendOn(name: (typeof LINES)[number], port: number): Promise<string[]> {
  const line = await CadLine.connect(port, name === 'nv-sheriff' ? 'application' : 'link');
  const promised: string[] = [];
  for (const { line: own, control, copies, text } of Array.from({ length: ROUND * 2 }, (_, n) => step(n))) {
    if (own !== name) continue;
    const [told] = await line.send(Buffer.from(`\x02${text}\x03`, 'latin1'));
    assert.equal(told?.kind, 'accepted', control);
    promised.push(...copies.map((destination) => `${control}/${destination}`));
  }
  line.close();
  return promised;
}

const filesBelow = (name: string): string[] =>
  statSync(join(folder, name)).isDirectory()
    ? readdirSync(join(folder, name), { recursive: true, encoding: 'utf8' }).map((path) => join(name, path))
    : [];

const statOf = (path: string) => {
  const full = join(folder, path);
  return existsSync(full) ? statSync(full) : undefined;
};

/** Every file below a folder with its size, time, owner and mode. */
const treeOf = (top: string): string[] =>
  readdirSync(top, { recursive: true, encoding: 'utf8' }).map((path) => {
    const { size, mtimeMs, uid, mode } = statSync(join(top, path));
    return `${path} ${String(size)} ${String(mtimeMs)} ${String(uid)} ${String(mode)}`;
  });

const madeBy = ({ code, text }: { code: number | null; text: string }): string =>
  code === 0 ? text.trimEnd() : `${String(code)}: ${text}`;
