import { EventEmitter } from 'node:events';
import type { ServiceBusClient } from '@azure/service-bus';

/**
 * Calls `onDrop` when the client's connection is lost. The SDK (7.9.5, pinned) lets a send that was out at that moment wait for its
 * whole timeout, 5 s here, before anybody hears of it; its connection tells at once. It is an internal of the SDK: where it is not
 * found nothing is watched, and the timeout remains. Answers how to stop watching.
 */
export const watchDrop = (client: ServiceBusClient, onDrop: () => void): (() => void) => {
  const { _connectionContext: context } = client as unknown as {
    _connectionContext?: { connection?: unknown };
  };
  const connection = context?.connection;
  if (!(connection instanceof EventEmitter)) return () => undefined;
  connection.once('disconnected', onDrop);
  return () => {
    connection.removeListener('disconnected', onDrop);
  };
};
