/**
 * Dials a TLS port with the unmodified SDK in every way there is, in a process of its own: who is trusted is read at a process's start
 * (NODE_EXTRA_CA_CERTS). Argument: the port. Tells its parent what became of each.
 */
import { ServiceBusClient, type ServiceBusClientOptions } from '@azure/service-bus';
import { WebSocket } from 'ws';

const [port = ''] = process.argv.slice(2);
const retryOptions = { maxRetries: 0, timeoutInMs: 5_000 };
const keyed = `Endpoint=sb://localhost:${port};SharedAccessKeyName=k;SharedAccessKey=v`;
const government = 'agency.servicebus.usgovcloudapi.net';

const scopes: unknown[] = [];
const credential = {
  getToken: (asked: string | string[]) => {
    scopes.push(asked);
    return Promise.resolve({ token: 'not-a-signature', expiresOnTimestamp: Date.now() + 3_600_000 });
  },
};

/** `sent`, or the code or text of what went wrong; and the host the client names as its own. */
async function dial(client: ServiceBusClient): Promise<readonly [outcome: string, host: string]> {
  try {
    await client.createSender('queue').sendMessages({ body: 1, messageId: 'dialled' });
    return ['sent', client.fullyQualifiedNamespace];
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return [code ?? message, client.fullyQualifiedNamespace];
  } finally {
    await client.close();
  }
}

const withKey = (options: ServiceBusClientOptions = {}, more = '') =>
  new ServiceBusClient(keyed + more, { retryOptions, ...options });
const withIdentity = (options: ServiceBusClientOptions) =>
  new ServiceBusClient(government, credential, { retryOptions, ...options });

process.send?.({
  tls: await dial(withKey()),
  plain: await dial(withKey({}, ';UseDevelopmentEmulator=true')),
  capital: await dial(withKey({}, ';UseDevelopmentEmulator=True')),
  webSocket: await dial(withKey({ webSocketOptions: { webSocket: WebSocket } })),
  government: await dial(withIdentity({ customEndpointAddress: `sb://localhost:${port}` })),
  scopes,
});
process.disconnect();
