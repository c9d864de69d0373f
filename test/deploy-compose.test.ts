/** docker/compose.yaml against the program, the Dockerfile, the directory and the files it mounts. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { commands } from '../src/cli/commands.ts';
import { loadConfig } from '../src/config/config.ts';
import { loadDirectory } from '../src/directory/directory.ts';
import { loadEmulatorConfig } from '../src/simulate/service-bus/service-bus.ts';
import { composeFolder, mountsOf, networksOf, readCompose, rolesOf } from './deploy/compose-file.ts';
import { copyOf, environmentOf, execForm, lastOf, parseDockerfile } from './deploy/dockerfile.ts';
import { root } from './deploy/image-folder.ts';

const compose = readCompose();
const services = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image.startsWith('tenfour:'));
const roles = rolesOf(compose);
const dockerfile = readFileSync(join(root, 'docker', 'Dockerfile'), 'utf8');
const stages = parseDockerfile(dockerfile);
const last = stages.at(-1) ?? assert.fail('no stage');
const image = environmentOf(last);
const user = lastOf(last, 'USER');
const entrypoint = execForm(lastOf(last, 'ENTRYPOINT'));

test('every role of the program is a service, and every command of a service is one of the program', () => {
  assert.deepEqual([...roles].toSorted(), ['board', 'courier', 'gateway', 'recorder']);
  for (const [name, { command }] of ours)
    if (command !== undefined) assert.ok(Object.hasOwn(commands, command[0] ?? ''), name);
});

test('a service starts with settings that the program takes, and each path it is given is mounted', () => {
  for (const [name, service] of ours) {
    const config = loadConfig({ ...image, ...service.environment });
    const places = [
      ...mountsOf(service).map(({ target }) => target),
      ...(service.secrets ?? []).map((secret) => `/run/secrets/${secret}`),
    ];
    const given = Object.keys(service.environment ?? {});
    const needs = [
      given.includes('TENFOUR_DIRECTORY') ? config.DIRECTORY : '',
      config.REDIS_PASSWORD_FILE,
      name === 'recorder' ? config.RECORD : '',
      ['courier', 'bus-topology'].includes(name) ? config.BUS_FILE : '',
      ['keys', 'courier', 'gateway'].includes(name) ? config.KEYS : '',
      ['keys', 'recorder'].includes(name) ? `${config.KEYS}/audit-public` : '',
    ];
    for (const path of needs.filter((one) => one !== ''))
      assert.ok(places.includes(path), `${name}: ${path}`);
  }
});

test('what is mounted exists, or is a volume or secret that is declared', () => {
  for (const [name, service] of services) {
    for (const { source } of mountsOf(service)) {
      const isThere = /^\.\.?\//.test(source)
        ? existsSync(join(composeFolder, source))
        : Object.hasOwn(compose.volumes, source);
      assert.ok(isThere, `${name}: ${source}`);
    }
    for (const secret of service.secrets ?? []) assert.ok(Object.hasOwn(compose.secrets, secret), secret);
    for (const network of networksOf(service)) assert.ok(Object.hasOwn(compose.networks, network), network);
  }
});

test('secrets lie in a folder that Git ignores, and deploying.md makes each of them', () => {
  const page = readFileSync(join(root, 'docs', 'deploying.md'), 'utf8');
  assert.equal(readFileSync(join(composeFolder, 'secrets', '.gitignore'), 'utf8'), '*\n!.gitignore\n');
  const files = [
    ...Object.values(compose.secrets).map(({ file }) => file),
    ...services.flatMap(([, { env_file = [] }]) => env_file.map((file) => `./${file}`)),
  ].filter((file) => file !== './bus-connection');
  assert.ok(files.length >= 3);
  for (const file of files) {
    assert.match(file, /^\.\/secrets\//);
    assert.ok(page.includes(`docker/${file.slice(2)}`), `docs/deploying.md does not make ${file}`);
  }
  // The one in the tree is the string every emulator has, and no key.
  assert.match(
    readFileSync(join(composeFolder, 'bus-connection'), 'utf8'),
    /^Endpoint=sb:\/\/bus;.*=SAS_KEY_VALUE;/,
  );
});

test('our own services run as the image’s user, read-only, without capabilities and within limits', () => {
  assert.match(user, /^[1-9]\d*:[1-9]\d*$/);
  for (const [name, service] of ours) {
    assert.equal(service.user, user, name);
    assert.ok(service.deploy?.resources.limits.pids !== undefined, name);
    assert.deepEqual(service.tmpfs, ['/tmp:size=16m,mode=1777,noexec,nosuid,nodev'], name);
    for (const { target, isReadOnly } of mountsOf(service)) {
      const mayWrite =
        (name === 'recorder' && target === image['TENFOUR_RECORD']) ||
        (name === 'keys' && target.startsWith(image['TENFOUR_KEYS'] ?? '?'));
      assert.equal(isReadOnly, !mayWrite, `${name}: ${target}`);
    }
  }
  for (const [name, service] of services) {
    assert.ok(service.security_opt?.includes('no-new-privileges:true'), name);
    assert.match(service.deploy?.resources.limits.memory ?? '', /^\d+[mg]$/, name);
    // Beside a block of limits Compose takes a `pids_limit` for a second, different limit, and refuses the whole file.
    assert.equal(service.pids_limit, undefined, name);
    assert.match(service.image, /^[a-z0-9./-]+:[\w.-]*\d[\w.-]*$/, `${name}: a tag with a version`);
    // Microsoft's two write where they like.
    if (service.image.startsWith('mcr.microsoft.com/')) continue;
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ['ALL'], name);
    assert.match(service.user ?? '', /^[1-9]\d*:\d+$/, name);
  }
});

test('private keys are mounted where they are opened, and nowhere else', () => {
  const holders = services
    .filter(([, service]) => mountsOf(service).some(({ source }) => source === 'keys'))
    .map(([name]) => name);
  assert.deepEqual(holders.toSorted(), ['courier', 'gateway', 'keys']);
  const withBus = services.filter(([, { secrets = [] }]) => secrets.includes('bus-connection'));
  assert.deepEqual(withBus.map(([name]) => name).toSorted(), ['bus-topology', 'courier']);
});

test('nothing but Prometheus and the roles shares a network with the board, for its door lets in whoever reaches it', () => {
  const board = networksOf(compose.services['board'] ?? assert.fail());
  const near = services.filter(([, service]) => networksOf(service).some((one) => board.includes(one)));
  assert.deepEqual(near.map(([name]) => name).toSorted(), [...roles, 'prometheus', 'valkey'].toSorted());
});

test('nothing is published but on loopback, and Redis reaches nothing outside', () => {
  const published = services.flatMap(([, { ports = [] }]) => ports);
  assert.ok(published.length >= 5);
  for (const port of published) assert.match(port, /^127\.0\.0\.1:/);
  assert.deepEqual(compose.services['valkey']?.networks, ['inside']);
  assert.equal(compose.services['valkey'].ports, undefined);
  assert.equal(compose.networks['inside']?.internal, true);
});

test('the gateway publishes exactly the lines of the directory', () => {
  const { lines } = loadDirectory(join(root, 'examples', 'county-099', 'directory'));
  const [range = ''] = compose.services['gateway']?.ports ?? [];
  const [, from, to, inFrom, inTo] = /^127\.0\.0\.1:(\d+)-(\d+):(\d+)-(\d+)$/.exec(range) ?? [];
  assert.deepEqual([from, to], [inFrom, inTo]);
  const ports = [...lines.values()].map(({ port }) => port).toSorted((a, b) => a - b);
  assert.deepEqual(
    ports,
    Array.from({ length: Number(to) - Number(from) + 1 }, (_, n) => Number(from) + n),
  );
});

test('each profile is a whole installation: one bus, all roles, and no dependency that the profile leaves out', () => {
  for (const profile of ['lite', 'full']) {
    const running = services.filter(([, { profiles }]) => profiles.includes(profile));
    const names = new Set(running.map(([name]) => name));
    for (const role of [...roles, 'keys', 'valkey', 'prometheus']) assert.ok(names.has(role), role);
    const busses = running.filter(([, { networks }]) =>
      Object.values(networks ?? {}).some((one) => (one as { aliases?: string[] }).aliases?.includes('bus')),
    );
    assert.equal(busses.length, 1, profile);
    for (const [name, { depends_on = {}, network_mode = '' }] of running) {
      for (const [other, { condition, required }] of Object.entries(depends_on)) {
        if (!names.has(other)) {
          assert.equal(required, false, `${name} waits for ${other}`);
          continue;
        }
        const { healthcheck } = compose.services[other] ?? {};
        if (condition === 'service_healthy')
          assert.ok(healthcheck?.test !== undefined, `${other} has no check`);
      }
      if (network_mode.startsWith('service:')) assert.ok(names.has(network_mode.slice('service:'.length)));
    }
  }
  assert.equal(compose.services['grafana']?.profiles.includes('lite'), false);
});

test('the courier starts when the stand-in has the directory’s topics; the emulator has them from its file alone', () => {
  const { 'bus-topology': job, courier } = compose.services;
  assert.ok(job !== undefined);
  assert.deepEqual(job.command, ['bus', 'apply', '--yes']);
  assert.deepEqual(job.profiles, ['lite']);
  assert.deepEqual(courier?.depends_on?.['bus-topology'], {
    condition: 'service_completed_successfully',
    required: false,
  });
  const { DIRECTORY, TOPOLOGY } = loadConfig({ ...image, ...job.environment });
  assert.equal(DIRECTORY, courier.environment?.['TENFOUR_DIRECTORY']);
  assert.match(TOPOLOGY, /^\/tmp\//, 'the one place the job may write');
  const own = loadConfig({ ...image, ...courier.environment });
  assert.equal(own.TOPOLOGY, '', 'it derives the same');
  const { topics } = loadDirectory(join(root, 'examples', 'county-099', 'directory'));
  assert.equal(
    own.SAMPLE === 'on',
    topics.allTimeToLiveSeconds !== undefined,
    'unread `all` fills its topic',
  );
});

test('the bus’s topics are the same file for stand-in and emulator, and within what the emulator takes', async () => {
  const sources = ['bus-stand-in', 'bus-emulator'].map(
    (name) => mountsOf(compose.services[name] ?? assert.fail(name))[0]?.source ?? '',
  );
  assert.equal(sources[0], sources[1]);
  const path = join(composeFolder, sources[0] ?? '');
  const { UserConfig } = await loadEmulatorConfig(path);
  const [namespace] = UserConfig.Namespaces;
  assert.equal(namespace?.Name, 'sbemulatorns');
  assert.ok(namespace.Topics.length <= 50);
  // Bounds of the emulator's own schema for its Config.json (ServiceBus-Emulator/Schema/Config-schema.json).
  const [minute, hour] = [60_000, 3_600_000];
  const name = /^[A-Za-z0-9]$|^[A-Za-z0-9][\w\-./]*[A-Za-z0-9]$/;
  for (const { Name, Properties, Subscriptions } of namespace.Topics) {
    assert.match(Name, name);
    const { DefaultMessageTimeToLive: ttl = hour, DuplicateDetectionHistoryTimeWindow: window } = Properties;
    assert.ok(ttl >= 5 * minute && ttl <= hour, Name);
    assert.ok(window >= 5000 && window <= 5 * minute, Name);
    assert.ok(Subscriptions.length >= 1 && Subscriptions.length <= 50);
    for (const { Name: subscription, Properties: own, Rules } of Subscriptions) {
      assert.match(subscription, name);
      const { DefaultMessageTimeToLive: life = hour, LockDuration, MaxDeliveryCount } = own;
      assert.ok(life >= 5 * minute && life <= hour, subscription);
      assert.ok(LockDuration >= 5000 && LockDuration <= 5 * minute, subscription);
      assert.ok(MaxDeliveryCount >= 1 && MaxDeliveryCount <= 10, subscription);
      for (const rule of Rules) assert.match(rule.Name, name);
    }
  }
});

test('health checks of our services run the image’s own program', () => {
  const check = execForm(lastOf(last, 'HEALTHCHECK').replace(/^.*?CMD /, ''));
  assert.deepEqual(check.slice(0, 2), entrypoint);
  assert.deepEqual(check.slice(2), ['health']);
  for (const role of roles)
    assert.deepEqual(compose.services[role]?.healthcheck?.test, ['CMD', ...entrypoint, 'health', '--ready']);
  // `exec` forms only need what the image has; a shell it has not.
  for (const [name, { healthcheck }] of ours)
    if (healthcheck?.test !== undefined) assert.equal(healthcheck.test[0], 'CMD', name);
});

test('a service has longer to stop than the program takes to drain', () => {
  for (const [name, service] of ours) {
    const seconds = Number(/^(\d+)s$/.exec(service.stop_grace_period ?? '')?.[1]);
    assert.ok(seconds * 1000 >= loadConfig({}).DRAIN_MS_MAX + 5000, name);
  }
  assert.equal(lastOf(last, 'STOPSIGNAL'), 'SIGTERM');
});

test('the Dockerfile copies what exists and is sent, runs without root or shell, and pins what it stands on', () => {
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  assert.ok(ignored.includes('*'), 'nothing is sent but what is named');
  const sent = new Set(ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
  for (const { instructions } of stages) {
    for (const { name, text } of instructions) {
      if (name !== 'COPY') continue;
      const { from, owner, sources } = copyOf(text);
      // The folders a volume takes its owner from; not every builder keeps what the stage made of them.
      if (from === 'folders') assert.equal(owner, user);
      if (from !== undefined)
        assert.ok(
          stages.some((stage) => stage.name === from),
          from,
        );
      else
        for (const source of sources) {
          assert.ok(existsSync(join(root, source)), source);
          assert.ok(sent.has(source.split('/')[0] ?? ''), `${source} is kept out by .dockerignore`);
        }
    }
  }
  for (const secret of ['docker', 'k8s', '.tenfour', '.git', 'node_modules'])
    assert.ok(!sent.has(secret), secret);
  for (const name of ['ENTRYPOINT', 'CMD']) execForm(lastOf(last, name));
  assert.ok(
    !last.instructions.some(({ name }) => name === 'RUN'),
    'the last stage has no shell to run anything',
  );
  assert.ok(!/\bADD\b|:latest|sudo|curl|apt/.test(dockerfile.replaceAll(/^#.*$/gm, '')));
  assert.ok(
    Object.hasOwn(commands, execForm(lastOf(last, 'CMD'))[0] ?? '') || /"help"/.test(lastOf(last, 'CMD')),
  );
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  const node = lock.packages['node_modules/node']?.version ?? '';
  for (const stage of stages.slice(0, -1)) assert.equal(stage.image, `node:${node}-bookworm-slim`);
  assert.match(last.image, /^gcr\.io\/distroless\/cc-debian12:nonroot$/);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  assert.ok(
    lastOf(last, 'ARG') === `VERSION=${version}` &&
      ours.every(([, one]) => one.image === `tenfour:${version}`),
  );
});

test('Grafana finds its dashboards and its source of data where the compose file puts them', () => {
  const provisioning = (...path: string[]): unknown =>
    parse(readFileSync(join(composeFolder, 'grafana', 'provisioning', ...path), 'utf8'));
  const { providers } = provisioning('dashboards', 'tenfour.yaml') as {
    providers: { options: { path: string } }[];
  };
  const mounts = mountsOf(compose.services['grafana'] ?? assert.fail());
  assert.ok(mounts.some(({ target }) => target === providers[0]?.options.path));
  const { datasources } = provisioning('datasources', 'prometheus.yaml') as {
    datasources: { uid: string; url: string }[];
  };
  assert.deepEqual([datasources[0]?.uid, datasources[0]?.url], ['prometheus', 'http://prometheus:9090']);
  const shared = networksOf(compose.services['grafana'] ?? assert.fail()).filter((network) =>
    networksOf(compose.services['prometheus'] ?? assert.fail()).includes(network),
  );
  assert.ok(shared.length > 0);
});
