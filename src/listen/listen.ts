import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { Fault } from '../message/codes.ts';

/** What the line settings mean for sockets; the rest of a line's settings belongs to other rooms. */
export type ListenLine = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly sessionsMax: number;
};

/** One open socket of a line. Everything it is told and tells is bytes; meaning is the wiring's. */
export type Session = {
  readonly line: string;
  readonly id: number;
  readonly isOpen: boolean;
  /** Bytes we wrote and the peer has not taken. */
  readonly unsentBytes: number;
  write(bytes: Buffer): void;
  /** Groups the writes of one turn into one system call. */
  cork(): void;
  uncork(): void;
  pause(): void;
  resume(): void;
  /** Ends after what was written is sent, at the latest after five seconds; destroys at once when `now`. */
  close(now: boolean): void;
};

export type SessionEvents = {
  opened(session: Session): void;
  bytes(session: Session, chunk: Buffer): void;
  /** The peer will send no more but may still read: what it sent is to be answered, then the session closed. */
  ended(session: Session): void;
  closed(session: Session): void;
  /** A connection over the line's limit: closed at once, nothing read. */
  rejected(line: string): void;
  drained(session: Session): void;
};

const KEEP_ALIVE_MS = 30_000;
const CLOSE_MS_MAX = 5_000;

/**
 * Serves one line's TCP port. Holds at most `sessionsMax` sockets; one more is closed at once. Keeps no bytes of its own.
 * Half-open peers are found by TCP keep-alive here and by frame and acknowledgement deadlines above.
 */
export class LineServer {
  readonly #line: ListenLine;
  readonly #events: SessionEvents;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #lastId = 0;

  constructor(line: ListenLine, events: SessionEvents) {
    this.#line = line;
    this.#events = events;
    this.#server = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, allowHalfOpen: true },
      (socket) => {
        this.#accept(socket);
      },
    );
    // The kernel's queue of connections not yet accepted; past it peers retry by themselves.
    this.#server.maxConnections = line.sessionsMax + 64;
  }

  async start(): Promise<number> {
    const { name, host, port } = this.#line;
    this.#server.listen({ host, port, backlog: 128 });
    try {
      await once(this.#server, 'listening');
    } catch (cause) {
      throw new Fault('CONFIG_INVALID', `line ${name} cannot listen on ${host} port ${String(port)}`, {
        cause,
      });
    }
    // A connection that could not be taken, for want of descriptors say: its peer tries again; the line goes on.
    this.#server.on('error', () => undefined);
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {
      // 'close' follows; a peer's reset is no news.
    });
    if (this.#sockets.size >= this.#line.sessionsMax) {
      this.#events.rejected(this.#line.name);
      socket.destroy();
      return;
    }
    this.#lastId += 1;
    const session = sessionOf(this.#line.name, this.#lastId, socket);
    this.#sockets.add(socket);
    this.#events.opened(session);
    socket.on('data', (chunk: Buffer) => {
      this.#events.bytes(session, chunk);
    });
    socket.on('drain', () => {
      this.#events.drained(session);
    });
    socket.on('end', () => {
      this.#events.ended(session);
    });
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#events.closed(session);
    });
  }

  /** Takes no new connections; open ones stay. */
  stopAccepting(): void {
    this.#server.close();
  }

  closeAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

const sessionOf = (line: string, id: number, socket: Socket): Session => ({
  line,
  id,
  get isOpen() {
    return !socket.destroyed && socket.writable;
  },
  get unsentBytes() {
    return socket.writableLength;
  },
  write: (bytes) => {
    socket.write(bytes);
  },
  cork: () => {
    socket.cork();
  },
  uncork: () => {
    socket.uncork();
  },
  pause: () => {
    socket.pause();
  },
  resume: () => {
    socket.resume();
  },
  close: (now) => {
    if (now) {
      socket.destroy();
      return;
    }
    socket.destroySoon();
    // A peer that does not take its last bytes may not keep its place for ever.
    const force = setTimeout(() => socket.destroy(), CLOSE_MS_MAX);
    socket.once('close', () => {
      clearTimeout(force);
    });
  },
});
