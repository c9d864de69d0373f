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

type Arrival = {
  readonly context: EventContext;
  readonly topic: string;
  readonly atMs: number;
  readonly connection: number;
};

/**
 * Drains subscriptions of the stand-in under locks: a message is taken off only after it is in the book, so a killed bus or a cut line
 * repeats and never loses. Uses rhea alone; it reconnects by itself. Not for the real service, which wants TLS and tokens.
 */
export class BusReader {
  readonly #options: ReaderOptions;
  readonly #topics = new Map<Receiver, string>();
  readonly #connection: Connection;
  #arrived: Arrival[] = [];
  #isWriting = false;
  #life = 0;
  got = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    const container = rhea.create_container();
    container.on('error', () => undefined);
    this.#connection = container.connect({
      host: options.host,
      port: options.port,
      username: 'witness',
      initial_reconnect_delay: 50,
      max_reconnect_delay: 500,
    });
    this.#listen();
    for (const name of options.subscriptions) {
      const [topic = '', subscription = ''] = name.split('/');
      const receiver = this.#connection.open_receiver({
        source: { address: `${topic}/Subscriptions/${subscription}` },
        rcv_settle_mode: 0,
        autoaccept: false,
        credit_window: 0,
      });
      this.#topics.set(receiver, topic);
    }
  }

  #listen(): void {
    const connection = this.#connection;
    connection.on('receiver_open', ({ receiver }: EventContext) => {
      receiver?.add_credit(creditMax);
    });
    connection.on('message', (context: EventContext) => {
      const topic = context.receiver === undefined ? '' : (this.#topics.get(context.receiver) ?? '');
      this.#arrived.push({ context, topic, atMs: Date.now(), connection: this.#life });
      if (!this.#isWriting) void this.#write();
    });
    connection.on('disconnected', () => {
      this.#life += 1;
    });
    for (const event of ['connection_error', 'receiver_error', 'protocol_error', 'session_error'])
      connection.on(event, () => undefined);
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
      for (const { context, connection } of batch) {
        // Its connection is gone, and the lock with it or soon: the bus hands it out again, counted.
        if (connection !== this.#life) continue;
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
      deliveryId: deliveryId.replaceAll(/\s/g, '?'),
      generation: Number(generation),
      control: await this.#controlIn(message?.body),
      topic,
      laneSeq: Number(properties['laneSeq'] ?? 0),
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
    (this.#connection as unknown as { set_reconnect(reconnect: boolean): void }).set_reconnect(false);
    this.#connection.close();
  }
}
