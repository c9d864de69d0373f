import rhea, { type Connection, type EventContext, type Receiver } from 'rhea';
import { type Book, gotLine } from './books.ts';
import { controlOf, type Keys, openBody } from './opened-body.ts';

export type ReaderOptions = {
  readonly host: string;
  readonly port: number;
  /** `topic/subscription` */
  readonly subscriptions: readonly string[];
  readonly keys: Keys;
  readonly got: Book;
};

/** Messages under way to us at most, a subscription. */
const creditMax = 400;
const reconnectMs = 100;
/** A connection whose receivers do not all stand by then is given up. */
const openMsMax = 2_000;

type Arrival = {
  readonly context: EventContext;
  readonly topic: string;
  readonly atMs: number;
  readonly life: number;
};

/**
 * Drains subscriptions of the stand-in under locks: a message is taken off only after it is in the book, so a killed bus or a cut line
 * repeats and never loses. Uses rhea alone, and makes every connection anew: in two runs of twelve rhea's own reconnecting stayed away
 * for good when the bus was killed soon after it had come back. Not for the real service, which wants TLS and tokens.
 */
export class BusReader {
  readonly #options: ReaderOptions;
  #connection: Connection | undefined;
  #arrived: Arrival[] = [];
  #isWriting = false;
  #isStopped = false;
  /** Counts connections; what an earlier one still says is not listened to. */
  #life = 0;
  got = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#connect();
  }

  #connect(): void {
    if (this.#isStopped) return;
    this.#life += 1;
    const life = this.#life;
    const { host, port, subscriptions } = this.#options;
    const container = rhea.create_container();
    const connection = container.connect({ host, port, username: 'witness', reconnect: false });
    this.#connection = connection;
    const renew = (): void => {
      if (life !== this.#life) return;
      this.#life += 1;
      destroySocket(connection);
      setTimeout(() => {
        this.#connect();
      }, reconnectMs);
    };
    container.on('error', renew);
    for (const event of endings) connection.on(event, renew);

    const topics = new Map<Receiver, string>();
    let closed = subscriptions.length;
    const late = setTimeout(() => {
      if (closed > 0) renew();
    }, openMsMax);
    connection.on('receiver_open', ({ receiver }: EventContext) => {
      receiver?.add_credit(creditMax);
      closed -= 1;
      if (closed === 0) clearTimeout(late);
    });
    connection.on('message', (context: EventContext) => {
      const topic = context.receiver === undefined ? '' : (topics.get(context.receiver) ?? '');
      this.#arrived.push({ context, topic, atMs: Date.now(), life });
      if (!this.#isWriting) void this.#write();
    });
    for (const name of subscriptions) {
      const [topic = '', subscription = ''] = name.split('/');
      const source = { address: `${topic}/Subscriptions/${subscription}` };
      topics.set(
        connection.open_receiver({ source, rcv_settle_mode: 0, autoaccept: false, credit_window: 0 }),
        topic,
      );
    }
  }

  /** Books what arrived, in the order it came, then takes it off the bus. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#arrived.length > 0) {
      const batch = this.#arrived;
      this.#arrived = [];
      const lines = await Promise.all(batch.map((arrival) => this.#lineOf(arrival)));
      for (const line of lines) this.#options.got.add(line);
      this.#options.got.flush();
      this.got += lines.length;
      for (const { context, life } of batch) {
        // Its connection is gone, and the lock with it or soon: the bus hands it out again, counted.
        if (life !== this.#life) continue;
        context.delivery?.accept();
        context.receiver?.add_credit(1);
      }
    }
    this.#isWriting = false;
  }

  async #lineOf({ context, topic, atMs }: Arrival): Promise<string> {
    const { message } = context;
    const properties = (message?.application_properties ?? {}) as Record<string, unknown>;
    const [, deliveryId = '?', generation = '0'] = /^(.+)\.(\d+)$/.exec(String(message?.message_id)) ?? [];
    return gotLine({
      deliveryId: word(deliveryId),
      generation: Number(generation),
      control: await this.#controlIn(message?.body),
      key: word(properties['messageKey']),
      place: topic,
      priorityClass: wholeOf(properties['class']),
      laneSeq: wholeOf(properties['laneSeq']),
      isMarked: properties['possibleDuplicate'] === true,
      deliveryCount: message?.delivery_count ?? 0,
      atMs,
    });
  }

  async #controlIn(body: unknown): Promise<string> {
    const content = (body as { content?: unknown } | undefined)?.content;
    if (!Buffer.isBuffer(content)) return '-';
    try {
      return controlOf(await openBody(content, this.#options.keys));
    } catch {
      return '-';
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#life += 1;
    this.#connection?.close();
  }
}

const word = (value: unknown): string =>
  typeof value === 'string' && value !== '' ? value.replaceAll(/\s/g, '?') : '-';
const wholeOf = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined;

const endings = [
  'disconnected',
  'connection_close',
  'connection_error',
  'session_error',
  'receiver_close',
  'receiver_error',
  'protocol_error',
];

const destroySocket = (connection: Connection): void => {
  (connection as unknown as { socket?: { destroy(): void } }).socket?.destroy();
};
