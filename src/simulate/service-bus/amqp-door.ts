import { createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Surroundings } from './amqp-connection.ts';
import { AmqpPeers } from './amqp-peers.ts';
import { Deadline } from './deadline.ts';
import { refuseConnection } from './faults/inject-socket.ts';
import { whenItSpeaks } from './first-bytes.ts';
import type { LinkCounts } from './peer-links.ts';
import type { TlsPair } from './tls-certificate.ts';
import { type HttpHandler, type WebDoor, webDoor } from './web-door.ts';

const connectionsMax = 1_024;

export type AmqpDoorOptions = {
  readonly host: string;
  readonly port: number;
  /** Absent: no TLS, and so no HTTPS and no WebSockets as the SDK dials them. */
  readonly tls: TlsPair | undefined;
  readonly onRequest: HttpHandler;
  /** What a peer may take from connecting until it has opened AMQP or made its first HTTP request. */
  readonly handshakeMs: number;
};

export type AmqpDoor = {
  readonly port: number;
  /** AMQP peers. */
  connections(): number;
  links(): LinkCounts;
  /** Ends links and connections that were idle too long and links whose token ran out. */
  sweep(nowMs: number): void;
  close(): Promise<void>;
};

/**
 * One port that speaks everything, told by a peer's first bytes: AMQP 1.0, TLS with any of these inside, HTTP for
 * administration, and AMQP over WebSockets. Who says nothing in time, or something else, is cut off.
 */
export async function openAmqpDoor(
  { host, port, tls, onRequest, handshakeMs }: AmqpDoorOptions,
  surroundings: Surroundings,
): Promise<AmqpDoor> {
  const sockets = new Set<Socket>();
  const peers = new AmqpPeers(surroundings);
  const takeAmqp = (stream: Duplex, deadline: Deadline): void => {
    peers.take(stream, () => {
      deadline.clear();
    });
  };
  const hear = hearing(takeAmqp, webDoor(onRequest, takeAmqp), tls);
  const server = createServer({ noDelay: true }, (socket) => {
    if (refuseConnection(socket, surroundings.faults)) return;
    const deadline = new Deadline(handshakeMs, () => {
      socket.destroy();
    });
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      deadline.clear();
    });
    hear(socket, deadline);
  });
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    connections: () => peers.count,
    links: () => peers.links(),
    sweep: (nowMs) => {
      for (const peer of peers.all()) peer.sweep(nowMs);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}

type Taking = (stream: Duplex, deadline: Deadline) => void;

/** What to do with a new socket: hand it, by its first bytes, to who speaks its language. */
function hearing(
  takeAmqp: Taking,
  web: WebDoor,
  tls: TlsPair | undefined,
): (socket: Socket, deadline: Deadline) => void {
  const secureContext = tls && createSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  const hear = (socket: Socket, deadline: Deadline): void => {
    // A peer that resets its connection is no fault of ours.
    socket.on('error', () => {
      socket.destroy();
    });
    whenItSpeaks(socket, (speech) => {
      if (speech === 'amqp') takeAmqp(socket, deadline);
      else if (speech === 'http') web.take(socket, deadline);
      else if (speech === 'tls' && secureContext !== undefined && !(socket instanceof TLSSocket))
        hear(new TLSSocket(socket, { isServer: true, secureContext }), deadline);
      else socket.destroy();
    });
  };
  return hear;
}
