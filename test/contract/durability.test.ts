import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectionString } from '../../src/simulate/service-bus/service-bus.ts';
import { clientFor, notOnStandIn, StandInProcess, takeAll } from './bus-under-test.ts';

const skip = notOnStandIn;
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

test('a kill keeps what was accepted and not consumed, and only that', { skip }, async (context) => {
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

test('a kill keeps the duplicate history, also of consumed messages', { skip }, async (context) => {
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

test('messages locked at the kill come back with their count raised, and die of it in the end', {
  skip,
}, async (context) => {
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
});

test('sequence numbers go on rising after a kill', { skip }, async (context) => {
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

test('a torn tail costs the record it cut and nothing before it', { skip }, async (context) => {
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
