import type { ServiceBusClient } from '@azure/service-bus';

/** Internal names of SDK 7.9.5 (pinned) and of the AMQP library below it; tests hold what we need them for. */
type Side = { open?: { idle_time_out?: number } };
type Below = {
  socket?: { destroy(): void };
  heartbeat_in?: NodeJS.Timeout;
  heartbeat_out?: NodeJS.Timeout;
  local?: Side;
  remote?: Side;
};
type Connection = { isOpen?(): boolean; readonly _connection?: Below };
type Inside = { readonly _connectionContext?: { readonly connection?: Connection } };

/** Connections that are remembered: one drop after the other, while the SDK still closes what belonged to them. */
const KEPT_MAX = 8;

/**
 * Removes what the SDK leaves of connections that are gone. One that never opened (a peer that takes connections and says nothing) keeps
 * its socket, and every further try leaves one more. One that dropped keeps timers of two minutes, for signs of life that cannot
 * come, and with them the process that wants to end.
 */
export class ConnectionRemains {
  readonly #client: ServiceBusClient;
  #known: Connection[] = [];

  constructor(client: ServiceBusClient) {
    this.#client = client;
  }

  /** To be called before each use: remembers the connection of now and clears up after those before. */
  tidy(): void {
    const current = this.#current;
    if (current === undefined || this.#known.at(-1) === current) return;
    for (const gone of this.#known) stopTimers(gone);
    this.#known = [...this.#known.slice(1 - KEPT_MAX), current];
  }

  /** Ends the socket of a connection that never opened. An open one is left alone: other topics use it. */
  dropUnopened(): void {
    const current = this.#current;
    if (current?.isOpen?.() === false) current._connection?.socket?.destroy();
  }

  /** After the client was closed. */
  close(): void {
    this.dropUnopened();
    this.tidy();
    for (const gone of this.#known) stopTimers(gone);
  }

  get #current(): Connection | undefined {
    return (this.#client as unknown as Inside)._connectionContext?.connection;
  }
}

/** For good: what the SDK still closes on a lost connection would start them again. */
const stopTimers = ({ _connection: below }: Connection): void => {
  for (const open of [below?.local?.open, below?.remote?.open])
    if (open !== undefined) open.idle_time_out = 0;
  clearTimeout(below?.heartbeat_in);
  clearTimeout(below?.heartbeat_out);
};
