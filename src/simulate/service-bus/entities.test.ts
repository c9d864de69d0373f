import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import rhea from 'rhea';
import { noLog } from './bus-log.ts';
import { ChangeOverlay } from './change-overlay.ts';
import { parseEmulatorConfig } from './emulator-config.ts';
import { Entities } from './entities.ts';
import { deletion } from './entity-change.ts';
import { queueSettings, settingsText, subscriptionSettings, topicSettings } from './entity-settings.ts';
import { FileLog } from './file-log.ts';
import { type Rule, trueRule } from './rule.ts';
import { definitionOf, ruleOf } from './rule-definition.ts';
import { Subscription } from './subscription.ts';
import { Topic } from './topic.ts';

const config = parseEmulatorConfig({
  UserConfig: {
    Namespaces: [
      {
        Name: 'ns',
        Queues: [{ Name: 'q0' }],
        Topics: [
          {
            Name: 't0',
            Subscriptions: [{ Name: 's0' }, { Name: 's1', Rules: [sqlRule('a'), sqlRule('b')] }],
          },
          { Name: 't1' },
        ],
      },
    ],
  },
});
function sqlRule(Name: string) {
  return { Name, Properties: { FilterType: 'Sql', SqlFilter: { SqlExpression: `x = '${Name}'` } } };
}
const limits = { messagesMax: 100_000, bytesMax: 64 * 1024 * 1024 };

function directory(context: TestContext): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'bus-entities-'));
  context.after(() => {
    rmSync(dataDir, { recursive: true });
  });
  return dataDir;
}

function open(dataDir: string, of = config) {
  const log = new FileLog(dataDir);
  const entities = new Entities(of, limits, log);
  log.open(entities);
  return { log, entities };
}

/** Everything there is to know of the entities, apart from their times. */
function shown(entities: Entities): unknown {
  return [...entities.topics.values()]
    .map(({ path, definition, subscriptions }) => ({
      path,
      kind: definition.kind,
      settings: settingsText(definition.settings),
      subscriptions: [...subscriptions.values()]
        .map(({ name, settings, rules, queue }) => ({
          name,
          settings: settingsText(settings),
          rules: [...rules.values()].map(definitionOf).sort((a, b) => (a.name < b.name ? -1 : 1)),
          waiting: queue.peek(0, 1_000).map(({ message }) => message.messageId),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

const sections = rhea.message as unknown as { data_section(body: Buffer): unknown };
const publish = (topic: Topic, id: string, body = Buffer.from('x')): Promise<boolean> =>
  new Promise((resolve) => {
    const message = { message_id: id, application_properties: { x: id }, body: sections.data_section(body) };
    topic.publish([rhea.message.encode(message)], ({ ok }) => {
      resolve(ok);
    });
  });

function ruled(name: string, text: string): Rule {
  const made = ruleOf({ name, filter: { kind: 'sql', text }, action: undefined });
  assert.ok(made.ok);
  return made.rule;
}

/** Numbers below `max`, the same ones for the same seed. */
function numbersFrom(seed: number): (max: number) => number {
  let state = seed;
  return (max) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % max;
  };
}

async function doSomething(entities: Entities, pick: (max: number) => number, at: number): Promise<void> {
  const name = `t${String(pick(4))}`;
  const topic = entities.topics.get(name);
  if (topic === undefined) {
    if (pick(2) === 0) entities.createTopic(name, { kind: 'topic', settings: topicSettings.parse({}) });
    else entities.createTopic(name, { kind: 'queue', settings: queueSettings.parse({}) });
    return;
  }
  if (topic.queue !== undefined) {
    entities.deleteTopic(topic);
    return;
  }
  const of = `s${String(pick(4))}`;
  const subscription = topic.subscriptions.get(of);
  const UserMetadata = String(at);
  const settings = { MaxDeliveryCount: String(1 + pick(9)), UserMetadata };
  const kind = pick(12);
  if (kind === 0) entities.deleteTopic(topic);
  else if (kind === 1)
    entities.configureTopic(topic, { kind: 'topic', settings: topicSettings.parse({ UserMetadata }) });
  else if (kind < 5) await publish(topic, `${name}-${String(at)}`);
  else if (subscription === undefined)
    entities.createSubscription(topic, of, subscriptionSettings.parse(settings), trueRule);
  else if (kind === 5) entities.deleteSubscription(topic, subscription);
  else if (kind === 6)
    entities.configureSubscription(topic, subscription, subscriptionSettings.parse(settings));
  else if (kind < 9)
    entities.replaceRule(subscription, ruled(`r${String(pick(3))}`, `x = ${String(at)} OR 1 = 1`));
  else {
    const rule = [...subscription.rules.values()][pick(3)];
    if (rule !== undefined) entities.deleteRule(subscription, rule.name);
  }
}

test('whatever is done to entities is there after a kill, read from the log and from its rewriting', async (context) => {
  for (let seed = 1; seed <= 12; seed++) {
    const dataDir = directory(context);
    const pick = numbersFrom(seed);
    const { entities, log } = open(dataDir);
    for (let at = 0; at < 120; at++) await doSomething(entities, pick, at);
    await new Promise<void>((resolve) => {
      log.whenWritten(resolve);
    });
    const wanted = shown(entities);
    // What a kill leaves: the file as it is. The first start reads the records, the second what the first wrote anew.
    const left = readFileSync(join(dataDir, 'bus.log'));
    log.close();
    writeFileSync(join(dataDir, 'bus.log'), left);
    for (let start = 0; start < 2; start++) {
      const again = open(dataDir);
      assert.deepEqual(shown(again.entities), wanted, `seed ${String(seed)}, start ${String(start)}`);
      again.log.close();
    }
  }
});

test('a log cut at any byte gives back entities and messages whose record is whole, and never fails', async (context) => {
  const dataDir = directory(context);
  const file = join(dataDir, 'bus.log');
  const { entities, log } = open(dataDir);
  const from = readFileSync(file).length;
  const topic = entities.createTopic('new', { kind: 'topic', settings: topicSettings.parse({}) });
  assert.ok(topic instanceof Topic);
  const subscription = entities.createSubscription(topic, 's', subscriptionSettings.parse({}), trueRule);
  assert.ok(subscription instanceof Subscription);
  await publish(topic, 'm');
  entities.addRule(subscription, ruled('r', "x = 'y'"));
  await publish(topic, 'n');
  log.close();
  const whole = readFileSync(file);
  let most = 0;
  // At every eleventh byte, and the whole of it.
  const cuts = Math.floor((whole.length - from) / 11);
  const lengths = [...Array.from({ length: cuts }, (_, at) => from + 11 * at), whole.length];
  for (const length of lengths) {
    writeFileSync(file, whole.subarray(0, length));
    const again = open(dataDir);
    const there = again.entities.topics.get('new');
    const here = there?.subscriptions.get('s');
    const count =
      Number(there !== undefined) +
      Number(here !== undefined) +
      (here?.rules.size ?? 0) +
      (here?.queue.peek(0, 9).length ?? 0);
    assert.ok(count >= most, `cut at ${String(length)}`);
    most = count;
    assert.ok(again.entities.topics.has('t0'));
    again.log.close();
  }
  assert.equal(most, 6);
});

test('the file says what holds of entities that were not changed at run time', async (context) => {
  const dataDir = directory(context);
  const first = open(dataDir);
  const [t0, t1] = ['t0', 't1'].map((name) => first.entities.topics.get(name));
  const s0 = t0?.subscriptions.get('s0');
  assert.ok(t0 !== undefined && t1 !== undefined && s0 !== undefined);
  first.entities.configureSubscription(t0, s0, subscriptionSettings.parse({ LockDuration: 'PT7S' }));
  first.entities.deleteTopic(t1);
  await publish(t0, 'kept');
  first.log.close();
  const other = parseEmulatorConfig({
    UserConfig: {
      Namespaces: [
        {
          Name: 'ns',
          Queues: [{ Name: 'q0', Properties: { LockDuration: 'PT9S' } }, { Name: 't1' }],
          Topics: [
            {
              Name: 't0',
              Subscriptions: [{ Name: 's0', Properties: { LockDuration: 'PT9S' } }, { Name: 's9' }],
            },
          ],
        },
      ],
    },
  });
  const { entities, log } = open(dataDir, other);
  const again = entities.topics.get('t0');
  assert.equal(again?.subscriptions.get('s0')?.settings.LockDuration, 7_000);
  assert.deepEqual([...again.subscriptions.keys()], ['s0', 's9']);
  const q0 = entities.topics.get('q0')?.definition;
  assert.ok(q0?.kind === 'queue');
  assert.equal(q0.settings.LockDuration, 9_000);
  assert.equal(entities.topics.has('t1'), false, 'what was deleted stays deleted');
  assert.equal(again.subscriptions.get('s0')?.queue.peek(0, 9).length, 1);
  log.close();
});

test('names used up by what was made and deleted are given anew when the log is rewritten', async (context) => {
  const dataDir = directory(context);
  const { entities, log } = open(dataDir);
  for (let at = 0; at < 6_000; at++) {
    const topic = entities.createTopic(`q${String(at)}x`, {
      kind: 'queue',
      settings: queueSettings.parse({}),
    });
    assert.ok(topic instanceof Topic);
    await publish(topic, 'm');
    entities.deleteTopic(topic);
  }
  await publish(entities.topics.get('t0') as Topic, 'kept');
  const written = () =>
    new Promise<void>((resolve) => {
      log.whenWritten(resolve);
    });
  await written();
  await new Promise(setImmediate);
  assert.equal(log.stats.compactions, 1);
  log.close();
  const again = open(dataDir);
  assert.deepEqual(shown(again.entities), shown(entities));
  again.log.close();
});

test('a namespace holds no more queues and topics than the service allows', () => {
  const entities = new Entities(config, limits, noLog);
  const made = (name: string) =>
    entities.createTopic(name, { kind: 'topic', settings: topicSettings.parse({}) }) instanceof Topic;
  for (let at = entities.topics.size; at < 10_000; at++) assert.equal(made(`n${String(at)}`), true);
  assert.equal(made('one-more'), false);
  const some = entities.topics.get('t1');
  assert.ok(some !== undefined);
  entities.deleteTopic(some);
  assert.equal(made('one-more'), true);
});

test('an entity nobody uses is deleted after its time, and one in use is not', async (context) => {
  context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const entities = new Entities(config, limits, noLog);
  const after = (minutes: number): void => {
    context.mock.timers.tick(minutes * 60_000);
    entities.sweep(Date.now());
  };
  const idle = { AutoDeleteOnIdle: 'PT5M' };
  const topic = entities.createTopic('idle', { kind: 'topic', settings: topicSettings.parse(idle) });
  assert.ok(topic instanceof Topic);
  const subscription = entities.createSubscription(topic, 's', subscriptionSettings.parse(idle), trueRule);
  assert.ok(subscription instanceof Subscription);
  const link = { detach: () => undefined };
  subscription.queue.links.add(link);
  after(6);
  assert.equal(topic.subscriptions.size, 1, 'a link receives from it');
  subscription.queue.links.remove(link);
  after(4);
  assert.equal(topic.subscriptions.size, 1, 'it was in use four minutes ago');
  await publish(topic, 'a send uses the topic alone');
  after(2);
  assert.deepEqual([topic.subscriptions.size, entities.topics.has('idle')], [0, true]);
  after(3);
  assert.equal(entities.topics.has('idle'), false);
  assert.equal(entities.topics.has('t1'), true, 'it may idle for ever');
});

test('of what was made and deleted again nothing is kept, but that something of the file is gone is', () => {
  const overlay = new ChangeOverlay();
  overlay.startFrom(new Set(['t0', 't0/subscriptions/s0']));
  const made = (path: string) => ({ kind: 'created', path, definition: '{}' }) as const;
  for (const path of [
    'new',
    'new/Subscriptions/s',
    'new/Subscriptions/s/Rules/r',
    't0/Subscriptions/s0/Rules/r',
  ])
    overlay.note(made(path));
  overlay.note(deletion('NEW'));
  overlay.note(deletion('T0'));
  assert.deepEqual([...overlay], [deletion('T0')]);
});

test('copies that actions make of one message take their room one by one, and none is kept when one has none', async () => {
  let changes = 0;
  const entities = new Entities(config, { messagesMax: 100, bytesMax: 400_000 }, noLog);
  const topic = entities.topics.get('t1');
  assert.ok(topic !== undefined);
  const subscription = entities.createSubscription(topic, 's', subscriptionSettings.parse({}), trueRule);
  assert.ok(subscription instanceof Subscription);
  for (let at = 0; at < 50; at++) {
    const made = ruleOf({
      name: `r${String(at)}`,
      filter: { kind: 'true' },
      action: `SET n = ${String(at)}`,
    });
    assert.ok(made.ok && made.rule.action !== undefined);
    const { action } = made.rule;
    const change = action.changed.bind(action);
    action.changed = (...of) => {
      changes++;
      return change(...of);
    };
    assert.equal(entities.addRule(subscription, made.rule), undefined);
  }
  assert.equal(await publish(topic, 'small'), true);
  assert.equal(changes, 50);
  assert.equal(subscription.queue.stats.active, 51);
  const held = subscription.queue.bytes;
  changes = 0;
  assert.equal(await publish(topic, 'large', Buffer.alloc(100_000)), false);
  assert.ok(changes <= 4, `${String(changes)} copies of 100,000 bytes were made where 4 have room`);
  assert.equal(subscription.queue.bytes, held);
});
