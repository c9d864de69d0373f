import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { connectionString } from '../../src/simulate/service-bus/service-bus.ts';
import { clientFor, StandInProcess, takeAll } from './bus-under-test.ts';
import { test } from './case.ts';

const killed = { needs: ['own process'] } as const;
const message = (messageId: string) => ({ messageId, body: Buffer.from([0, 1, 254, 255]) });

/** A stand-in with a data directory that can be killed and started again. */
async function durableBus(context: TestContext) {
  const dataDir = await mkdtemp(join(tmpdir(), 'stand-in-'));
  let standIn = await StandInProcess.start(0, dataDir);
  let client = clientFor(connectionString(standIn.port));
  context.after(async () => {
    await client.close();
    await standIn.kill();
    await rm(dataDir, { recursive: true });
  });
  return {
    log: join(dataDir, 'bus.log'),
    client: () => client,
    stats: async () => (await standIn.stats()) as { log: { tornBytes: number; messages: number } },
    restart: async (between: () => Promise<void> = () => Promise.resolve()) => {
      await standIn.kill();
      await client.close();
      await between();
      standIn = await StandInProcess.start(0, dataDir);
      client = clientFor(connectionString(standIn.port));
    },
  };
}

test('a kill keeps what was accepted and not consumed, and only that', killed, async (context) => {
  const bus = await durableBus(context);
  const ids = Array.from({ length: 50 }, (_, at) => `m-${String(at)}`);
  await bus.client().createSender('durable').sendMessages(ids.map(message));
  const receiver = bus.client().createReceiver('durable', 'one');
  for (const received of await receiver.receiveMessages(10)) await receiver.completeMessage(received);
  await bus.restart();
  const kept = await takeAll(bus.client(), 'durable', 'one');
  assert.deepEqual(
    kept.map(({ messageId }) => messageId),
    ids.slice(10),
  );
  assert.ok(kept.every(({ body }) => message('').body.equals(body as Buffer)));
});

test('a kill keeps the duplicate history, also of consumed messages', killed, async (context) => {
  const bus = await durableBus(context);
  await bus
    .client()
    .createSender('durable')
    .sendMessages([message('a'), message('b')]);
  assert.equal((await takeAll(bus.client(), 'durable', 'one', 2)).length, 2);
  await bus.restart();
  await bus.restart();
  await bus
    .client()
    .createSender('durable')
    .sendMessages([message('a'), message('b'), message('c')]);
  const ids = (await takeAll(bus.client(), 'durable', 'one')).map(({ messageId }) => messageId);
  assert.deepEqual(ids, ['c']);
});

test(
  'messages locked at the kill come back with their count raised, and die of it in the end',
  killed,
  async (context) => {
    const bus = await durableBus(context);
    await bus.client().createSender('durable').sendMessages(message('locked'));
    for (let count = 0; count < 3; count++) {
      const [received] = await bus.client().createReceiver('durable', 'one').receiveMessages(1);
      assert.equal(received?.deliveryCount, count);
      await bus.restart();
    }
    const receiver = bus.client().createReceiver('durable', 'one', { subQueueType: 'deadLetter' });
    const [dead] = await receiver.receiveMessages(1);
    assert.deepEqual([dead?.messageId, dead?.deadLetterReason], ['locked', 'MaxDeliveryCountExceeded']);
  },
);

test('sequence numbers go on rising after a kill', killed, async (context) => {
  const bus = await durableBus(context);
  const sequence = async (id: string) => {
    await bus.client().createSender('durable').sendMessages(message(id));
    const [received] = await takeAll(bus.client(), 'durable', 'one', 1);
    return received?.sequenceNumber?.toNumber() ?? 0;
  };
  const first = await sequence('first');
  await bus.restart();
  assert.equal(await sequence('second'), first + 1);
});

test(
  'a kill keeps what is scheduled, deferred, dead or of a session, and lives go on ending',
  killed,
  async (context) => {
    const bus = await durableBus(context);
    const sender = bus.client().createSender('durable-queue');
    const dueAtMs = Date.now() + 1_000;
    const [late, cancelled] = await sender.scheduleMessages(
      ['late', 'cancelled'].map(message),
      new Date(Date.now() + 3_600_000),
    );
    assert.ok(late !== undefined && cancelled !== undefined);
    await sender.cancelScheduledMessages(cancelled);
    await sender.scheduleMessages(message('due'), new Date(dueAtMs));
    await sender.sendMessages([
      message('aside'),
      message('dead'),
      { ...message('brief'), timeToLive: 1_000 },
    ]);
    const receiver = bus.client().createReceiver('durable-queue');
    const [aside, dead] = await receiver.receiveMessages(2);
    assert.ok(aside?.sequenceNumber !== undefined && dead !== undefined);
    await receiver.deferMessage(aside, { tries: 1 });
    await receiver.deadLetterMessage(dead);
    await sender.close();
    const inSession = (sessionId: string, messageId: string) => ({ ...message(messageId), sessionId });
    const ofSessions = ['a-1', 'b-1', 'a-2'].map((id) => inSession(id.slice(0, 1), id));
    await bus.client().createSender('durable-sessions').sendMessages(ofSessions);
    const session = await bus.client().acceptSession('durable-sessions', 'a');
    await session.setSessionState('half done');
    assert.equal((await session.receiveMessages(1))[0]?.messageId, 'a-1');
    await bus.restart(() => setTimeout(Math.max(0, dueAtMs - Date.now())));

    const again = bus.client().createReceiver('durable-queue', { receiveMode: 'receiveAndDelete' });
    const [deferred] = await again.receiveDeferredMessages(aside.sequenceNumber);
    assert.deepEqual([deferred?.messageId, deferred?.applicationProperties], ['aside', { tries: 1 }]);
    assert.deepEqual(
      (await again.receiveMessages(2, { maxWaitTimeInMs: 500 })).map(({ messageId }) => messageId),
      ['due'],
    );
    const deadLetters = bus.client().createReceiver('durable-queue', { subQueueType: 'deadLetter' });
    assert.deepEqual(
      (await deadLetters.peekMessages(3)).map(({ messageId, deadLetterReason }) => [
        messageId,
        deadLetterReason,
      ]),
      [
        ['dead', undefined],
        ['brief', 'TTLExpiredException'],
      ],
    );
    assert.deepEqual(
      (await again.peekMessages(10)).map(({ messageId, state }) => [messageId, state]),
      [['late', 'scheduled']],
    );
    await bus.client().createSender('durable-queue').cancelScheduledMessages(late);
    const held = await bus.client().acceptSession('durable-sessions', 'a');
    assert.equal(await held.getSessionState(), 'half done');
    assert.deepEqual(
      (await held.receiveMessages(2)).map(({ messageId, deliveryCount }) => [messageId, deliveryCount]),
      [
        ['a-1', 1],
        ['a-2', 0],
      ],
    );
  },
);

test('a torn tail costs the record it cut and nothing before it', killed, async (context) => {
  const bus = await durableBus(context);
  const sender = bus.client().createSender('durable');
  for (const id of ['whole-1', 'whole-2', 'cut']) await sender.sendMessages(message(id));
  await bus.restart(async () => {
    const { length } = await readFile(bus.log);
    await truncate(bus.log, length - 3);
  });
  assert.equal((await bus.stats()).log.messages, 2);
  assert.ok((await bus.stats()).log.tornBytes > 0);
  await bus.restart(() =>
    appendFile(bus.log, Buffer.from([0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9])),
  );
  const ids = (await takeAll(bus.client(), 'durable', 'one')).map(({ messageId }) => messageId);
  assert.deepEqual(ids, ['whole-1', 'whole-2']);
});
