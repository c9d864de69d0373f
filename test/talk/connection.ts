import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { WireFraming } from '../../src/simulate/wire/framing.ts';
import {
  type WireControl,
  wireControl,
  type WireEvent,
  wireFrame,
  WireReader,
} from '../../src/simulate/wire/wire-codec.ts';

/** More than any talk is told; a peer that never stops costs this much and no more. */
const unreadBytesMax = 1_048_576;

/** One side of a talk: a real socket, and what it was told and nobody has looked at yet. */
export class Connection {
  readonly #socket: Socket;
  readonly #framing: WireFraming | undefined;
  #unread = Buffer.alloc(0);
  #isClosed = false;
  #changed: (() => void) | undefined;

  private constructor(socket: Socket, framing: WireFraming | undefined) {
    this.#socket = socket;
    this.#framing = framing;
    socket.on('data', (chunk: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, chunk]);
      if (this.#unread.length > unreadBytesMax) socket.destroy();
      this.#changed?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
      this.#changed?.();
    });
  }

  static async open(port: number, framing: WireFraming | undefined): Promise<Connection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket, framing);
  }

  /** Can it say and hear whole messages? */
  get speaks(): boolean {
    return this.#framing !== undefined;
  }

  get unread(): Buffer {
    return this.#unread;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** A message or, of its own single byte, a link confirmation, in the line's framing. */
  say(content: Buffer): void {
    if (this.#framing === undefined) return;
    const control = controlOf.get(content.toString('latin1'));
    this.send(
      control === undefined ? wireFrame(this.#framing, content) : wireControl(this.#framing, control),
    );
  }

  take(bytes: number): void {
    this.#unread = this.#unread.subarray(bytes);
  }

  /** The next whole message and how many bytes it takes; undefined while there is none. Byte by byte, so that nothing behind it is read. */
  next(): { readonly content: Buffer; readonly used: number } | undefined {
    if (this.#framing === undefined) return undefined;
    const reader = new WireReader(this.#framing);
    for (let used = 1; used <= this.#unread.length; used++) {
      const [event] = reader.push(this.#unread.subarray(used - 1, used));
      if (event !== undefined) return { content: contentOf(event), used };
    }
    return undefined;
  }

  /** Resolves when the condition holds; false when it does not by then. Asked anew when bytes came or the other side closed. */
  async until(isSo: () => boolean, deadline: number): Promise<boolean> {
    while (!isSo()) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }

  /** Says that nothing more will come; the other side answers what it has and closes. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

const bytes: Readonly<Record<WireControl, string>> = { ACK: '\x06', NAK: '\x15', ENQ: '\x05' };
const controlOf = new Map(Object.entries(bytes).map(([name, byte]) => [byte, name as WireControl]));

function contentOf(event: WireEvent): Buffer {
  if (event.kind === 'frame') return event.content;
  return Buffer.from(event.kind === 'control' ? bytes[event.byte] : 'GARBLED', 'latin1');
}
