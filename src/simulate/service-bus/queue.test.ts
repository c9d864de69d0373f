import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import rhea from 'rhea';
import { noLog } from './bus-log.ts';
import { parseEmulatorConfig } from './emulator-config.ts';
import { Entities } from './entities.ts';
import type { Lock } from './locks.ts';
import type { Queue } from './queue.ts';
import { failuresOf } from './rule.ts';
import { settlementOf } from './settlement.ts';
import type { Publication, Topic } from './topic.ts';

const sections = rhea.message as unknown as { data_section(body: Buffer): unknown };
type Fields = { readonly message_id: string; readonly [field: string]: unknown };
const encode = (fields: Fields, bytes = 10): Buffer =>
  rhea.message.encode({ ...fields, body: sections.data_section(Buffer.alloc(bytes, 1)) });

const roomy = { messagesMax: 1_000_000, bytesMax: 1024 ** 3 };

function queueOf(properties: object, limits = roomy): { readonly topic: Topic; readonly queue: Queue } {
  const Queues = [{ Name: 'q', Properties: properties }];
  const config = parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'ns', Queues }] } });
  const topic = new Entities(config, limits, noLog).topics.get('q');
  assert.ok(topic?.queue !== undefined);
  return { topic, queue: topic.queue };
}

function publish(topic: Topic, ...messages: readonly Buffer[]): Publication {
  let publication: Publication | undefined;
  topic.publish(messages, (answered) => {
    publication = answered;
  });
  assert.ok(publication !== undefined);
  return publication;
}

function lockAll(queue: Queue): readonly Lock[] {
  const locks: Lock[] = [];
  const send = (_: Buffer, lock: Lock | undefined): void => {
    if (lock !== undefined) locks.push(lock);
  };
  const consumer = { isPresettled: false, capacity: () => 1_000_000, send };
  queue.attach(consumer);
  for (let before = -1; before !== locks.length; ) {
    before = locks.length;
    queue.pump();
  }
  queue.detach(consumer);
  return locks;
}

const later = (ms: number) => ({ 'x-opt-scheduled-enqueue-time': new Date(Date.now() + ms) });

test('an expired message is found behind others that live, however many', () => {
  const { topic, queue } = queueOf({ DeadLetteringOnMessageExpiration: true });
  const ids: string[] = [];
  for (let at = 0; at < 13_000; at++) {
    const id = String(at);
    const isBrief = at % 1_000 === 999;
    if (!isBrief) ids.push(id);
    publish(topic, encode({ message_id: id, ...(isBrief ? { ttl: 1_000 } : {}) }));
  }
  const soonMs = Date.now() + 2_000;
  queue.sweep(soonMs);
  assert.ok(queue.stats.active > ids.length, 'one sweep looks at so many and no more');
  for (let sweeps = 0; sweeps < 3; sweeps++) queue.sweep(soonMs);
  assert.deepEqual([queue.stats.active, queue.deadLetters?.stats.active], [ids.length, 13]);
  assert.deepEqual(
    lockAll(queue).map(({ held }) => held.message.messageId),
    ids,
  );
});

test('messages that expire behind a lasting one, round after round, leave it as it was', () => {
  const { topic, queue } = queueOf({});
  publish(topic, encode({ message_id: 'stays' }));
  for (let round = 0; round < 20; round++) {
    for (let at = 0; at < 1_000; at++) publish(topic, encode({ message_id: 'brief', ttl: 1 }));
    queue.sweep(Date.now() + 1_000);
  }
  assert.equal(queue.stats.active, 1);
  assert.deepEqual(
    queue.peek(0, 10).map(({ message }) => message.messageId),
    ['stays'],
  );
});

test('an expired message is not handed out even before a sweep has found it', async () => {
  const { topic, queue } = queueOf({ DeadLetteringOnMessageExpiration: true });
  publish(topic, encode({ message_id: 'brief', ttl: 1 }), encode({ message_id: 'lasting' }));
  await wait(10);
  assert.deepEqual(
    lockAll(queue).map(({ held }) => held.message.messageId),
    ['lasting'],
  );
  assert.equal(queue.deadLetters?.stats.active, 1);
});

test('a deferred message expires, one under a lock does so when it is given back', () => {
  const { topic, queue } = queueOf({ DeadLetteringOnMessageExpiration: true });
  publish(topic, ...['deferred', 'locked'].map((id) => encode({ message_id: id, ttl: 1_000 })));
  const [first, second] = lockAll(queue);
  queue.settle(first?.key ?? 0, { kind: 'defer', properties: new Map() });
  const soonMs = Date.now() + 2_000;
  const dead = () => queue.deadLetters?.peek(0, 9).map(({ message }) => message.messageId);
  queue.sweep(soonMs);
  assert.deepEqual([dead(), queue.stats.locked], [['deferred'], 1]);
  queue.settle(second?.key ?? 0, settlementOf('released', undefined));
  queue.sweep(soonMs);
  assert.deepEqual([dead(), queue.stats.locked], [['deferred', 'locked'], 0]);
});

test('the time between creation and expiry is a time to live too, and the shorter holds', () => {
  const { topic, queue } = queueOf({});
  const times = { creation_time: new Date(0), absolute_expiry_time: new Date(5_000) };
  publish(topic, encode({ message_id: 'a', ...times }), encode({ message_id: 'b', ttl: 2_000, ...times }));
  const lives = queue.peek(0, 2).map(({ expiresAtMs, message }) => expiresAtMs - message.enqueuedAtMs);
  assert.deepEqual(lives, [5_000, 2_000]);
});

test('scheduled messages have a limit of their own, and room again when cancelled', () => {
  const { topic } = queueOf({}, { messagesMax: 2, bytesMax: 10_000 });
  const schedule = (...ids: readonly string[]) =>
    publish(topic, ...ids.map((id) => encode({ message_id: id, message_annotations: later(60_000) })));
  const taken = schedule('a', 'b');
  assert.ok(taken.ok);
  const refused = schedule('c');
  assert.ok(!refused.ok && refused.refusal.condition === 'amqp:resource-limit-exceeded');
  assert.equal(topic.cancel([taken.sequences[0] ?? 0, 999]), false);
  assert.equal(topic.schedule.length, 2);
  assert.equal(topic.cancel(taken.sequences.slice(0, 1)), true);
  const large = encode({ message_id: 'd', message_annotations: later(60_000) }, 10_000);
  assert.equal(publish(topic, large).ok, false);
  assert.equal(schedule('e').ok, true);
});

test('a message due where its queue is full stays scheduled until there is room', () => {
  const { topic, queue } = queueOf({}, { messagesMax: 1, bytesMax: 1024 ** 2 });
  publish(topic, encode({ message_id: 'due', message_annotations: later(1_000) }));
  publish(topic, encode({ message_id: 'first' }));
  topic.sweep(Date.now() + 2_000);
  assert.deepEqual([topic.schedule.length, queue.stats.active], [1, 1]);
  const [lock] = lockAll(queue);
  queue.settle(lock?.key ?? 0, settlementOf('accepted', undefined));
  topic.sweep(Date.now() + 2_000);
  assert.deepEqual([topic.schedule.length, queue.stats.active], [0, 1]);
});

test('a full queue counts its deferred messages, its dead letters and the states of its sessions', () => {
  const { topic, queue } = queueOf({ RequiresSession: true }, { messagesMax: 100, bytesMax: 6_000 });
  const send = (id: string) => publish(topic, encode({ message_id: id, group_id: id })).ok;
  const session = queue.sessions?.accept('a', { name: 'link', onSessionLost: () => undefined });
  assert.ok(session !== undefined);
  assert.equal(queue.setState(session, Buffer.alloc(4_000)), true);
  assert.equal(send('a'), false);
  assert.equal(queue.setState(session, Buffer.alloc(6_000)), false);
  assert.equal(session.state?.length, 4_000);
  assert.equal(queue.setState(session, undefined), true);
  assert.equal(send('x'.repeat(129)), false);
  assert.deepEqual(['a', 'b', 'c', 'd', 'e'].map(send), [true, true, true, true, false]);
});

test('properties that would pass the limit are refused and the lock stays', () => {
  const { topic, queue } = queueOf({}, { messagesMax: 1, bytesMax: 100_000 });
  publish(topic, encode({ message_id: 'a' }));
  const [lock] = lockAll(queue);
  const settle = (text: string) =>
    queue.settle(lock?.key ?? 0, { kind: 'abandon', properties: new Map([['note', text]]) });
  assert.equal(settle('x'.repeat(65_536)), 'too-large');
  assert.equal(settle('x'.repeat(60_000)), 'settled');
  assert.equal(settle('x'), 'lock-lost');
  const [again] = lockAll(queue);
  queue.settle(again?.key ?? 0, settlementOf('accepted', undefined));
  assert.equal(publish(topic, encode({ message_id: 'b' }, 90_000)).ok, true, 'its room is free again');
});

test('deferred messages asked for together are given together, up to a limit, or not at all', () => {
  const { topic, queue } = queueOf({});
  for (const id of ['a', 'b', 'c']) publish(topic, encode({ message_id: id }, 4 * 1024 * 1024));
  const sequences = lockAll(queue).map(({ key, held }) => {
    queue.settle(key, { kind: 'defer', properties: new Map() });
    return held.message.sequence;
  });
  assert.equal(sequences.length, 3);
  assert.ok(queue.takeDeferred(sequences, false) === 'too-much');
  assert.ok(queue.takeDeferred([...sequences.slice(0, 1), 99], false) === 'missing');
  assert.equal(queue.stats.deferred, 3);
  assert.equal(queue.takeDeferred(sequences.slice(0, 1), false).length, 1);
  assert.deepEqual([queue.stats.deferred, queue.stats.locked], [2, 1]);
});

test('a subscription gets a copy of its own number for each rule that changes the message', () => {
  const sql = (name: string, action?: string) => ({
    Name: name,
    Properties: {
      FilterType: 'Sql',
      SqlFilter: { SqlExpression: '1=1' },
      ...(action === undefined ? {} : { Action: { SqlExpression: action } }),
    },
  });
  const Subscriptions = [
    { Name: 's', Rules: [sql('one', 'SET a = 1'), sql('two', 'SET a = 2'), sql('plain')] },
  ];
  const config = parseEmulatorConfig({
    UserConfig: { Namespaces: [{ Name: 'ns', Topics: [{ Name: 't', Subscriptions }] }] },
  });
  const topic = new Entities(config, roomy, noLog).topics.get('t');
  const queue = topic?.subscriptions.get('s')?.queue;
  assert.ok(topic !== undefined && queue !== undefined);
  publish(topic, encode({ message_id: 'm' }), encode({ message_id: 'n' }));
  assert.deepEqual(
    lockAll(queue).map(({ held: { message } }) => [message.sequence, message.messageId]),
    [
      [1, 'm'],
      [2, 'm'],
      [3, 'm'],
      [4, 'n'],
      [5, 'n'],
      [6, 'n'],
    ],
  );
});

test('a batch there is no room for is refused before all its copies are made, and its room is given back', () => {
  const rule = {
    Name: 'counted',
    // It fails for every message it is asked about, and that is counted.
    Properties: { FilterType: 'Sql', SqlFilter: { SqlExpression: '1 / 0 = 1' } },
  };
  const all = { Name: 'all', Properties: { FilterType: 'Sql', SqlFilter: { SqlExpression: '1 = 1' } } };
  const Topics = [{ Name: 't', Subscriptions: [{ Name: 's', Rules: [rule, all] }] }];
  const config = parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'ns', Topics }] } });
  const topic = new Entities(config, { ...roomy, messagesMax: 10 }, noLog).topics.get('t');
  assert.ok(topic !== undefined);
  const batch = (messages: number): readonly Buffer[] =>
    Array.from({ length: messages }, (_, n) => encode({ message_id: String(n) }));
  assert.equal(publish(topic, ...batch(1_000)).ok, false);
  const [subscription] = topic.subscriptions.values();
  assert.ok(subscription !== undefined);
  assert.equal(failuresOf(subscription.rules.values()), 11);
  assert.equal(publish(topic, ...batch(10)).ok, true);
  assert.equal(subscription.queue.stats.active, 10);
});
