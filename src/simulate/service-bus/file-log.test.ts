import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, type TestContext, test } from 'node:test';
import rhea from 'rhea';
import { parseEmulatorConfig } from './emulator-config.ts';
import { Entities } from './entities.ts';
import { FileLog } from './file-log.ts';
import type { Lane } from './lane.ts';
import type { Lock } from './locks.ts';
import type { Queue } from './queue.ts';
import { MessageProperties } from './rule.ts';
import { settlementOf } from './settlement.ts';

const config = parseEmulatorConfig({
  UserConfig: {
    Namespaces: [
      {
        Name: 'ns',
        Topics: [
          {
            Name: 't',
            Properties: { RequiresDuplicateDetection: true },
            Subscriptions: [{ Name: 'one' }, { Name: 'two' }],
          },
        ],
      },
    ],
  },
});
const roomy = { messagesMax: 1_000_000, bytesMax: 1024 ** 3 };
const sections = rhea.message as unknown as { data_section(body: Buffer): unknown };
const encode = (messageId: string, bytes = 10): Buffer =>
  rhea.message.encode({ message_id: messageId, body: sections.data_section(Buffer.alloc(bytes, 1)) });

function open(dataDir: string, limits = roomy) {
  const log = new FileLog(dataDir);
  const entities = new Entities(config, limits, log);
  log.open(entities);
  const topic = entities.topics.get('t');
  const queue = topic?.subscriptions.get('one')?.queue;
  assert.ok(topic !== undefined && queue !== undefined);
  const publish = (...ids: readonly string[]) =>
    new Promise<boolean>((resolve) => {
      topic.publish(
        ids.map((id) => encode(id)),
        ({ ok }) => {
          resolve(ok);
        },
      );
    });
  const waiting = () => queue.peek(0, 1_000_000).map(({ message }) => message.messageId);
  return { log, topic, queue, publish, waiting };
}

function directory(context: TestContext): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'bus-log-'));
  context.after(() => {
    rmSync(dataDir, { recursive: true });
  });
  return dataDir;
}

test('a log cut at any byte gives back every message whose record is whole', async (context) => {
  const dataDir = directory(context);
  const file = join(dataDir, 'bus.log');
  const bus = open(dataDir);
  const ends = [statSync(file).size];
  for (const id of ['a', 'b', 'c']) {
    await bus.publish(id);
    ends.push(statSync(file).size);
  }
  bus.log.close();
  const whole = readFileSync(file);
  for (let length = ends[0] ?? 0; length <= whole.length; length++) {
    writeFileSync(file, whole.subarray(0, length));
    const again = open(dataDir);
    const count = ends.filter((end) => end <= length).length - 1;
    assert.deepEqual(again.waiting(), ['a', 'b', 'c'].slice(0, count), `cut at ${String(length)}`);
    assert.equal(again.log.stats.tornBytes, length - (ends[count] ?? 0));
    again.log.close();
  }
});

test('what is scheduled, deferred and kept of sessions survives, and a cut costs only what it cut', async (context) => {
  const dataDir = directory(context);
  const file = join(dataDir, 'bus.log');
  const bus = openQueue(dataDir);
  const starts = statSync(file).size;
  await bus.publish({ message_id: 'later', group_id: 'a', message_annotations: inAnHour() });
  await bus.publish({ message_id: 'cancelled', group_id: 'a', message_annotations: inAnHour() });
  await bus.publish({ message_id: 'aside', group_id: 'a' });
  await bus.publish({ message_id: 'waits', group_id: 'b' });
  assert.equal(bus.topic.cancel([2]), true);
  bus.work();
  bus.log.close();
  const whole = readFileSync(file);
  const expected = {
    scheduled: ['later'],
    peeked: [
      ['aside', 1, 1],
      ['waits', 0, 0],
    ],
    notes: [7],
    state: 'half done',
    lastSequence: 4,
  };
  for (let length = starts; length < whole.length; length += 11) {
    writeFileSync(file, whole.subarray(0, length));
    const cut = openQueue(dataDir);
    const { scheduled, peeked } = cut.found();
    assert.ok(scheduled.length <= 2 && peeked.length <= 2, `cut at ${String(length)}`);
    cut.log.close();
  }
  writeFileSync(file, whole);
  // The first start reads the log as it was written, the second its snapshot.
  for (let starts = 0; starts < 2; starts++) {
    const again = openQueue(dataDir);
    assert.deepEqual(again.found(), expected);
    again.log.close();
  }
});

const inAnHour = () => ({ 'x-opt-scheduled-enqueue-time': new Date(Date.now() + 3_600_000) });

/** A queue with sessions, and what is in it. */
function openQueue(dataDir: string, limits = roomy) {
  const Queues = [{ Name: 'q', Properties: { RequiresSession: true } }];
  const log = new FileLog(dataDir);
  const entities = new Entities(
    parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'ns', Queues }] } }),
    limits,
    log,
  );
  log.open(entities);
  const topic = entities.topics.get('q');
  const queue = topic?.queue;
  assert.ok(topic !== undefined && queue !== undefined);
  const publish = (fields: object) =>
    new Promise<void>((resolve) => {
      topic.publish(
        [rhea.message.encode({ ...fields, body: sections.data_section(Buffer.alloc(9)) })],
        () => {
          resolve();
        },
      );
    });
  /** Keeps a state, defers the session's message with a note, and gives it back once. */
  const work = () => {
    const session = queue.sessions?.accept('a', { name: 'link', onSessionLost: () => undefined });
    assert.ok(session !== undefined);
    queue.setState(session, Buffer.from('half done'));
    const [lock] = lockAll(queue, session);
    queue.settle(lock?.key ?? 0, { kind: 'defer', properties: new Map([['note', 7]]) }, session);
    const taken = queue.takeDeferred([lock?.held.message.sequence ?? 0], false, session);
    assert.ok(typeof taken !== 'string');
    queue.settle(taken[0]?.lock?.key ?? 0, settlementOf('released', undefined), session);
  };
  const found = () => ({
    scheduled: [...topic.schedule.all()].map(({ message }) => message.messageId),
    peeked: queue
      .peek(0, 10)
      .map(({ message, deliveryCount, state }) => [message.messageId, deliveryCount, state]),
    notes: queue
      .peek(0, 10)
      .map(({ message }) => new MessageProperties(message.bare).application('note'))
      .filter((note) => note !== undefined),
    state: queue.sessions?.find('a')?.state?.toString(),
    lastSequence: topic.lastSequence,
  });
  return { log, topic, publish, work, found };
}

function lockAll(queue: Queue, lane?: Lane): readonly Lock[] {
  const locks: Lock[] = [];
  const consumer = {
    isPresettled: false,
    capacity: () => 1_000,
    send: (_bytes: Buffer, lock: Lock | undefined) => {
      if (lock !== undefined) locks.push(lock);
    },
  };
  queue.attach(consumer, lane);
  queue.pump(lane);
  queue.detach(consumer, lane);
  return locks;
}

test('a message is in the file before its sender is answered and before anyone can receive it', async (context) => {
  const dataDir = directory(context);
  const bus = open(dataDir);
  const before = statSync(join(dataDir, 'bus.log')).size;
  const answered = bus.publish('a');
  assert.deepEqual(bus.waiting(), []);
  assert.equal(await answered, true);
  assert.ok(statSync(join(dataDir, 'bus.log')).size > before);
  assert.deepEqual(bus.waiting(), ['a']);
  bus.log.close();
});

test('a log of another format is a fault, not an empty bus', (context) => {
  const dataDir = directory(context);
  writeFileSync(join(dataDir, 'bus.log'), 'something else entirely');
  assert.throws(() => open(dataDir), { code: 'STAND_IN_LOG' });
});

test('a log that grows by traffic is compacted to what is alive and loses none of it', async (context) => {
  const dataDir = directory(context);
  const bus = open(dataDir);
  let isTaking = true;
  const consumer = { isPresettled: true, capacity: () => (isTaking ? 1_000 : 0), send: () => undefined };
  for (const { queue } of bus.topic.subscriptions.values()) queue.attach(consumer);
  for (let round = 0; round < 90; round++) {
    const large = encode(`large-${String(round)}`, 1024 * 1024);
    await new Promise<void>((resolve) => {
      bus.topic.publish([large], () => {
        resolve();
      });
    });
    if (round === 10) {
      isTaking = false;
      await bus.publish('kept');
      for (const { queue } of bus.topic.subscriptions.values()) queue.detach(consumer);
    }
    if (round > 10) for (const { queue } of bus.topic.subscriptions.values()) completeLast(queue);
  }
  await bus.publish('last');
  assert.ok(bus.log.stats.compactions >= 1);
  bus.log.close();
  assert.ok(statSync(join(dataDir, 'bus.log')).size < 64 * 1024 * 1024);
  const again = open(dataDir);
  assert.deepEqual(again.waiting(), ['kept', 'last']);
  assert.equal(await again.publish('large-0', 'large-89', 'kept', 'last'), true);
  assert.deepEqual(again.waiting(), ['kept', 'last']);
  again.log.close();
});

/** Takes all that waits under locks, completes the last and gives the others back. */
function completeLast(queue: Queue): void {
  const locks = [...lockAll(queue)];
  queue.settle(locks.pop()?.key ?? 0, settlementOf('accepted', undefined));
  for (const { key, held } of locks) {
    held.deliveryCount = -1; // gives back as never tried: this test is not about counts
    queue.settle(key, settlementOf('released', undefined));
  }
}

test('a full subscription refuses the whole batch and takes messages again once there is room', async (context) => {
  const bus = open(directory(context), { messagesMax: 3, bytesMax: 1024 ** 2 });
  assert.equal(await bus.publish('a', 'b'), true);
  assert.equal(await bus.publish('c', 'd'), false);
  assert.equal(await bus.publish('c'), true);
  assert.equal(await bus.publish('d'), false);
  const consumer = { isPresettled: true, capacity: () => 1, send: () => undefined };
  for (const { queue } of bus.topic.subscriptions.values()) queue.attach(consumer);
  bus.queue.pump();
  for (const { queue } of bus.topic.subscriptions.values()) queue.pump();
  assert.equal(await bus.publish('d'), true);
  bus.log.close();
});

test('a session keeps its state over a start where nothing more would fit', async (context) => {
  const dataDir = directory(context);
  const bus = openQueue(dataDir);
  await bus.publish({ message_id: 'aside', group_id: 'a' });
  await bus.publish({ message_id: 'waits', group_id: 'b' });
  bus.work();
  bus.log.close();
  for (let starts = 0; starts < 2; starts++) {
    const full = openQueue(dataDir, { messagesMax: 1, bytesMax: 100 });
    assert.equal(full.found().state, 'half done');
    full.log.close();
  }
});

test('what an entity holds is found again when the file writes its name in another case', async (context) => {
  const dataDir = directory(context);
  const bus = open(dataDir);
  await bus.publish('a', 'b');
  const [lock] = lockAll(bus.queue);
  bus.queue.settle(lock?.key ?? 0, settlementOf('rejected', undefined));
  bus.log.close();
  const log = new FileLog(dataDir);
  const Topics = [{ Name: 'T', Subscriptions: [{ Name: 'ONE' }, { Name: 'Two' }] }];
  const entities = new Entities(
    parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'ns', Topics }] } }),
    roomy,
    log,
  );
  log.open(entities);
  const ids = (path: string) =>
    entities
      .queues()
      .get(path)
      ?.peek(0, 9)
      .map(({ message }) => message.messageId);
  assert.deepEqual(ids('T/Subscriptions/ONE'), ['b']);
  assert.deepEqual(ids('T/Subscriptions/ONE/$DeadLetterQueue'), ['a']);
  assert.deepEqual(ids('T/Subscriptions/Two'), ['a', 'b']);
  assert.equal(log.stats.orphaned, 0);
  log.close();
});

test('a start knows numbers of swallowed repeats, ids seen anew, and tries of messages that were changed', async (context) => {
  const dataDir = directory(context);
  mock.timers.enable({ apis: ['Date'], now: Date.UTC(2030, 0, 1) });
  context.after(() => {
    mock.timers.reset();
  });
  const bus = open(dataDir);
  await bus.publish('a');
  const [lock] = lockAll(bus.queue);
  bus.queue.settle(lock?.key ?? 0, { kind: 'abandon', properties: new Map([['note', 7]]) });
  mock.timers.tick(601_000); // the window is ten minutes
  await bus.publish('a');
  mock.timers.tick(1_000);
  await bus.publish('a');
  bus.log.close();
  for (let starts = 0; starts < 2; starts++) {
    const again = open(dataDir);
    assert.equal(again.topic.lastSequence, 3);
    assert.deepEqual(
      again.queue.peek(0, 9).map(({ message, deliveryCount }) => [message.sequence, deliveryCount]),
      [
        [1, 1],
        [2, 0],
      ],
    );
    assert.equal(again.topic.duplicates?.has('a', Date.now()), true);
    again.log.close();
  }
});
