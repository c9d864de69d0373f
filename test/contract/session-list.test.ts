import assert from 'node:assert/strict';
import { ServiceBusClient } from '@azure/service-bus';
import {
  connectionString,
  loadEmulatorConfig,
  startServiceBus,
} from '../../src/simulate/service-bus/service-bus.ts';
import { test } from './case.ts';

/** The SDK has the operation, but no public door to it. */
type Inside = {
  readonly _connectionContext: {
    getManagementClient(path: string): {
      listMessageSessions(skip: number, top: number, since: Date): Promise<readonly string[]>;
    };
  };
};

const own = { needs: ['own process'] } as const;

test('sessions are listed that got a message or a state since a time, page by page', own, async (context) => {
  const config = await loadEmulatorConfig(new URL('bus.json', import.meta.url).pathname);
  const bus = await startServiceBus({ port: 0, config });
  const client = new ServiceBusClient(connectionString(bus.port));
  context.after(async () => {
    await client.close();
    await bus.stop();
  });
  const { _connectionContext: inside } = client as unknown as Inside;
  const list = (skip: number, top: number, since = new Date(0)) =>
    inside.getManagementClient('sessions').listMessageSessions(skip, top, since);
  assert.deepEqual(await list(0, 10), []);
  await client
    .createSender('sessions')
    .sendMessages(['a', 'b', 'c'].map((sessionId) => ({ sessionId, body: 'x' })));
  assert.deepEqual(await list(0, 10), ['a', 'b', 'c']);
  assert.deepEqual(await list(1, 1), ['b']);
  assert.deepEqual(await list(0, 10, new Date(Date.now() + 60_000)), []);
});
