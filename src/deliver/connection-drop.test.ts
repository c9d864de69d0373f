import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { BusClient } from '../bus/bus-client.ts';
import {
  connectionString,
  loadEmulatorConfig,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { classifyBusFault, TopicBus } from './deliver.ts';

const TIMEOUT_MS = 8000;
const config = join(import.meta.dirname, '..', '..', 'examples', 'county-099', 'bus.json');

for (const loss of ['drop', 'detach']) {
  test(`a batch that is out when the bus does a ${loss} is known to be lost at once, not at the timeout`, async (t) => {
    const bus = await startServiceBus({ port: 0, config: await loadEmulatorConfig(config) });
    const client = new BusClient(
      { kind: 'connection-string', connectionString: connectionString(bus.port) },
      { identifier: 'tenfour-test', timeoutMs: TIMEOUT_MS },
    );
    const topics = new TopicBus(client, {
      timeoutMs: TIMEOUT_MS,
      batchBytesMax: 240 * 1024,
      linkIdleMs: 240_000,
      sendsMax: 256,
    });
    t.after(async () => {
      await client.close();
      await bus.stop();
    });
    const sender = topics.topic('point-to-point');
    const message = {
      subject: 'AM',
      contentType: 'application/jose',
      properties: { format: 1 },
      body: Buffer.from('x'),
    };
    await sender.send([sender.ready({ ...message, messageId: 'a-1-0.1' })]);

    const control = `http://127.0.0.1:${String(bus.controlPort)}/fault`;
    await fetch(`${control}?silent=1`, { method: 'POST' });
    const startedAt = performance.now();
    const sending = sender.send([sender.ready({ ...message, messageId: 'a-2-0.1' })]);
    setTimeout(() => void fetch(`${control}?${loss}`, { method: 'POST' }), 200);
    const error: unknown = await sending.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.equal(classifyBusFault(error).class, 'link');
    assert.ok(performance.now() - startedAt < TIMEOUT_MS / 2);
    await sender.send([sender.ready({ ...message, messageId: 'a-2-0.1' })]);
  });
}
