import type { ServerResponse } from 'node:http';
import type { Metrics } from '../telemetry/metrics.ts';
import { guardHeaders } from './guard.ts';
import type { Picture } from './picture.ts';

export type EventsOptions = {
  readonly metrics: Metrics;
  /** Browsers shown pictures at a time. */
  readonly clientsMax?: number;
  /** How long a browser may take none of what it was sent. */
  readonly stuckMsMax?: number;
  /** A line when nothing else was sent for so long. */
  readonly heartbeatMs?: number;
};

type Client = {
  readonly response: ServerResponse;
  /** The newest picture it has no room for yet; an older one is of no use to it. */
  next: Buffer | undefined;
  isFull: boolean;
  /** When it last took something. */
  tookAt: number;
};

const CLIENTS_MAX = 32;
const STUCK_MS_MAX = 20_000;
const HEARTBEAT_MS = 5000;
const heartbeat = Buffer.from(': still here\n\n');

/**
 * Pictures as server-sent events. A browser that reads slowly gets fewer of them, the newest each time; one that reads nothing is cut
 * off. So at most one picture is on its way to each, and one waits.
 */
export class EventStreams {
  readonly #clients = new Set<Client>();
  readonly #options: Required<EventsOptions>;
  readonly #timer: NodeJS.Timeout;
  #last: Buffer | undefined;
  #sentAt = performance.now();

  constructor(options: EventsOptions) {
    this.#options = {
      clientsMax: CLIENTS_MAX,
      stuckMsMax: STUCK_MS_MAX,
      heartbeatMs: HEARTBEAT_MS,
      ...options,
    };
    const { heartbeatMs, stuckMsMax } = this.#options;
    this.#timer = setInterval(() => {
      this.#look();
    }, Math.min(heartbeatMs, stuckMsMax) / 2);
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Takes the response over, and gives it the last picture at once. False when there are too many already. */
  open(response: ServerResponse): boolean {
    if (this.#clients.size >= this.#options.clientsMax) return false;
    const client: Client = { response, next: undefined, isFull: false, tookAt: performance.now() };
    this.#clients.add(client);
    this.#options.metrics.boardClients.set(this.#clients.size);
    response.on('close', () => {
      this.#clients.delete(client);
      this.#options.metrics.boardClients.set(this.#clients.size);
    });
    response.on('error', () => undefined);
    response.on('drain', () => {
      const { next } = client;
      client.isFull = false;
      client.next = undefined;
      client.tookAt = performance.now();
      if (next !== undefined) this.#write(client, next);
    });
    response.writeHead(200, {
      ...guardHeaders,
      'content-type': 'text/event-stream; charset=utf-8',
      connection: 'keep-alive',
    });
    this.#write(client, Buffer.from('retry: 1000\n\n'));
    if (this.#last !== undefined) this.#offer(client, this.#last);
    return true;
  }

  send(picture: Picture): void {
    this.#sentAt = performance.now();
    // By its number the browser sees how long a picture was on its way, compared with others of the same connection.
    const id = String(Math.round(this.#sentAt));
    this.#last = Buffer.from(`id: ${id}\ndata: ${JSON.stringify(picture)}\n\n`);
    for (const client of this.#clients) this.#offer(client, this.#last);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { response } of this.#clients) response.destroy();
  }

  #offer(client: Client, bytes: Buffer): void {
    const { boardPictures } = this.#options.metrics;
    if (!client.isFull) {
      this.#write(client, bytes);
      boardPictures.inc({ outcome: 'sent' });
      return;
    }
    if (client.next !== undefined) boardPictures.inc({ outcome: 'overtaken' });
    client.next = bytes;
  }

  #write(client: Client, bytes: Buffer): void {
    client.isFull = !client.response.write(bytes);
    if (!client.isFull) client.tookAt = performance.now();
  }

  #look(): void {
    const now = performance.now();
    const { heartbeatMs, stuckMsMax, metrics } = this.#options;
    const isQuiet = now - this.#sentAt >= heartbeatMs;
    for (const client of this.#clients) {
      if (client.isFull && now - client.tookAt > stuckMsMax) {
        metrics.boardPictures.inc({ outcome: 'cut off' });
        client.response.destroy();
      } else if (isQuiet && !client.isFull) this.#write(client, heartbeat);
    }
    if (isQuiet) this.#sentAt = now;
  }
}
