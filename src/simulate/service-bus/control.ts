import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { AmqpDoor } from './amqp-door.ts';
import type { InjectedFaults } from './injected-faults.ts';

const count = z.coerce.number().int().min(0).max(1_000_000).optional();
const faultSchema = z.strictObject({
  busy: count,
  silent: count,
  authFail: count,
  drop: z.string().optional(),
  detach: z.string().optional(),
});

export type Control = { readonly port: number; close(): Promise<void> };

/**
 * The control door: `GET /stats`, and `POST /fault?busy=N&silent=N&authFail=N&drop&detach`, where the numbers say
 * how many of the next operations go wrong and `drop` and `detach` happen at once. Loopback only, no bodies.
 */
export async function openControl(
  host: string,
  port: number,
  stats: () => unknown,
  faults: InjectedFaults,
  door: Pick<AmqpDoor, 'drop' | 'detach'>,
): Promise<Control> {
  const server = createServer((request, response) => {
    request.resume();
    answer(request, response, stats, faults, door);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  stats: () => unknown,
  faults: InjectedFaults,
  door: Pick<AmqpDoor, 'drop' | 'detach'>,
): void {
  const url = new URL(request.url ?? '/', 'http://stand-in');
  const asked = `${request.method ?? ''} ${url.pathname}`;
  if (asked === 'GET /stats') reply(response, 200, stats());
  else if (asked === 'POST /fault') {
    const parsed = faultSchema.safeParse(Object.fromEntries(url.searchParams));
    if (!parsed.success) {
      reply(response, 400, { error: z.prettifyError(parsed.error) });
      return;
    }
    const { busy, silent, authFail, drop, detach } = parsed.data;
    faults.busy = busy ?? faults.busy;
    faults.silent = silent ?? faults.silent;
    faults.authFail = authFail ?? faults.authFail;
    if (detach !== undefined) door.detach();
    if (drop !== undefined) door.drop();
    reply(response, 200, faults);
  } else reply(response, 404, { error: 'GET /stats or POST /fault' });
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
