import { EventEmitter } from 'node:events';
import { type ServiceBusClient, ServiceBusError } from '@azure/service-bus';

/** Internal names of SDK 7.9.5 (pinned) and of the AMQP library below it; tests hold what we need them for. */
type Side = { open?: { idle_time_out?: number } };
type Below = {
  socket?: { end(): void; destroy?(): void };
  heartbeat_in?: NodeJS.Timeout;
  heartbeat_out?: NodeJS.Timeout;
  local?: Side;
  remote?: Side;
  abort_socket?(socket: unknown): void;
};
type Connection = { isOpen?(): boolean; isRemoteOpen?(): boolean; readonly _connection?: Below };
/** Questions out on `$cbs` or `$management`, each with a timer of up to a minute. */
type Asked = { readonly reject: (why: Error) => void; readonly cleanupBeforeResolveOrReject: () => void };
type RequestLink = { readonly connection?: unknown; readonly _responsesMap?: Map<unknown, Asked> };
type Context = {
  readonly connection?: Connection;
  readonly cbsSession?: { readonly _cbsSenderReceiverLink?: RequestLink };
  readonly managementClients?: Readonly<Record<string, { readonly _mgmtReqResLink?: RequestLink }>>;
  refreshConnection?(): void;
};
type Inside = { readonly _connectionContext?: Context };

/** What a connection had said when it was taken. Anything that comes in makes the library set `timer` anew. */
export type Heard = {
  readonly connection: Connection | undefined;
  readonly timer: NodeJS.Timeout | undefined;
};

/** Connections that are remembered: one drop after the other, while the SDK still closes what belonged to them. */
const KEPT_MAX = 8;
/** Every sender and receiver of the one connection waits for its end. Node warns past ten. */
const LISTENERS_MAX = 1000;

/**
 * Removes what the SDK leaves of connections that are gone. One that never opened (a peer that takes connections and says nothing) keeps
 * its socket, and every further try leaves one more. One that dropped keeps timers of two minutes, for signs of life that cannot
 * come, and with them the process that wants to end. One whose packets get lost on the way looks open for those two minutes.
 * Questions that were out when it dropped wait a minute for their answers, and may then throw where nobody catches.
 */
export class ConnectionRemains {
  readonly #client: ServiceBusClient;
  #known: Connection[] = [];

  constructor(client: ServiceBusClient) {
    this.#client = client;
    const context = this.#context;
    if (context === undefined) return;
    endAskedAtDrop(context);
    const refresh = context.refreshConnection?.bind(context);
    if (refresh === undefined) return;
    context.refreshConnection = (): void => {
      refresh();
      endAskedAtDrop(context);
    };
  }

  /** To be called before each use: remembers the connection of now and clears up after those before. */
  tidy(): void {
    const current = this.#current;
    if (current === undefined || this.#known.at(-1) === current) return;
    for (const gone of this.#known) stopTimers(gone);
    this.#known = [...this.#known.slice(1 - KEPT_MAX), current];
  }

  /** Ends the socket of a connection that never opened. An open one is left alone: others use it. */
  dropUnopened(): void {
    const current = this.#current;
    if (current?.isOpen?.() === false) endSocket(current);
  }

  heard(): Heard {
    const connection = this.#current;
    return { connection, timer: connection?._connection?.heartbeat_in };
  }

  /** Drops the connection if it is open and has said nothing at all since then, while it owed an answer. Answers whether it did. */
  dropIfMute(since: Heard): boolean {
    const current = this.#current;
    const below = current?._connection;
    const isMute = current === since.connection && below?.heartbeat_in === since.timer;
    return isMute && this.drop();
  }

  /** As if the peer had gone: the SDK ends what waits for it, and makes a new connection for whoever needs one. */
  drop(): boolean {
    const current = this.#current;
    const below = current?._connection;
    // The other side's word: a connection that we began to close and that gets no answer is dropped too.
    if (below?.abort_socket === undefined || current?.isRemoteOpen?.() !== true) return false;
    below.abort_socket(below.socket);
    return true;
  }

  /** After the client was closed, or did not get to it in time. */
  close(): void {
    const current = this.#current;
    if (current !== undefined) endSocket(current);
    this.tidy();
    for (const gone of this.#known) stopTimers(gone);
  }

  get #current(): Connection | undefined {
    return this.#context?.connection;
  }

  get #context(): Context | undefined {
    return (this.#client as unknown as Inside)._connectionContext;
  }
}

const endAskedAtDrop = (context: Context): void => {
  const { connection, cbsSession } = context;
  if (!(connection instanceof EventEmitter)) return;
  connection.setMaxListeners(LISTENERS_MAX);
  connection.on('disconnected', () => {
    endAsked(cbsSession?._cbsSenderReceiverLink);
    for (const { _mgmtReqResLink: link } of Object.values(context.managementClients ?? {}))
      if (link?.connection === connection) endAsked(link);
  });
};

const endAsked = (link: RequestLink | undefined): void => {
  const asked = [...(link?._responsesMap?.values() ?? [])];
  link?._responsesMap?.clear();
  for (const { cleanupBeforeResolveOrReject, reject } of asked) {
    cleanupBeforeResolveOrReject();
    reject(new ServiceBusError('the connection was lost', 'ServiceCommunicationProblem'));
  }
};

/** A WebSocket has no `destroy`; its close ends by its own limit. */
const endSocket = ({ _connection: below }: Connection): void => {
  if (below?.socket?.destroy === undefined) below?.socket?.end();
  else below.socket.destroy();
};

/** For good: what the SDK still closes on a lost connection would start them again. */
const stopTimers = ({ _connection: below }: Connection): void => {
  for (const open of [below?.local?.open, below?.remote?.open])
    if (open !== undefined) open.idle_time_out = 0;
  clearTimeout(below?.heartbeat_in);
  clearTimeout(below?.heartbeat_out);
};
