import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { type ServiceBusAdministrationClient, ServiceBusClient } from '@azure/service-bus';
import { adminClient } from '../bus/admin-client.ts';
import { loadDirectory } from '../directory/directory.ts';
import { Fault } from '../message/codes.ts';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { applyPlan, type Step } from './apply.ts';
import { BusCalls, callLimits } from './bus-calls.ts';
import { readBus } from './bus-entities.ts';
import { type Difference, isNothingToDo, type Plan, planOf } from './plan.ts';
import { deriveTopology } from './topology.ts';

const folder = join(import.meta.dirname, '../../examples/county-099/directory');
const topology = deriveTopology(loadDirectory(folder));
const wanted = topology.topics.flatMap(({ name, subscriptions }) =>
  subscriptions.map((one) => `${name}/${one.name}`),
);
const limits = { ...callLimits, pauseMs: 5, pauseMsMax: 50 };
const config = parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'ns', Queues: [{ Name: 'q' }] }] } });

let bus: ServiceBus;
let admin: ServiceBusAdministrationClient;
let calls: BusCalls;
const clientAt = (port: number) =>
  adminClient({ kind: 'connection-string', connectionString: connectionString(port) });

before(async () => {
  bus = await startServiceBus({ port: 0, config });
  admin = clientAt(bus.port);
  calls = new BusCalls(clientAt(bus.port), limits);
});
after(async () => {
  await bus.stop();
});
beforeEach(async () => {
  for await (const { name } of admin.listTopics()) await admin.deleteTopic(name);
});

const planNow = async (by = calls): Promise<Plan> => planOf(topology, await readBus(by));
const apply = async (options: { prune?: boolean; force?: boolean } = {}, by = calls) => {
  const steps: Step[] = [];
  const after = await applyPlan(await planNow(), topology, by, {
    prune: options.prune ?? false,
    force: options.force ?? false,
    onStep: (step) => {
      steps.push(step);
    },
  });
  return { steps, after };
};
const rulesOf = async (topic: string, subscription: string): Promise<readonly string[]> => {
  const names: string[] = [];
  for await (const { name } of admin.listRules(topic, subscription)) names.push(name);
  return names;
};
const subscriptionsThere = async (): Promise<readonly string[]> => {
  const names: string[] = [];
  for (const { name } of topology.topics)
    for await (const one of admin.listSubscriptions(name)) names.push(`${name}/${one.subscriptionName}`);
  return names.toSorted();
};
const differencesText = (differences: readonly Difference[]): string =>
  differences.map(({ name, from, to }) => `${name} ${from}>${to}`).join();
/** The plan's changes as `kind place`. */
const said = ({ changes }: Plan): readonly string[] =>
  changes.map((change) => {
    switch (change.kind) {
      case 'topic-created':
        return `+ ${change.topic.name}`;
      case 'subscription-created':
        return `+ ${change.topic}/${change.subscription.name}`;
      case 'topic-changed':
        return `~ ${change.topic.name} ${differencesText(change.differences)}`;
      case 'subscription-changed':
        return `~ ${change.topic}/${change.subscription.name} ${differencesText(change.differences)}`;
      case 'rule-removed':
        return `rule-removed ${change.topic}/${change.subscription} ${change.rule} ${change.from}`;
      default:
        return `${change.kind} ${change.topic}/${change.subscription} ${change.rule.name}`;
    }
  });
const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Fault, `a fault, not ${String(error)}`);
  return error;
};

test('an empty bus gets all topics and subscriptions, each with its own rules only, and then nothing is to do', async () => {
  const first = await planNow();
  assert.equal(first.changes.length, 2 + wanted.length);
  const { steps, after } = await apply();
  assert.equal(steps.length, 2 + wanted.length);
  assert.ok(isNothingToDo(after));
  assert.deepEqual(await subscriptionsThere(), wanted.toSorted());
  // The rule that takes everything, which the service adds where nobody names another, was never there.
  assert.deepEqual(await rulesOf('point-to-point', 'ca0990100'), ['destination']);
  assert.deepEqual(await rulesOf('broadcast', 'all'), ['everything']);
  const topic = await admin.getTopic('broadcast');
  assert.deepEqual(
    [topic.requiresDuplicateDetection, topic.duplicateDetectionHistoryTimeWindow, topic.maxSizeInMegabytes],
    [true, 'PT1H', 5120],
  );
  const group = await admin.getSubscription('broadcast', 'group-gbn01');
  assert.deepEqual(
    [group.lockDuration, group.maxDeliveryCount, group.defaultMessageTimeToLive],
    ['PT30S', 10, 'P1D'],
  );
  assert.deepEqual([group.requiresSession, group.deadLetteringOnMessageExpiration], [false, true]);
  assert.deepEqual(after.unchanged, { topics: 2, subscriptions: wanted.length, rules: wanted.length });
});

test('what was applied delivers: a message reaches its subscription and `all`, and no other', async () => {
  await apply();
  const client = new ServiceBusClient(connectionString(bus.port));
  try {
    const sender = client.createSender('point-to-point');
    await sender.sendMessages({
      body: 'x',
      messageId: '1',
      applicationProperties: { destination: 'NV0990300' },
    });
    const held: string[] = [];
    for await (const { subscriptionName, totalMessageCount } of admin.listSubscriptionsRuntimeProperties(
      'point-to-point',
    ))
      if (totalMessageCount > 0) held.push(subscriptionName);
    assert.deepEqual(held.toSorted(), ['all', 'nv0990300']);
  } finally {
    await client.close();
  }
});

test('every kind of drift is named from and to, and mended', async () => {
  await apply();
  const topic = await admin.getTopic('broadcast');
  await admin.updateTopic({
    ...topic,
    defaultMessageTimeToLive: 'PT2H',
    duplicateDetectionHistoryTimeWindow: 'PT20S',
  });
  const group = await admin.getSubscription('broadcast', 'group-ca');
  await admin.updateSubscription({
    ...group,
    lockDuration: 'PT1M',
    maxDeliveryCount: 3,
    deadLetteringOnMessageExpiration: false,
    status: 'ReceiveDisabled',
  });
  await admin.deleteSubscription('point-to-point', 'state-nv');
  await admin.createRule('point-to-point', 'ca0990100', 'own', { sqlExpression: "destination LIKE 'CA%'" });
  const rule = await admin.getRule('point-to-point', 'ca0990200', 'destination');
  await admin.updateRule('point-to-point', 'ca0990200', {
    ...rule,
    filter: { applicationProperties: { destination: 'CA0990100' } },
  });
  await admin.createRule('broadcast', 'group-nv', 'other', { subject: 'AM' });
  await admin.deleteRule('broadcast', 'group-nv', 'group');
  const plan = await planNow();
  assert.deepEqual(said(plan), [
    "rule-removed point-to-point/ca0990100 own SQL destination LIKE 'CA%'",
    'rule-changed point-to-point/ca0990200 destination',
    '+ point-to-point/state-nv',
    '~ broadcast timeToLive PT2H>P1D,duplicateWindow PT20S>PT1H',
    '~ broadcast/group-ca lock PT1M>PT30S,deliveryCountMax 3>10,deadLetterOnExpiry false>true,status ReceiveDisabled>Active',
    'rule-added broadcast/group-nv group',
    'rule-removed broadcast/group-nv other sys.subject = "AM"',
  ]);
  const { steps, after } = await apply();
  assert.equal(steps.length, plan.changes.length);
  assert.ok(isNothingToDo(after));
  const order = steps.map((step) => (step.kind === 'done' ? step.change.kind : step.kind));
  assert.ok(
    order.indexOf('rule-added') < order.indexOf('rule-removed'),
    'a subscription is never without a rule',
  );
  assert.deepEqual(await rulesOf('broadcast', 'group-nv'), ['group']);
});

test('a subscription too many is shown, deleted when it is asked for, and kept while it holds something', async () => {
  await apply();
  await admin.createSubscription('point-to-point', 'full');
  await admin.createSubscription('point-to-point', 'empty', {
    defaultRuleOptions: { name: 'none', filter: { sqlExpression: '1=0' } },
  });
  const client = new ServiceBusClient(connectionString(bus.port));
  await client.createSender('point-to-point').sendMessages({ body: 'x', messageId: '2' });
  await client.close();
  const plan = await planNow();
  assert.deepEqual(plan.changes, []);
  assert.deepEqual(plan.extra.map(({ subscription }) => subscription).toSorted(), ['empty', 'full']);
  assert.equal(isNothingToDo(plan), false);
  assert.deepEqual((await apply()).steps, []);
  const { steps, after } = await apply({ prune: true });
  assert.deepEqual(
    steps
      .map((step) =>
        step.kind === 'done' ? '' : `${step.kind} ${step.extra.subscription} ${String(step.messages)}`,
      )
      .toSorted(),
    ['deleted empty 0', 'kept full 1'],
  );
  assert.deepEqual(after.extra, [{ topic: 'point-to-point', subscription: 'full' }]);
  assert.deepEqual((await apply({ prune: true, force: true })).after.extra, []);
  assert.deepEqual(await subscriptionsThere(), wanted.toSorted());
});

test('topics that are not ours are told and left alone', async () => {
  await admin.createTopic('somebody-else');
  const { after } = await apply({ prune: true, force: true });
  assert.deepEqual(after.otherTopics, ['somebody-else']);
  assert.ok(isNothingToDo(after));
  assert.ok(await admin.topicExists('somebody-else'));
});

test('a topic whose name is written in capitals is ours, for the service compares names without case', async () => {
  await admin.createTopic('Broadcast', { requiresDuplicateDetection: true });
  const { after } = await apply();
  assert.ok(isNothingToDo(after));
  assert.deepEqual(after.otherTopics, []);
});

test('what the service cannot change is refused by name, and nothing is touched', async () => {
  await admin.createTopic('point-to-point', { requiresDuplicateDetection: false });
  await admin.createTopic('broadcast', { requiresDuplicateDetection: true });
  await admin.createSubscription('broadcast', 'group-ca', { requiresSession: true });
  const fault = await faultOf(apply({ prune: true }));
  assert.equal(fault.code, 'TOPOLOGY_REFUSED');
  assert.match(fault.message, /point-to-point \(duplicateDetection\); broadcast\/group-ca \(sessions\)$/);
  assert.deepEqual(await subscriptionsThere(), ['broadcast/group-ca']);
});

/** Applies the directory's topology in a process of its own, which is killed when so many steps are done. */
async function applyUntilKilled(directory: string, stepsMax: number): Promise<void> {
  const script = `
    import { adminClient } from '${join(import.meta.dirname, '../bus/admin-client.ts')}';
    import { loadDirectory } from '${join(import.meta.dirname, '../directory/directory.ts')}';
    import { applyPlan } from '${join(import.meta.dirname, 'apply.ts')}';
    import { BusCalls } from '${join(import.meta.dirname, 'bus-calls.ts')}';
    import { readBus } from '${join(import.meta.dirname, 'bus-entities.ts')}';
    import { planOf } from '${join(import.meta.dirname, 'plan.ts')}';
    import { deriveTopology } from '${join(import.meta.dirname, 'topology.ts')}';
    const access = { kind: 'connection-string', connectionString: ${JSON.stringify(connectionString(bus.port))} };
    const calls = new BusCalls(adminClient(access));
    const topology = deriveTopology(loadDirectory(${JSON.stringify(directory)}));
    let steps = 0;
    const onStep = () => { if (++steps === ${String(stepsMax)}) process.kill(process.pid, 'SIGKILL'); };
    await applyPlan(planOf(topology, await readBus(calls)), topology, calls, { prune: false, force: false, onStep });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
}

test('killed between subscriptions, the next apply finishes what was begun', {
  timeout: 60_000,
}, async () => {
  await applyUntilKilled(folder, 9);
  const there = await subscriptionsThere();
  assert.ok(there.length >= 7 && there.length < wanted.length, String(there.length));
  const plan = await planNow();
  assert.equal(plan.changes.length, wanted.length - there.length);
  const { after } = await apply();
  assert.ok(isNothingToDo(after));
  assert.deepEqual(await subscriptionsThere(), wanted.toSorted());
});

test('killed between the rules of subscriptions, the next apply adds those that are missing', {
  timeout: 60_000,
}, async () => {
  const work = mkdtempSync(join(tmpdir(), 'tenfour-apply-'));
  after(() => {
    rmSync(work, { recursive: true, force: true });
  });
  cpSync(folder, work, { recursive: true });
  const topics = { source: 'Invented for the test', subscriptionPer: 'agency' };
  writeFileSync(join(work, 'topics.json'), JSON.stringify(topics));
  // More rules than calls are under way at once.
  const oris = Array.from({ length: 40 }, (_, n) => `CA099${String(1000 + n)}`);
  const agencies = readFileSync(join(work, 'agencies.json'), 'utf8');
  const more = ['CA0990100', ...oris].map((ori) => JSON.stringify(ori)).join();
  writeFileSync(join(work, 'agencies.json'), agencies.replace('"CA0990100"', more));
  const byAgency = deriveTopology(loadDirectory(work));
  const made = byAgency.topics.flatMap(({ subscriptions }) => subscriptions).length;
  await applyUntilKilled(work, byAgency.topics.length + made + 10);
  const plan = planOf(byAgency, await readBus(calls));
  const kinds = new Set(plan.changes.map(({ kind }) => kind));
  assert.ok(kinds.size === 1 && kinds.has('rule-added'), [...kinds].join());
  const options = { prune: false, force: false, onStep: () => undefined };
  assert.ok(isNothingToDo(await applyPlan(plan, byAgency, calls, options)));
  assert.equal((await rulesOf('point-to-point', 'agency-ca-dispatch')).length, 41);
});

test('a busy service, a broken connection and a lost answer are tried again, within a number of calls at once', async () => {
  const proxy = new TryingProxy(bus.port);
  const port = await proxy.listen();
  try {
    const { after } = await apply({}, new BusCalls(clientAt(port), limits));
    assert.ok(isNothingToDo(after));
    assert.deepEqual(proxy.troubles, ['busy', 'broken', 'lost', 'busy', 'broken', 'lost']);
    assert.ok(proxy.atOnceMax > 1 && proxy.atOnceMax <= limits.atOnceMax, String(proxy.atOnceMax));
  } finally {
    await proxy.close();
  }
});

test('a service that stays busy, and one that is not there, end in a fault that names step and answer', async () => {
  const proxy = new TryingProxy(bus.port, true);
  const port = await proxy.listen();
  const busy = await faultOf(readBus(new BusCalls(clientAt(port), { ...limits, triesMax: 3 })));
  assert.equal(busy.message, 'TOPOLOGY_BUS: list the topics: 503 ServerBusyError');
  assert.equal(proxy.troubles.length, 3);
  await proxy.close();
  const gone = await faultOf(readBus(new BusCalls(clientAt(port), { ...limits, triesMax: 2 })));
  assert.match(gone.message, /^TOPOLOGY_BUS: list the topics: ECONNREFUSED/);
});

/** In front of the stand-in: some requests are answered with 503, some cut, and some done without an answer. */
class TryingProxy {
  readonly troubles: string[] = [];
  atOnceMax = 0;
  #atOnce = 0;
  #requests = 0;
  readonly #isAlwaysBusy: boolean;
  readonly #server;

  constructor(busPort: number, isAlwaysBusy = false) {
    this.#isAlwaysBusy = isAlwaysBusy;
    this.#server = createServer((incoming, answer) => {
      this.#atOnce += 1;
      this.atOnceMax = Math.max(this.atOnceMax, this.#atOnce);
      answer.once('close', () => {
        this.#atOnce -= 1;
      });
      const trouble = this.#troubleOf();
      if (trouble === 'busy') {
        answer.writeHead(503, { 'Retry-After': '0' }).end();
        incoming.resume();
        return;
      }
      if (trouble === 'broken') {
        incoming.destroy();
        return;
      }
      const headers = { ...incoming.headers, host: `127.0.0.1:${String(busPort)}` };
      const { method, url: path } = incoming;
      const passed = request({ host: '127.0.0.1', port: busPort, method, path, headers }, (from) => {
        if (trouble === 'lost') {
          from.resume().once('end', () => answer.destroy());
          return;
        }
        answer.writeHead(from.statusCode ?? 500, from.headers);
        from.pipe(answer);
      });
      passed.once('error', () => answer.destroy());
      incoming.pipe(passed);
    });
  }

  #troubleOf(): 'busy' | 'broken' | 'lost' | undefined {
    this.#requests += 1;
    const trouble = this.#isAlwaysBusy
      ? 'busy'
      : ({ 3: 'busy', 5: 'broken', 7: 'lost', 12: 'busy', 14: 'broken', 16: 'lost' } as const)[
          this.#requests
        ];
    if (trouble !== undefined) this.troubles.push(trouble);
    return trouble;
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
