import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import type { Deadline } from './deadline.ts';

const headerBytesMax = 16 * 1024;
/** A request whose body or answer takes longer is cut off. */
const requestMs = 30_000;
/** Kept open between two requests. */
const keepAliveMs = 30_000;
/** AMQP frames are at most 64 KB; a peer may gather some in one WebSocket message. */
const webSocketBytesMax = 1024 * 1024;
const webSocketPath = '/$servicebus/websocket';
const subProtocol = 'AMQPWSB10';

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

export type WebDoor = {
  /** Serves HTTP on a stream whose first bytes are a request; its deadline covers the time to the first whole header. */
  take(stream: Duplex, deadline: Deadline): void;
};

/** HTTP requests and, by upgrade, AMQP over WebSockets as the SDK's `webSocketOptions` dial it. */
export function webDoor(
  onRequest: HttpHandler,
  onAmqp: (stream: Duplex, deadline: Deadline) => void,
): WebDoor {
  const deadlines = new WeakMap<Duplex, Deadline>();
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: webSocketBytesMax,
    perMessageDeflate: false,
    handleProtocols: () => subProtocol,
  });
  const server = createServer({ maxHeaderSize: headerBytesMax, keepAliveTimeout: keepAliveMs });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A server that does not listen by itself keeps no deadlines of its own.
    const deadline = deadlines.get(request.socket);
    deadline?.extend(requestMs);
    response.once('close', () => {
      deadline?.extend(keepAliveMs);
    });
    onRequest(request, response);
  });
  server.on('clientError', (_error, stream) => {
    stream.destroy();
  });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const deadline = deadlines.get(stream);
    if (deadline === undefined || !asksForAmqp(request)) {
      stream.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      onAmqp(createWebSocketStream(webSocket), deadline);
    });
  });
  return {
    take: (stream, deadline) => {
      deadlines.set(stream, deadline);
      server.emit('connection', stream);
    },
  };
}

function asksForAmqp({ url = '', headers }: IncomingMessage): boolean {
  const [path = ''] = url.split('?');
  const protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return path.toLowerCase().replace('%24', '$') === webSocketPath && protocols.includes(subProtocol);
}
