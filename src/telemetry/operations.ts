import Fastify, { type FastifyInstance } from 'fastify';
import type { Metrics } from './metrics.ts';

export type Readiness = { readonly ready: boolean; readonly reasons: readonly string[] };

type Shown = { readonly metrics: Metrics; readonly readiness: () => Readiness };

/** /livez: the process turns its event loop. /readyz: it can do its work now, with reason codes when not. /metrics: Prometheus text. */
export const addOperations = (server: FastifyInstance, { metrics, readiness }: Shown): void => {
  server.get('/livez', () => ({ live: true }));
  server.get('/readyz', (_request, reply) => {
    const state = readiness();
    return reply.code(state.ready ? 200 : 503).send(state);
  });
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
};

/** Serves the end points of a role on a port of their own. Answers the port it took. */
export const serveOperations = async (options: {
  host: string;
  port: number;
  metrics: Metrics;
  readiness: () => Readiness;
}): Promise<{ port: number; close: () => Promise<void> }> => {
  const server = Fastify({ logger: false, forceCloseConnections: true });
  addOperations(server, options);
  await server.listen({ host: options.host, port: options.port });
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return { port, close: () => server.close() };
};
