/** k8s/ as kubectl builds it, against the program: probes, ports, settings, key files, policies. No cluster is asked. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { findKubectl } from '../scripts/ensure-kubectl.ts';
import { commands } from '../src/cli/commands.ts';
import { loadConfig } from '../src/config/config.ts';
import { loadDirectory } from '../src/directory/directory.ts';
import { Metrics } from '../src/telemetry/metrics.ts';
import { serveOperations } from '../src/telemetry/operations.ts';
import { KeysFolder } from '../src/wiring/keys-folder.ts';
import { environmentOf, lastOf, parseDockerfile } from './deploy/dockerfile.ts';
import { root } from './deploy/image-folder.ts';

type Labels = Readonly<Record<string, string>>;
type Probe = {
  httpGet?: { path: string; port: string };
  tcpSocket?: { port: string };
  exec?: { command: string[] };
};
type Volume = {
  name: string;
  configMap?: { name: string; optional?: boolean };
  secret?: { secretName: string; defaultMode: number; items: { key: string; path: string }[] };
  emptyDir?: unknown;
};
type Container = {
  name: string;
  image: string;
  args?: string[];
  command?: string[];
  envFrom?: { configMapRef: { name: string } }[];
  env?: { name: string; value?: string }[];
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  lifecycle?: { preStop: { sleep: { seconds: number } } };
  resources: { requests: Labels; limits: Labels };
  securityContext: {
    allowPrivilegeEscalation: boolean;
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[] };
  };
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
};
type Pod = {
  serviceAccountName: string;
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
  terminationGracePeriodSeconds: number;
  securityContext: {
    runAsNonRoot: boolean;
    runAsUser: number;
    runAsGroup: number;
    fsGroup: number;
    seccompProfile: { type: string };
  };
  containers: Container[];
  volumes: Volume[];
  topologySpreadConstraints?: unknown[];
};
type Peer = {
  podSelector?: { matchLabels?: Labels };
  namespaceSelector?: unknown;
  ipBlock?: { cidr: string };
};
type Ports = { protocol?: string; port: number; targetPort?: number | string }[];
type Thing = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Labels; annotations?: Labels };
  automountServiceAccountToken?: boolean;
  data?: Labels;
  spec: {
    replicas: number;
    serviceName: string;
    clusterIP?: string;
    ports: Ports;
    selector: { matchLabels?: Labels } & Labels;
    template: { metadata: { labels: Labels; annotations?: Labels }; spec: Pod };
    volumeClaimTemplates?: {
      metadata: { name: string };
      spec: { accessModes: string[]; storageClassName?: string };
    }[];
    persistentVolumeClaimRetentionPolicy?: Labels;
    minAvailable?: number;
    maxUnavailable?: number;
    podSelector: { matchLabels?: Labels };
    policyTypes: string[];
    ingress?: { from: Peer[]; ports: Ports }[];
    egress?: { to: Peer[]; ports: Ports }[];
  };
};

const kubectl = findKubectl();
const skip =
  kubectl === undefined && process.env['CI'] === undefined
    ? 'no kubectl: node scripts/ensure-kubectl.ts'
    : false;
const folders = ['base', 'valkey', 'overlays/county-099', 'overlays/azure-government'];
const built = new Map<string, readonly Thing[]>(
  skip === false ? folders.map((folder) => [folder, build(folder)]) : [],
);
const image =
  parseDockerfile(readFileSync(join(root, 'docker', 'Dockerfile'), 'utf8')).at(-1) ?? assert.fail();
const imageEnvironment = environmentOf(image);
const directory = loadDirectory(join(root, 'examples', 'county-099', 'directory'));
const keysFolder = mkdtempSync(join(tmpdir(), 'tenfour-k8s-keys-'));
after(() => {
  rmSync(keysFolder, { recursive: true, force: true });
});

function build(folder: string): readonly Thing[] {
  const text = execFileSync(kubectl ?? 'kubectl', ['kustomize', join(root, 'k8s', folder)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Kubernetes reads YAML 1.1, where 0440 is octal.
  return parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS() as Thing);
}

const county = (): readonly Thing[] => built.get('overlays/county-099') ?? [];
const ofKind = (things: readonly Thing[], kind: string) => things.filter((thing) => thing.kind === kind);
const workloads = (things: readonly Thing[]) => ofKind(things, 'StatefulSet');
const nameOf = ({ metadata }: Thing): string => metadata.name.replace(/^tenfour-/, '');
const roles = (things: readonly Thing[]) => workloads(things).filter((thing) => nameOf(thing) !== 'valkey');
const containerOf = ({ spec }: Thing): Container => spec.template.spec.containers[0] ?? assert.fail();
const chosen = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);

/** What the program reads from its environment in this pod. */
function environment(things: readonly Thing[], thing: Thing): Labels {
  const { envFrom = [], env = [] } = containerOf(thing);
  const given = envFrom.map(({ configMapRef: { name } }) => {
    const map = ofKind(things, 'ConfigMap').find(({ metadata }) => metadata.name === name);
    return map?.data ?? assert.fail(`no ConfigMap ${name}`);
  });
  // The pod's name stands for what the cluster fills in.
  const own = env.map(({ name, value }): [string, string] => [name, value ?? `${thing.metadata.name}-0`]);
  return Object.fromEntries([imageEnvironment, ...given].flatMap((one) => Object.entries(one)).concat(own));
}

test('base, Valkey and every overlay build, and everything lies in the one namespace', { skip }, () => {
  for (const [folder, things] of built) {
    assert.ok(things.length > 4, folder);
    const ids = things.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    assert.equal(new Set(ids).size, ids.length, folder);
    for (const { kind, metadata } of things)
      assert.equal(
        kind === 'Namespace' ? metadata.name : metadata.namespace,
        'tenfour',
        `${folder}: ${metadata.name}`,
      );
  }
});

test('every role of the program is a workload, and each runs its own command', { skip }, () => {
  const things = built.get('base') ?? [];
  assert.deepEqual(roles(things).map(nameOf).toSorted(), ['board', 'courier', 'gateway', 'recorder']);
  for (const thing of roles(things)) {
    const { args = [], command } = containerOf(thing);
    assert.deepEqual(args, [nameOf(thing)]);
    assert.equal(command, undefined, 'the entry point is the image’s');
    assert.ok(Object.hasOwn(commands, args[0] ?? ''));
  }
});

test('a role’s environment holds settings only, and the program takes them', { skip }, () => {
  for (const thing of roles(county())) {
    const config = loadConfig(environment(county(), thing));
    assert.equal(config.INSTANCE, `${thing.metadata.name}-0`);
    const page = containerOf(thing).ports.find(({ name }) => name === 'page');
    assert.equal(page?.containerPort, nameOf(thing) === 'board' ? config.BOARD_PORT : undefined);
    // A service link would be an unknown setting, and the role would not start.
    assert.equal(thing.spec.template.spec.enableServiceLinks, false);
  }
});

test('every path a role opens is mounted, with the files in it that the program looks for', { skip }, () => {
  KeysFolder.create(join(keysFolder, 'keys'), ['owner']);
  const made = readdirSync(join(keysFolder, 'keys'));
  const files = readdirSync(join(root, 'examples', 'county-099', 'directory'));
  for (const thing of roles(county())) {
    const name = nameOf(thing);
    const config = loadConfig(environment(county(), thing));
    const { volumeMounts } = containerOf(thing);
    const { volumes } = thing.spec.template.spec;
    const at = (path: string): Volume | undefined => {
      const mount = volumeMounts.find(({ mountPath }) => mountPath === path);
      return volumes.find((volume) => volume.name === mount?.name);
    };
    const map = at(config.DIRECTORY)?.configMap?.name ?? '';
    const data = ofKind(county(), 'ConfigMap').find(({ metadata }) => metadata.name === map)?.data ?? {};
    assert.deepEqual(Object.keys(data).toSorted(), files.toSorted(), name);
    const secrets = volumes.flatMap(({ secret }) => (secret === undefined ? [] : [secret]));
    for (const { defaultMode } of secrets) assert.equal(defaultMode, 0o440, 'the group reads, nobody else');
    const keys = at(config.KEYS)?.secret?.items.map(({ path }) => path) ?? [];
    for (const key of keys) assert.ok(made.includes(key), `${name}: ${key} is no file of \`keys create\``);
    assert.deepEqual(keys.toSorted(), keysOf(name), name);
    assert.equal(secretFile(thing, config.REDIS_PASSWORD_FILE), 'tenfour-redis/password', name);
    if (name === 'courier') assert.equal(secretFile(thing, config.BUS_FILE), 'tenfour-bus/connection');
    else assert.ok(!secrets.some(({ secretName }) => secretName === 'tenfour-bus'), name);
    const claims = thing.spec.volumeClaimTemplates ?? [];
    const recordMount = volumeMounts.find(({ mountPath }) => mountPath === config.RECORD);
    assert.equal(recordMount?.name, name === 'recorder' ? claims[0]?.metadata.name : undefined, name);
    for (const { name: mounted, mountPath, readOnly } of volumeMounts) {
      assert.ok(
        [...volumes, ...claims.map(({ metadata }) => metadata)].some((one) => one.name === mounted),
        mounted,
      );
      assert.equal(
        readOnly ?? false,
        mountPath !== '/tmp' && mountPath !== config.RECORD,
        `${name}: ${mountPath}`,
      );
    }
  }
});

/** Each role opens only what it needs (KeysFolder). */
const keysOf = (role: string): readonly string[] =>
  role === 'gateway'
    ? ['audit-signing.pem', 'storage.json']
    : role === 'courier'
      ? ['audit-signing.pem', 'bus.json', 'storage.json']
      : [];

function secretFile(thing: Thing, file: string): string {
  const { volumeMounts } = containerOf(thing);
  const mount = volumeMounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
  const secret = thing.spec.template.spec.volumes.find(({ name }) => name === mount?.name)?.secret;
  const item = secret?.items.find(({ path }) => `${mount?.mountPath ?? ''}/${path}` === file);
  return `${secret?.secretName ?? 'no secret'}/${item?.key ?? 'no key'}`;
}

test('every secret is made by deploying.md, key by key, and none lies in the tree', { skip }, () => {
  const page = readFileSync(join(root, 'docs', 'deploying.md'), 'utf8');
  for (const things of built.values()) {
    assert.equal(ofKind(things, 'Secret').length, 0);
    for (const { spec } of workloads(things))
      for (const { secret } of spec.template.spec.volumes) {
        if (secret === undefined) continue;
        const command = new RegExp(
          `create secret generic ${secret.secretName}\\b(?:[^\\n]*\\\\\\n)*[^\\n]*`,
        ).exec(page);
        for (const { key } of secret.items)
          assert.ok(command?.[0].includes(`--from-file=${key}=`), `${secret.secretName}: ${key}`);
      }
  }
});

test('every probe asks for a path the program answers, on the port it serves', { skip }, async () => {
  const operations = await serveOperations({
    host: '127.0.0.1',
    port: 0,
    metrics: new Metrics(),
    readiness: () => ({ ready: true, reasons: [] }),
  });
  after(() => operations.close());
  for (const thing of roles(county())) {
    const { ports, startupProbe, livenessProbe, readinessProbe } = containerOf(thing);
    const config = loadConfig(environment(county(), thing));
    assert.equal(config.OPS_HOST, '0.0.0.0', 'the node asks from outside the pod');
    for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
      const port = ports.find(({ name }) => name === httpGet?.port)?.containerPort;
      assert.equal(port, config.OPS_PORT);
      const answer = await fetch(`http://127.0.0.1:${String(operations.port)}${httpGet?.path ?? ''}`);
      assert.equal(answer.status, 200, httpGet?.path);
    }
    assert.equal(livenessProbe.httpGet?.path, '/livez', 'a role is never restarted for what it waits for');
    const { annotations } = thing.spec.template.metadata;
    assert.equal(annotations?.['prometheus.io/port'], String(config.OPS_PORT));
    const metrics = await fetch(
      `http://127.0.0.1:${String(operations.port)}${annotations['prometheus.io/path'] ?? ''}`,
    );
    assert.equal(metrics.status, 200);
  }
});

test('every Service leads to a port of pods that are there, and the lines’ Service to every line', {
  skip,
}, () => {
  for (const service of ofKind(county(), 'Service')) {
    const pods = workloads(county()).filter(({ spec }) =>
      chosen(service.spec.selector, spec.template.metadata.labels),
    );
    assert.equal(pods.length, 1, service.metadata.name);
    const names = pods.flatMap((pod) => containerOf(pod).ports.map(({ name }) => name));
    for (const { targetPort } of service.spec.ports)
      if (typeof targetPort === 'string') assert.ok(names.includes(targetPort), targetPort);
  }
  for (const { metadata, spec } of workloads(county())) {
    const own = ofKind(county(), 'Service').find((service) => service.metadata.name === spec.serviceName);
    assert.equal(own?.spec.clusterIP, 'None', metadata.name);
  }
  const lines = [...directory.lines.values()].map(({ name, port }) => ({ name, port, targetPort: port }));
  const dialled = ofKind(county(), 'Service').find(({ metadata }) => metadata.name === 'tenfour-lines');
  assert.deepEqual(dialled?.spec.ports, lines);
  const policy = ofKind(county(), 'NetworkPolicy').find(
    ({ metadata }) => metadata.name === 'stations-to-lines',
  );
  assert.deepEqual(
    policy?.spec.ingress?.[0]?.ports.map(({ port }) => port),
    lines.map(({ port }) => port),
  );
});

test('every pod keeps to the restricted profile, and a role runs as the image’s user', { skip }, () => {
  const [uid, gid] = lastOf(image, 'USER').split(':').map(Number);
  for (const things of built.values()) {
    for (const thing of workloads(things)) {
      const { automountServiceAccountToken, securityContext, containers, serviceAccountName } =
        thing.spec.template.spec;
      assert.equal(automountServiceAccountToken, false);
      assert.equal(securityContext.runAsNonRoot, true);
      assert.deepEqual(securityContext.seccompProfile, { type: 'RuntimeDefault' });
      assert.equal(containers.length, 1);
      const { securityContext: own, resources, image: name } = containerOf(thing);
      assert.deepEqual(own, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      assert.ok(resources.requests['cpu'] && resources.requests['memory'] && resources.limits['memory']);
      assert.ok(!name.endsWith(':latest'));
      const account = ofKind(things, 'ServiceAccount').find(
        ({ metadata }) => metadata.name === serviceAccountName,
      );
      assert.equal(account?.automountServiceAccountToken, false);
    }
    for (const { spec } of roles(things)) {
      const { runAsUser, runAsGroup, fsGroup } = spec.template.spec.securityContext;
      assert.deepEqual([runAsUser, runAsGroup, fsGroup], [uid, gid, gid]);
    }
  }
  const [namespace] = ofKind(built.get('base') ?? [], 'Namespace');
  assert.equal(namespace?.metadata.labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
});

test('one recorder a folder, disks outlive their sets, and replicas that are several are spread', {
  skip,
}, () => {
  for (const thing of workloads(county())) {
    const {
      replicas,
      volumeClaimTemplates = [],
      persistentVolumeClaimRetentionPolicy,
      template,
    } = thing.spec;
    if (volumeClaimTemplates.length > 0) {
      assert.equal(replicas, 1, thing.metadata.name);
      assert.deepEqual(persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Retain', whenScaled: 'Retain' });
      assert.deepEqual(volumeClaimTemplates[0]?.spec.accessModes, ['ReadWriteOncePod']);
    }
    assert.equal(
      template.spec.topologySpreadConstraints?.length ?? 0,
      replicas > 1 ? 2 : 0,
      thing.metadata.name,
    );
  }
});

test('a role has time to leave its Service and to drain before it is killed', { skip }, () => {
  for (const thing of roles(county())) {
    const { DRAIN_MS_MAX } = loadConfig(environment(county(), thing));
    const seconds = containerOf(thing).lifecycle?.preStop.sleep.seconds ?? 0;
    if (nameOf(thing) === 'gateway') assert.ok(seconds >= 3, 'stations are sent elsewhere first');
    const { terminationGracePeriodSeconds } = thing.spec.template.spec;
    assert.ok(
      terminationGracePeriodSeconds * 1000 >= seconds * 1000 + DRAIN_MS_MAX + 5000,
      thing.metadata.name,
    );
  }
});

test('disruption budgets name pods that are there and never forbid every move', { skip }, () => {
  for (const { metadata, spec } of ofKind(county(), 'PodDisruptionBudget')) {
    const [pods] = workloads(county()).filter((thing) =>
      chosen(spec.selector.matchLabels ?? assert.fail(), thing.spec.template.metadata.labels),
    );
    assert.ok(pods !== undefined, metadata.name);
    assert.ok((spec.maxUnavailable ?? pods.spec.replicas - (spec.minAvailable ?? 0)) >= 1, metadata.name);
  }
});

test('nothing may speak but for what each role needs', { skip }, () => {
  const policies = ofKind(county(), 'NetworkPolicy');
  const denial = policies.find(({ metadata }) => metadata.name === 'deny-all')?.spec;
  assert.deepEqual(denial, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  const reach = (pod: Thing, way: 'ingress' | 'egress'): number[] =>
    policies
      .filter(({ spec }) => chosen(spec.podSelector.matchLabels ?? {}, pod.spec.template.metadata.labels))
      .flatMap(({ spec }) => (spec[way] ?? []).flatMap(({ ports }) => ports.map(({ port }) => port)))
      .toSorted((a, b) => a - b);
  const [operations, redis, bus, names] = [9464, 6379, 5671, 53];
  const lines = [...directory.lines.values()].map(({ port }) => port);
  const expected: Readonly<Record<string, { ingress: number[]; egress: number[] }>> = {
    board: { ingress: [operations], egress: [names, names, redis] },
    recorder: { ingress: [operations], egress: [names, names, redis] },
    courier: { ingress: [operations], egress: [names, names, bus, redis] },
    gateway: { ingress: [operations, ...lines], egress: [names, names, redis] },
    valkey: { ingress: [redis], egress: [] },
  };
  for (const pod of workloads(county()))
    assert.deepEqual({ ingress: reach(pod, 'ingress'), egress: reach(pod, 'egress') }, expected[nameOf(pod)]);
});

test('the job that applies the topology runs as the roles do, and it alone may change the bus', {
  skip,
}, () => {
  const page = readFileSync(join(root, 'docs', 'deploying.md'), 'utf8');
  for (const folder of ['base', 'overlays/county-099', 'overlays/azure-government']) {
    const things = built.get(folder) ?? [];
    const job = ofKind(things, 'Job')[0] ?? assert.fail(`${folder}: no Job`);
    const courier = roles(things).find((thing) => nameOf(thing) === 'courier') ?? assert.fail();
    const [pod, role] = [job.spec.template.spec, courier.spec.template.spec];
    const [own, theirs] = [containerOf(job), containerOf(courier)];
    assert.deepEqual(own.args, ['bus', 'apply', '--yes']);
    assert.deepEqual(
      [pod.securityContext, own.securityContext],
      [role.securityContext, theirs.securityContext],
    );
    assert.deepEqual([pod.automountServiceAccountToken, pod.enableServiceLinks], [false, false]);
    assert.equal(own.image, theirs.image);
    const account = ofKind(things, 'ServiceAccount').find(
      ({ metadata }) => metadata.name === pod.serviceAccountName,
    );
    assert.equal(account?.automountServiceAccountToken, false);
    const config = loadConfig(environment(things, job));
    const isSampled = loadConfig(environment(things, courier)).SAMPLE === 'on';
    assert.equal(
      isSampled,
      directory.topics.allTimeToLiveSeconds !== undefined,
      'unread `all` fills its topic',
    );
    assert.equal(secretFile(job, config.BUS_FILE), 'tenfour-bus-manage/connection');
    assert.ok(page.includes('create secret generic tenfour-bus-manage --from-file=connection='));
    assert.match(config.TOPOLOGY, /^\/tmp\//);
    assert.ok(own.volumeMounts.some(({ mountPath }) => mountPath === config.DIRECTORY));
    for (const thing of workloads(things))
      for (const { secret } of thing.spec.template.spec.volumes)
        assert.notEqual(secret?.secretName, 'tenfour-bus-manage', thing.metadata.name);
    const reached = ofKind(things, 'NetworkPolicy')
      .filter(({ spec }) => chosen(spec.podSelector.matchLabels ?? {}, job.spec.template.metadata.labels))
      .flatMap(({ spec }) => [...(spec.ingress ?? []), ...(spec.egress ?? [])])
      .flatMap(({ ports }) => ports.map(({ port }) => port));
    assert.deepEqual(
      reached.toSorted((a, b) => a - b),
      [53, 53, 443],
    );
  }
});

test('the overlay for Azure Government changes what it says and leaves the rest', { skip }, () => {
  const azure = built.get('overlays/azure-government') ?? [];
  const find = (kind: string, name: string) =>
    ofKind(azure, kind).find(({ metadata }) => metadata.name === name) ?? assert.fail(`${kind} ${name}`);
  assert.deepEqual(workloads(azure).map(nameOf), workloads(county()).map(nameOf));
  for (const thing of roles(azure))
    assert.match(containerOf(thing).image, /^replace-me\.azurecr\.us\/tenfour:\d/);
  const balancer = 'service.beta.kubernetes.io/azure-load-balancer-internal';
  assert.equal(find('Service', 'tenfour-lines').metadata.annotations?.[balancer], 'true');
  for (const thing of workloads(azure))
    for (const { spec } of thing.spec.volumeClaimTemplates ?? [])
      assert.match(spec.storageClassName ?? '', /REPLACE-ME/);
  assert.equal(
    find('NetworkPolicy', 'courier-to-bus').spec.egress?.[0]?.to[0]?.ipBlock?.cidr,
    '198.51.100.10/32',
  );
});
