import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { Fault } from '../message/codes.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { addOperations, type Readiness } from '../telemetry/operations.ts';
import { EventStreams, type EventsOptions } from './events.ts';
import { guardHeaders, isLoopback, refusalOf } from './guard.ts';
import { type PageFile, readPageFiles } from './page-files.ts';
import type { Picture } from './picture.ts';
import { type NoTrace, tracePattern, type TraceView } from './trace-view.ts';

export type BoardOptions = {
  /** A loopback address: there is no log-on. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly metrics: Metrics;
  readonly readiness: () => Readiness;
  /** Where pictures come from. Answers how to end that. */
  readonly onPicture: (listener: (picture: Picture) => void) => () => void;
  readonly picture: () => Picture;
  /** `isGone`: the browser that asked for it waits no longer. */
  readonly trace: (id: string, isGone: () => boolean) => Promise<TraceView | NoTrace>;
  /** The bundled page, if it is not where it is always put. */
  readonly bundle?: string;
  readonly events?: Omit<EventsOptions, 'metrics'>;
};

const CONNECTIONS_MAX = 128;
const REQUEST_MS_MAX = 10_000;
const statusOf = { NOT_FOUND: 404, BUSY: 503, TOO_LONG: 504 } as const satisfies Record<NoTrace, number>;

/** The status page and what it is fed with: files, pictures as server-sent events, traces. Reads only. */
export class Board {
  readonly port: number;
  readonly #server: FastifyInstance;
  readonly #events: EventStreams;
  readonly #endPictures: () => void;

  private constructor(server: FastifyInstance, port: number, events: EventStreams, endPictures: () => void) {
    this.#server = server;
    this.port = port;
    this.#events = events;
    this.#endPictures = endPictures;
  }

  /** Throws CONFIG_INVALID when the host is not loopback, the page is not bundled, or the port is taken. */
  static async start(options: BoardOptions): Promise<Board> {
    const { host, port, metrics, picture, onPicture } = options;
    if (!isLoopback(host))
      throw new Fault(
        'CONFIG_INVALID',
        'the board has no log-on yet: TENFOUR_BOARD_HOST is 127.0.0.1 or ::1',
      );
    const files = readPageFiles(options.bundle);
    const events = new EventStreams({ metrics, ...options.events });
    events.send(picture());
    const server = serverOf(options, files, events);
    const endPictures = onPicture((taken) => {
      events.send(taken);
    });
    try {
      await server.listen({ host, port });
    } catch (cause) {
      endPictures();
      events.close();
      throw new Fault('CONFIG_INVALID', `the board cannot listen on ${host} port ${String(port)}`, { cause });
    }
    const address = server.server.address();
    const taken = typeof address === 'object' && address !== null ? address.port : port;
    return new Board(server, taken, events, endPictures);
  }

  /** Browsers that are shown pictures now. */
  get clients(): number {
    return this.#events.clients;
  }

  async close(): Promise<void> {
    this.#endPictures();
    this.#events.close();
    await this.#server.close();
  }
}

const serverOf = (
  { metrics, readiness, trace }: BoardOptions,
  files: readonly PageFile[],
  events: EventStreams,
): FastifyInstance => {
  const server = Fastify({
    logger: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    bodyLimit: 1024,
    requestTimeout: REQUEST_MS_MAX,
    routerOptions: { maxParamLength: 256 },
    // A path that is none comes by no hook, and the library's answer would quote it.
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      void reply.code(400).headers(guardHeaders).send({ says: 'not a path' });
    },
  });
  server.server.maxConnections = CONNECTIONS_MAX;
  // First of all, whatever the path: a refused request is told nothing else.
  server.addHook('onRequest', (request, reply, done) => {
    reply.headers(guardHeaders);
    const refusal = refusalOf(request.raw.method, request.headers, request.url === '/');
    if (refusal === undefined) done();
    else void reply.code(refusal.status).send({ says: refusal.says });
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ says: 'no such page' }));
  // An error's own text may quote what was asked.
  server.setErrorHandler((_error, _request, reply) => reply.code(500).send({ says: 'could not answer' }));
  for (const { path, type, bytes } of files)
    server.get(path, (_request, reply) => reply.type(type).send(bytes));
  server.get('/events', (_request, reply) => {
    if (!events.open(reply.raw)) return reply.code(503).send({ says: 'too many browsers' });
    return reply.hijack();
  });
  server.get<{ Params: { id: string } }>('/trace/:id', async (request, reply) => {
    const { id } = request.params;
    if (!tracePattern.test(id)) return reply.code(400).send({ says: 'not an id' });
    const view = await trace(id, () => reply.raw.destroyed);
    return typeof view === 'string' ? reply.code(statusOf[view]).send({ says: view }) : reply.send(view);
  });
  addOperations(server, { metrics, readiness });
  return server;
};
