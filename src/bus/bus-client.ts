import { RetryMode, ServiceBusClient, type WebSocketOptions } from '@azure/service-bus';
import type { BusAccess } from './access.ts';
import { ConnectionRemains } from './connection-remains.ts';
import { inTime } from './in-time.ts';

export type BusClientOptions = {
  /** What the bus sees this process as in its traces. */
  readonly identifier: string;
  /** Each operation of the SDK ends by then. */
  readonly timeoutMs: number;
  /** From `webSocketThrough`; left out: AMQP over its own port. */
  readonly webSocket?: WebSocketOptions;
  /** `sb://host:port` to dial instead of the namespace's own address, which stays the name we ask for (private link). */
  readonly endpoint?: string;
  /** Reads the access again, for `renew`. Left out: it never changes. */
  readonly reread?: () => Promise<BusAccess>;
};

/** `unchanged`: the same secret as before, so whoever was refused will be refused again. */
export type Renewal = 'renewed' | 'unchanged' | 'unreadable';

/** The SDK's close() never ends when the connection drops at that moment and it did not see it yet. */
const CLOSE_MS_MAX = 2000;
const DROPPED_MS_MAX = 500;

/**
 * The one Service Bus client of a process: one connection for all senders and receivers. `sdk` is another object after a renewal, so ask
 * for it each time a sender or receiver is made.
 */
export class BusClient {
  readonly #options: BusClientOptions;
  #access: BusAccess;
  #current: Connected;
  #renewing: Promise<Renewal> | undefined;
  readonly #retired = new Set<Connected>();
  #isClosed = false;

  constructor(access: BusAccess, options: BusClientOptions) {
    this.#access = access;
    this.#options = options;
    this.#current = connect(access, options);
  }

  get sdk(): ServiceBusClient {
    return this.#current.sdk;
  }

  /** Of the connection of now. */
  get remains(): ConnectionRemains {
    return this.#current.remains;
  }

  /** Reads the access anew and, when it is another, makes a new client. What the old one has out may still end well. */
  renew(): Promise<Renewal> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renew(): Promise<Renewal> {
    const { reread, timeoutMs } = this.#options;
    if (reread === undefined) return 'unchanged';
    let access: BusAccess;
    try {
      access = await reread();
      if (isSame(access, this.#access) || this.#isClosed) return 'unchanged';
      const made = connect(access, this.#options);
      this.#retire(this.#current, timeoutMs);
      this.#access = access;
      this.#current = made;
    } catch {
      // The file is being written, or holds what is no connection string: the old access stays, and the next refusal reads it again.
      return 'unreadable';
    }
    return 'renewed';
  }

  /**
   * Makes a new client in the place of this one, which opens no links any more: faults in quick succession can leave the SDK waiting for
   * the end of a connection that has ended. False when it was replaced already.
   */
  replace(stuck: ServiceBusClient): boolean {
    if (this.#isClosed || stuck !== this.#current.sdk) return false;
    const made = connect(this.#access, this.#options);
    this.#current.remains.dropUnopened();
    this.#retire(this.#current, this.#options.timeoutMs);
    this.#current = made;
    return true;
  }

  #retire(old: Connected, ms: number): void {
    this.#retired.add(old);
    setTimeout(() => {
      void this.#end(old);
    }, ms).unref();
  }

  async #end(old: Connected): Promise<void> {
    if (!this.#retired.delete(old)) return;
    await closeClient(old);
  }

  /** Ends within 3 s, whatever the SDK does; nothing of it then keeps the process. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const olds = [...this.#retired];
    await Promise.all([closeClient(this.#current), ...olds.map((old) => this.#end(old))]);
  }
}

/** A client of the SDK, and what clears up after its connections. */
export type Connected = { readonly sdk: ServiceBusClient; readonly remains: ConnectionRemains };

const connect = (access: BusAccess, options: BusClientOptions): Connected => {
  const { identifier, timeoutMs, webSocket, endpoint } = options;
  const given = {
    identifier,
    // Retry is ours: the SDK does not retry a refused connection and waits out 60 s after a dropped one.
    retryOptions: { mode: RetryMode.Fixed, maxRetries: 0, retryDelayInMs: 100, timeoutInMs: timeoutMs },
    ...(webSocket === undefined ? {} : { webSocketOptions: webSocket }),
    ...(endpoint === undefined || endpoint === '' ? {} : { customEndpointAddress: endpoint }),
  };
  const sdk =
    access.kind === 'connection-string'
      ? new ServiceBusClient(access.connectionString, given)
      : new ServiceBusClient(access.namespace, access.credential, given);
  return { sdk, remains: new ConnectionRemains(sdk) };
};

/** A credential fetches its tokens itself: reading it again makes nothing new. */
const isSame = (one: BusAccess, other: BusAccess): boolean =>
  one.kind === 'connection-string'
    ? other.kind === 'connection-string' && one.connectionString === other.connectionString
    : other.kind === 'identity' && one.namespace === other.namespace;

/** Closes a client within 3 s, whatever its peer does, and ends what would keep the process or the socket. Never rejects. */
export const closeClient = async ({ sdk, remains }: Connected): Promise<void> => {
  const closing = sdk.close().catch(() => undefined);
  await inTime(CLOSE_MS_MAX, closing);
  // What still waits for the other side waits a minute, and keeps the process. On a connection that is gone it ends.
  if (remains.drop()) await inTime(DROPPED_MS_MAX, closing);
  remains.close();
};
