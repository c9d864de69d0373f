import type { ServiceBusClient } from '@azure/service-bus';

/** Internal names of SDK 7.9.5 (pinned) and of the AMQP library below it; the test of a silent connection holds what we need them for. */
type Side = { open?: { idle_time_out?: number } };
type Below = {
  readonly socket?: { destroy(error: Error): void };
  readonly heartbeat_in?: NodeJS.Timeout;
  readonly heartbeat_out?: NodeJS.Timeout;
  readonly local?: Side;
  readonly remote?: Side;
};
type Inside = { readonly _connectionContext?: { readonly connection?: { readonly _connection?: Below } } };

/**
 * Gives what ends the connection that a client has now, whatever its peer says or does not say: while the socket of a silent peer is
 * open, the bus gives messages to its receivers, again after each lock. Does nothing where the SDK keeps its socket elsewhere.
 */
export const cutOff = (client: ServiceBusClient): (() => void) => {
  const below = (client as unknown as Inside)._connectionContext?.connection?._connection;
  return () => {
    // An error, for the library takes a socket that merely closes for one that will go on, and waits a minute for each answer.
    below?.socket?.destroy(new Error('the connection was silent'));
    // Its timers of two minutes would keep a process that wants to end.
    for (const open of [below?.local?.open, below?.remote?.open])
      if (open !== undefined) open.idle_time_out = 0;
    clearTimeout(below?.heartbeat_in);
    clearTimeout(below?.heartbeat_out);
  };
};
