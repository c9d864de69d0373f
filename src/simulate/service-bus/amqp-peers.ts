import type { Duplex } from 'node:stream';
import rhea, { type Connection, type Container } from 'rhea';
import { AmqpConnection, type Surroundings } from './amqp-connection.ts';
import type { BusLog } from './bus-log.ts';
import type { LinkCounts } from './peer-links.ts';
import { acceptSocket, awaitedFrameBytes, forgetConnection } from './rhea-inside.ts';

const frameBytesMax = 65_536;
/** What a peer gets to close after we ended, and we to close after it did. */
const lingerMs = 1_000;
const incomingWindow = 5_000;

/** Everybody who speaks AMQP 1.0 with us, whatever it comes over: TCP, TLS or WebSockets. SASL ANONYMOUS. */
export class AmqpPeers {
  readonly #surroundings: Surroundings;
  readonly #container: Container;
  readonly #peers = new Map<Duplex, AmqpConnection>();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#container = containerFor();
  }

  get count(): number {
    return this.#peers.size;
  }

  links(): LinkCounts {
    const counts = { publisher: 0, consumer: 0 };
    for (const peer of this.#peers.values()) peer.countLinks(counts);
    return counts;
  }

  all(): Iterable<AmqpConnection> {
    return this.#peers.values();
  }

  /** Speaks AMQP on a stream; `onOpen` runs once the peer has opened its connection. */
  take(stream: Duplex, onOpen: () => void): void {
    const surroundings = this.#surroundings;
    cork(stream, surroundings.log);
    const connection = this.#container.create_connection(connectionOptions(surroundings) as never);
    connection.once('connection_open', onOpen);
    const peer = new AmqpConnection(connection, surroundings, stream);
    this.#peers.set(stream, peer);
    acceptSocket(connection, stream);
    watch(stream, connection, peer, () => this.#peers.delete(stream));
  }
}

function containerFor(): Container {
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

function connectionOptions({ messageBytesMax, windowMax, idle }: Surroundings) {
  return {
    idle_time_out: idle.heartbeatMs,
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

function watch(stream: Duplex, connection: Connection, peer: AmqpConnection, gone: () => void): void {
  stream.on('data', () => {
    // rhea believes any frame size it reads and collects until it has that much.
    if ((awaitedFrameBytes(connection) ?? 0) > frameBytesMax) stream.destroy();
  });
  stream.on('drain', () => {
    peer.onRoom();
  });
  // Of a WebSocket that was cut only the end of its bytes is told: without this it would never close.
  for (const over of ['end', 'finish']) {
    stream.once(over, () => {
      setTimeout(() => stream.destroy(), lingerMs).unref();
    });
  }
  stream.once('close', () => {
    gone();
    peer.end();
    forgetConnection(connection);
  });
}

/** rhea writes once a frame: gathering a turn's frames into one write saves 20-45 % of the cost of a delivery. */
function cork(stream: Duplex, log: BusLog): void {
  const write = stream.write.bind(stream);
  let isCorked = false;
  stream.write = (...chunk: unknown[]): boolean => {
    if (!isCorked) {
      isCorked = true;
      stream.cork();
      setImmediate(() => {
        isCorked = false;
        log.flush();
        stream.uncork();
      });
    }
    return write(...(chunk as Parameters<typeof write>));
  };
}
