/**
 * A program that knows nothing of the stand-in: the SDK as anybody would call it, over TLS, over WebSockets and with a
 * namespace of another cloud. `secure-peer.ts PORT`, with NODE_EXTRA_CA_CERTS. Tells its parent what came through.
 */
import { ServiceBusClient, type ServiceBusClientOptions } from '@azure/service-bus';
import WebSocket from 'ws';

const [port = ''] = process.argv.slice(2);
const address = `sb://localhost:${port}`;
const string = `Endpoint=${address};SharedAccessKeyName=any;SharedAccessKey=any`;
const retryOptions: ServiceBusClientOptions['retryOptions'] = { maxRetries: 0, timeoutInMs: 10_000 };
const credential = {
  getToken: () => Promise.resolve({ token: 'jwt', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

async function roundTrip(client: ServiceBusClient, body: string): Promise<unknown> {
  await client.createSender('q').sendMessages({ body });
  const receiver = client.createReceiver('q');
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 10_000 });
  if (message !== undefined) await receiver.completeMessage(message);
  await client.close();
  return message?.body;
}

const webSocketOptions = { webSocket: WebSocket };
const cameThrough = [
  await roundTrip(new ServiceBusClient(string, { retryOptions }), 'TLS'),
  await roundTrip(new ServiceBusClient(string, { retryOptions, webSocketOptions }), 'WebSockets'),
  await roundTrip(
    new ServiceBusClient('name.servicebus.usgovcloudapi.net', credential, {
      retryOptions,
      customEndpointAddress: address,
    }),
    'another cloud',
  ),
  (await fetch(`https://localhost:${port}/$namespaceinfo`)).headers.has('date') ? 'HTTPS' : undefined,
];
process.send?.(cameThrough);
process.disconnect();
