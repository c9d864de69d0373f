import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Damage } from './fault-orders.ts';
import type { Faults } from './faults.ts';

/** Header of a frame, and where the list of its performative begins (OASIS AMQP 1.0, part 2.3). */
const descriptorAt = 8;
const listAt = 11;
const TRANSFER = 0x14;

/** Bytes no AMQP reader takes for a frame: their size field names 2.7 GB and their data offset is wrong. */
const rubbish = Buffer.alloc(64, 0xa5);

/** A peer's stream as faults reach it: the socket itself, or what TLS or a WebSocket made of it. */
export class InjectedSocket {
  readonly #stream: Duplex;
  #damage: Damage | undefined;
  #isFrozen = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    const write = stream.write.bind(stream);
    stream.write = ((chunk: unknown, ...rest: unknown[]): boolean =>
      (write as (...all: unknown[]) => boolean)(this.#damaged(chunk), ...rest)) as Duplex['write'];
  }

  /** Bytes not yet handed to the operating system, those of a frozen socket among them. */
  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  drop(): void {
    this.#stream.destroy();
  }

  writeRubbish(): void {
    this.#stream.write(rubbish);
  }

  /** Damages the next frame that carries a message. */
  damageNext(how: Damage): void {
    this.#damage = how;
  }

  /** Nothing is read and nothing leaves from now on; what is to leave collects, and links stop handing out at 4 MiB. */
  freeze(): void {
    if (this.#isFrozen) return;
    this.#isFrozen = true;
    this.#stream.pause();
    this.#stream.cork();
  }

  thaw(): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    this.#stream.uncork();
    this.#stream.resume();
  }

  /** rhea writes a frame a call. */
  #damaged(chunk: unknown): unknown {
    if (this.#damage === undefined || !Buffer.isBuffer(chunk) || !isTransfer(chunk)) return chunk;
    const frame = Buffer.from(chunk);
    if (this.#damage === 'performative') frame[listAt] = 0xff;
    else frame.writeUInt32BE(this.#damage === 'size' ? 4 : frame.length + 4096, 0);
    this.#damage = undefined;
    return frame;
  }
}

/** Puts the switches between a peer's stream and what reads it. */
export const injectSocket = (stream: Duplex): InjectedSocket => new InjectedSocket(stream);

/** For a door, with each socket it accepted: true when new connections are refused just now, and this one was reset. */
export function refuseConnection(socket: Socket, faults: Faults): boolean {
  if (!faults.isArmed || faults.strike(['refuse-connection']) === undefined) return false;
  // A peer that was reset may have written before.
  socket.on('error', () => undefined);
  socket.resetAndDestroy();
  return true;
}

function isTransfer(frame: Buffer): boolean {
  return (
    frame.length > listAt &&
    frame[descriptorAt] === 0x00 &&
    frame[descriptorAt + 1] === 0x53 &&
    frame[descriptorAt + 2] === TRANSFER
  );
}
