import { createServer, type Socket } from 'node:net';
import rhea, { type Connection } from 'rhea';
import { AmqpConnection, type Surroundings } from './amqp-connection.ts';
import type { BusLog } from './bus-log.ts';
import { acceptSocket, awaitedFrameBytes, forgetConnection } from './rhea-inside.ts';

const connectionsMax = 1_024;
const frameBytesMax = 65_536;
/** As the service: an idle peer is dropped after four minutes without a heartbeat. */
const idleMs = 240_000;
/** A peer that does not close after we ended gets this long. */
const lingerMs = 1_000;
const incomingWindow = 5_000;

export type AmqpDoor = {
  readonly port: number;
  connections(): number;
  /** Cuts every TCP connection. */
  drop(): void;
  /** Force-detaches every publisher and consumer link. */
  detach(): void;
  close(): Promise<void>;
};

/**
 * Listens for AMQP 1.0 peers and gives each an `AmqpConnection`. Plain TCP, SASL ANONYMOUS: what the SDK dials with
 * `UseDevelopmentEmulator=true`.
 */
export async function openAmqpDoor(
  host: string,
  port: number,
  surroundings: Surroundings,
): Promise<AmqpDoor> {
  const peers = new Map<Socket, AmqpConnection>();
  const container = containerFor();
  const server = createServer({ noDelay: true }, (socket) => {
    cork(socket, surroundings.log);
    const connection = container.create_connection(connectionOptions(surroundings) as never);
    const peer = new AmqpConnection(connection, surroundings, () => socket.writableLength);
    peers.set(socket, peer);
    acceptSocket(connection, socket);
    watch(socket, connection, peer, () => peers.delete(socket));
  });
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    connections: () => peers.size,
    drop: () => {
      for (const socket of peers.keys()) socket.destroy();
    },
    detach: () => {
      for (const peer of peers.values()) peer.detachAll();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of peers.keys()) socket.destroy();
      }),
  };
}

function containerFor() {
  const container = rhea.create_container({ id: 'service-bus-stand-in' });
  const mechanisms = container.sasl_server_mechanisms as { enable_anonymous(): void };
  mechanisms.enable_anonymous();
  // A peer's faults end its connection inside rhea; without listeners they would end the process.
  const quiet = ['error', 'protocol_error', 'disconnected', 'connection_error', 'connection_close'];
  for (const event of [...quiet, 'session_error', 'receiver_error', 'sender_error']) {
    container.on(event, () => undefined);
  }
  return container;
}

function connectionOptions({ messageBytesMax, windowMax }: Surroundings) {
  return {
    idle_time_out: idleMs,
    max_frame_size: frameBytesMax,
    session_buffer_size: { incoming: incomingWindow, outgoing: windowMax },
    receiver_options: { autoaccept: false, credit_window: 0 },
    sender_options: {
      treat_modified_as_released: false,
      autosettle: false,
      max_message_size: messageBytesMax,
    },
  };
}

function watch(socket: Socket, connection: Connection, peer: AmqpConnection, gone: () => void): void {
  socket.on('data', () => {
    // rhea believes any frame size it reads and collects until it has that much.
    if ((awaitedFrameBytes(connection) ?? 0) > frameBytesMax) socket.destroy();
  });
  socket.on('drain', () => {
    peer.onRoom();
  });
  socket.once('finish', () => {
    setTimeout(() => socket.destroy(), lingerMs).unref();
  });
  socket.once('close', () => {
    gone();
    peer.end();
    forgetConnection(connection);
  });
}

/** rhea writes once a frame: gathering a turn's frames into one write saves 20-45 % of the cost of a delivery. */
function cork(socket: Socket, log: BusLog): void {
  const write = socket.write.bind(socket);
  let isCorked = false;
  socket.write = (...chunk: unknown[]): boolean => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      setImmediate(() => {
        isCorked = false;
        log.flush();
        socket.uncork();
      });
    }
    return write(...(chunk as Parameters<typeof write>));
  };
}
