import { connect, createServer, type Server, type Socket } from 'node:net';

/** A gateway's side of a session whose station has gone elsewhere: open, read, and never answered. */
export type Forsaken = { readonly bytes: number; readonly isClosed: boolean };

/**
 * The way a station's connection takes to one gateway or another. When it moves, the station sees its session end, and the old gateway
 * does not: to it the station has only fallen silent.
 */
export class Relay {
  readonly #server: Server;
  readonly #forsaken: Socket[] = [];
  #target: number;
  #pair: { readonly station: Socket; readonly gateway: Socket } | undefined;
  /** When the target was changed last, and when it said something for the first time after that. Monotonic. */
  movedAt = 0;
  heardAt: number | undefined;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (station) => {
      this.#join(station);
    });
  }

  static async open(target: number): Promise<Relay> {
    const relay = new Relay(target);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  #join(station: Socket): void {
    const gateway = connect({ host: '127.0.0.1', port: this.#target, noDelay: true });
    const pair = { station, gateway };
    this.#pair = pair;
    const isJoined = (): boolean => this.#pair === pair;
    for (const socket of [station, gateway]) socket.on('error', () => undefined);
    station.on('data', (chunk) => gateway.write(chunk));
    gateway.on('data', (chunk) => {
      if (!isJoined()) return;
      this.heardAt ??= performance.now();
      station.write(chunk);
    });
    station.on('end', () => {
      if (isJoined()) gateway.end();
    });
    gateway.on('end', () => station.end());
    station.on('close', () => {
      if (isJoined()) gateway.destroy();
    });
    gateway.on('close', () => station.destroy());
  }

  /** The station loses its session and reaches `port` from now on. */
  moveTo(port: number): Forsaken {
    const pair = this.#pair;
    if (pair === undefined) throw new Error('there is no session to move');
    this.#pair = undefined;
    this.#target = port;
    this.movedAt = performance.now();
    this.heardAt = undefined;
    const { station, gateway } = pair;
    station.end();
    this.#forsaken.push(gateway);
    return {
      get bytes() {
        return gateway.bytesRead;
      },
      get isClosed() {
        return gateway.readableEnded || gateway.destroyed;
      },
    };
  }

  close(): void {
    this.#server.close();
    for (const socket of [...this.#forsaken, this.#pair?.station, this.#pair?.gateway]) socket?.destroy();
  }
}
