import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceBusError, ServiceBusClient } from '@azure/service-bus';
import { connectionString, parseEmulatorConfig, startServiceBus } from './service-bus.ts';

const isFull = (error: unknown) => isServiceBusError(error) && error.code === 'QuotaExceeded';

// A contract case cannot ask for small limits on any bus.
test('a full queue and a full schedule are QuotaExceeded to the SDK, until there is room', async (context) => {
  const Queues = [{ Name: 'q' }];
  const config = parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'ns', Queues }] } });
  const bus = await startServiceBus({ port: 0, config, subscriptionMessagesMax: 2 });
  const client = new ServiceBusClient(connectionString(bus.port), { retryOptions: { maxRetries: 0 } });
  context.after(async () => {
    await client.close();
    await bus.stop();
  });
  const sender = client.createSender('q');
  const inAnHour = new Date(Date.now() + 3_600_000);
  const many = Array.from({ length: 3 }, (_, body) => ({ body }));
  await assert.rejects(sender.sendMessages(many), isFull);
  await assert.rejects(sender.scheduleMessages(many, inAnHour), isFull);
  await sender.sendMessages(many.slice(0, 2));
  const [number] = await sender.scheduleMessages(many.slice(0, 2), inAnHour);
  assert.ok(number !== undefined);
  await assert.rejects(sender.sendMessages({ body: 0 }), isFull);
  await sender.cancelScheduledMessages(number);
  await sender.scheduleMessages({ body: 0 }, inAnHour);
  const receiver = client.createReceiver('q', { receiveMode: 'receiveAndDelete' });
  await receiver.receiveMessages(1);
  await sender.sendMessages({ body: 0 });
  const { active, scheduled, accepted } = bus.stats().queues['q'] ?? {};
  assert.deepEqual([active, scheduled, accepted], [2, 2, 6]);
});
