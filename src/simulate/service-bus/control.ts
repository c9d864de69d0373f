import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { type FaultKind, type FaultOrder, faultOrder, orderFromQuery } from './faults/fault-orders.ts';
import { armedMax } from './faults/fault-plan.ts';
import type { Faults } from './faults/faults.ts';

/** `metrics`: the text of `GET /metrics`. */
export type ControlParts = {
  readonly stats: () => unknown;
  readonly faults: Faults;
  readonly metrics?: () => Promise<string>;
};
export type Control = { readonly port: number; close(): Promise<void> };

const bodyBytesMax = 64 * 1024;
const idParam = z.strictObject({ id: z.coerce.number().int().min(1).optional() });

/** Names that were there before the switches had kinds; their number says how many of the next operations go wrong. */
const counted = { busy: 'busy', silent: 'lose', authFail: 'refuse-token' } as const satisfies Record<
  string,
  FaultKind
>;
const countedSchema = z.strictObject({
  busy: z.coerce.number().int().min(0).max(1_000_000).optional(),
  silent: z.coerce.number().int().min(0).max(1_000_000).optional(),
  authFail: z.coerce.number().int().min(0).max(1_000_000).optional(),
  drop: z.string().optional(),
  detach: z.string().optional(),
});

/**
 * The control door: `GET /stats`, `GET /metrics`, `GET /faults`, `POST /fault` with an order as query or as a JSON
 * body, `DELETE /faults[?id=N]`. It asks nobody for a password.
 */
export async function openControl(host: string, port: number, parts: ControlParts): Promise<Control> {
  const server = createServer((request, response) => {
    answer(request, response, parts).catch(() => {
      response.destroy();
    });
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

async function answer(request: IncomingMessage, response: ServerResponse, parts: ControlParts) {
  const { stats, faults, metrics } = parts;
  const body = await bodyOf(request);
  const url = new URL(request.url ?? '/', 'http://stand-in');
  const asked = `${request.method ?? ''} ${url.pathname}`;
  if (asked === 'GET /stats') reply(response, 200, stats());
  else if (asked === 'GET /faults') reply(response, 200, faults.stats());
  else if (asked === 'GET /metrics' && metrics !== undefined) {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(await metrics());
  } else if (asked === 'POST /fault') {
    const wrong = body === undefined ? 'the body is too long' : setFault(faults, url.searchParams, body);
    if (wrong === undefined) reply(response, 200, faults.stats());
    else reply(response, 400, { error: wrong });
  } else if (asked === 'DELETE /faults') {
    const { data } = idParam.safeParse(Object.fromEntries(url.searchParams));
    if (data === undefined) reply(response, 400, { error: 'id must be a number' });
    else reply(response, 200, { cleared: faults.clear(data.id === undefined ? {} : { id: data.id }) });
  } else reply(response, 404, { error: 'GET /stats, /metrics or /faults, POST /fault, DELETE /faults' });
}

/** Does what is asked; otherwise what is wrong with it. */
function setFault(faults: Faults, query: URLSearchParams, body: string): string | undefined {
  if (body === '' && !query.has('fault')) return setCounted(faults, query);
  const parsed = body === '' ? orderFromQuery(query) : faultOrder.safeParse(parsedJson(body));
  if (!parsed.success) return z.prettifyError(parsed.error);
  return faults.order(parsed.data) ? undefined : `more than ${String(armedMax)} switches are set`;
}

function setCounted(faults: Faults, query: URLSearchParams): string | undefined {
  const parsed = countedSchema.safeParse(Object.fromEntries(query));
  if (!parsed.success) return z.prettifyError(parsed.error);
  for (const [name, fault] of Object.entries(counted)) {
    const count = parsed.data[name as keyof typeof counted];
    if (count === undefined) continue;
    faults.clear({ fault });
    if (count > 0) faults.order({ fault, count });
  }
  const orders: FaultOrder[] = [];
  if (parsed.data.detach !== undefined) orders.push({ fault: 'detach' });
  if (parsed.data.drop !== undefined) orders.push({ fault: 'drop' });
  for (const order of orders) faults.order(order);
  return undefined;
}

/** Undefined when it passes the limit. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bodyBytesMax) chunks.push(chunk);
  }
  return bytes > bodyBytesMax ? undefined : Buffer.concat(chunks).toString('utf8');
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
