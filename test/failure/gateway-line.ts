import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const stx = '\x02';
const etx = '\x03';
const ack = '\x06';

export type OutputParts = {
  readonly key: string;
  readonly control?: string;
  readonly ori?: string;
  readonly received?: string;
  readonly sent?: string;
  readonly isMarked?: boolean;
  readonly body?: string;
};

/** A frame in the output form (domain sheet 3.2), marks and all. */
export const outputFrame = ({
  key,
  control = '',
  ori = 'CA0990100',
  received = '00001',
  sent = '00001',
  isMarked = false,
  body = 'SAMPLE TEXT',
}: OutputParts): string => {
  const lines = [
    `${key}.${ori}`,
    `10:15 11/21/2026 ${received}`,
    `10:16 11/21/2026 ${sent} NV0990400`,
    ...(control === '' ? [] : [`*${control}`]),
    ...(isMarked ? ['POSSIBLE DUPLICATE'] : []),
    'TXT',
    body,
  ];
  return `${stx}${lines.join('\r\n')}${etx}`;
};

/** The gateway's side of one line, as a peer sees it: listens, says what the test wants, keeps what the peer said. */
export class GatewayLine {
  readonly #server: Server;
  #socket: Socket | undefined;
  /** Sessions begun. */
  sessions = 0;
  /** Everything the peer said, over all sessions. */
  heard = '';
  /** Called with the peer's frames, as they come whole, and for each ACK between them. */
  onFrame: (content: string) => void = () => undefined;
  onAck: () => void = () => undefined;
  onSession: () => void = () => undefined;
  /** As a real gateway does; off where a test wants to speak to a peer that only listens. */
  isEndedWithPeer = true;
  #partial = '';

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.sessions += 1;
      this.#socket = socket;
      this.#partial = '';
      this.onSession();
      socket.on('error', () => undefined);
      socket.on('end', () => {
        if (this.isEndedWithPeer) socket.end();
      });
      socket.on('close', () => {
        if (this.#socket === socket) this.#socket = undefined;
      });
      socket.on('data', (chunk) => {
        this.#hear(chunk.toString('latin1'));
      });
    });
  }

  static async open(): Promise<GatewayLine> {
    const line = new GatewayLine();
    await new Promise<void>((resolve) => line.#server.listen(0, '127.0.0.1', resolve));
    return line;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  /** The peer ended its half of the session, and may still be reading. */
  get isPeerGone(): boolean {
    return this.#socket?.readableEnded ?? true;
  }

  say(bytes: string): void {
    this.#socket?.write(bytes, 'latin1');
  }

  /** Ends the session in order, after all that was said. */
  end(): void {
    this.#socket?.end();
  }

  async until(is: () => boolean, what: string, msMax = 5_000): Promise<void> {
    const deadline = performance.now() + msMax;
    while (!is()) {
      if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
      await sleep(5);
    }
  }

  async connected(sessions: number): Promise<void> {
    await this.until(
      () => this.sessions >= sessions && this.isConnected,
      `session ${String(sessions)} begun`,
    );
  }

  async heardAll(bytes: string): Promise<void> {
    await this.until(() => this.heard.length >= bytes.length, 'as much as expected is heard');
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }

  #hear(text: string): void {
    this.heard += text;
    this.#partial += text;
    while (this.#partial !== '') {
      if (this.#partial.startsWith(stx)) {
        const end = this.#partial.indexOf(etx);
        if (end < 0) return;
        const content = this.#partial.slice(1, end);
        this.#partial = this.#partial.slice(end + 1);
        this.onFrame(content);
      } else {
        const isAck = this.#partial.startsWith(ack);
        this.#partial = this.#partial.slice(1);
        if (isAck) this.onAck();
      }
    }
  }
}
