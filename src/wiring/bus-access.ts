import { type AccessSource, readAccess } from '../bus/access.ts';
import { BusClient } from '../bus/bus-client.ts';
import { webSocketThrough } from '../bus/transport.ts';
import type { Config } from '../config/config.ts';

/** Where the settings say that access to the bus comes from. */
export const accessSourceOf = (config: Config): AccessSource => ({
  file: config.BUS_FILE,
  namespace: config.BUS_NAMESPACE,
  identity: config.BUS_IDENTITY,
  clientId: config.BUS_CLIENT_ID,
  cloud: config.BUS_CLOUD,
});

/** The one client of this process. Nothing is dialled before somebody sends or receives. */
export const openBus = async (config: Config, identifier: string): Promise<BusClient> => {
  const source = accessSourceOf(config);
  const { BUS_TIMEOUT_MS, BUS_TRANSPORT, BUS_PROXY, BUS_ENDPOINT } = config;
  return new BusClient(await readAccess(source), {
    identifier,
    timeoutMs: BUS_TIMEOUT_MS,
    endpoint: BUS_ENDPOINT,
    ...(BUS_TRANSPORT === 'websocket' ? { webSocket: await webSocketThrough(BUS_PROXY) } : {}),
    // An identity fetches its tokens itself; only a connection string can become another one.
    ...(source.namespace === '' ? { reread: () => readAccess(source) } : {}),
  });
};
