/** What connection strings and options make SDK 7.9.5 dial. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ServiceBusClient } from '@azure/service-bus';
import {
  loadEmulatorConfig,
  type ServiceBusOptions,
  startServiceBus,
} from '../../src/simulate/service-bus/service-bus.ts';
import { keptTlsPair } from '../../src/simulate/service-bus/tls-certificate.ts';
import { test } from './case.ts';

const own = { needs: ['own process'] } as const;
const key = 'SharedAccessKeyName=k;SharedAccessKey=v';
const config = await loadEmulatorConfig(join(import.meta.dirname, 'bus.json'));

async function standIn(context: TestContext, options: Partial<ServiceBusOptions>): Promise<number> {
  const bus = await startServiceBus({ port: 0, config, ...options });
  context.after(() => bus.stop());
  return bus.port;
}

type Dialled = Readonly<Record<string, readonly [outcome: string, host: string]>>;

/** What `dial.ts` tells of a port whose certificate it is told to trust. */
async function dialled(context: TestContext, options: Partial<ServiceBusOptions>): Promise<Dialled> {
  const folder = await mkdtemp(join(tmpdir(), 'tenfour-dial-'));
  context.after(() => rm(folder, { recursive: true }));
  const { certPath, ...tls } = await keptTlsPair(folder, Date.now());
  const port = await standIn(context, { tls, ...options });
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certPath };
  const child = fork(join(import.meta.dirname, 'dial.ts'), [String(port)], { env, stdio: 'inherit' });
  const [told] = (await once(child, 'message', { signal: AbortSignal.timeout(60_000) })) as [Dialled];
  return told;
}

/** Names of SDK 7.9.5 (pinned) for where it would dial; nothing is dialled. */
function portOf(connectionString: string): unknown {
  const client = new ServiceBusClient(connectionString) as unknown as {
    readonly _connectionContext: { readonly connection: { readonly options: { readonly port?: number } } };
  };
  return client._connectionContext.connection.options.port;
}

test('without a port 5672 is dialled with the emulator flag, 5671 without it', own, () => {
  assert.equal(portOf(`Endpoint=sb://bus;${key};UseDevelopmentEmulator=true`), 5672);
  assert.equal(portOf(`Endpoint=sb://bus;${key}`), 5671);
  assert.equal(portOf(`Endpoint=sb://bus:7000;${key}`), 7000);
});

test(
  'only the emulator flag in lower case dials without TLS; at a plain port all else is a failure without a code',
  own,
  async (context) => {
    const endpoint = `Endpoint=sb://localhost:${String(await standIn(context, {}))};${key}`;
    const send = async (connectionString: string): Promise<void> => {
      const client = new ServiceBusClient(connectionString, {
        retryOptions: { maxRetries: 0, timeoutInMs: 3_000 },
      });
      try {
        await client.createSender('queue').sendMessages({ body: 1 });
      } finally {
        await client.close();
      }
    };
    await send(`${endpoint};UseDevelopmentEmulator=true`);
    for (const flag of ['', ';UseDevelopmentEmulator=True', ';UseDevelopmentEmulator=1']) {
      await assert.rejects(send(endpoint + flag), (error: Error & { code?: unknown }) => {
        assert.match(error.message, /^Failed to connect/);
        return error.code === undefined;
      });
    }
  },
);

test(
  'TLS, WebSockets and a custom endpoint for a Government name reach a port that speaks TLS; so does plain AMQP',
  own,
  async (context) => {
    const { scopes, ...outcomes } = await dialled(context, {});
    const host = 'localhost';
    assert.deepEqual(
      Object.fromEntries(
        Object.entries(outcomes).map(([way, [outcome, named]]) => [way, [outcome, named.split(':')[0]]]),
      ),
      {
        tls: ['sent', host],
        plain: ['sent', host],
        capital: ['sent', host],
        webSocket: ['sent', host],
        // The client names the host it dials, not the one it was made for.
        government: ['sent', host],
      },
    );
    assert.deepEqual(scopes, ['https://servicebus.azure.net//.default']);
  },
);

test(
  'a credential’s token goes out as a jwt, a key’s as a sastoken: who takes only one refuses the other',
  own,
  async (context) => {
    const policies = [{ name: 'other', key: 'other', rights: ['Send', 'Listen'] as const }];
    const taking = await dialled(context, { policies, takesJwt: true });
    assert.deepEqual([taking['tls']?.[0], taking['government']?.[0]], ['UnauthorizedAccess', 'sent']);
  },
);
