import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AnswerReader } from './answers.ts';
import { Recipient, type RecipientOptions } from './recipient.ts';

export type StationOptions = RecipientOptions & { readonly host: string; readonly port: number };

export type StationState = 'connected' | 'away' | 'unplugged';

const backOffMinMs = 50;
const backOffMaxMs = 1_000;
/** A session that lived so long ends the back-off; a gateway that closes at once is not hammered. */
const settledMs = 1_000;
/** After our own end of a session, the far side's end is waited for so long. */
const lastBytesMs = 2_000;

/**
 * A station at the far end of a line: sends no messages, books and confirms what comes, reconnects by itself. It reads each session to
 * its end before the next begins, also when it pulls its own plug: what reached this machine is in the book.
 */
export class StationLine {
  readonly #options: StationOptions;
  readonly #recipient: Recipient;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #backOffMs = backOffMinMs;
  #isPlugged = false;
  #isConnected = false;
  /** Answers came although nothing was sent: the gateway takes our confirmations for messages. */
  unasked = 0;

  constructor(options: StationOptions) {
    this.#options = options;
    this.#recipient = new Recipient(options);
  }

  get name(): string {
    return this.#options.name;
  }

  get counts(): Recipient['counts'] {
    return this.#recipient.counts;
  }

  get state(): StationState {
    if (this.#isConnected) return 'connected';
    return this.#isPlugged ? 'away' : 'unplugged';
  }

  plug(): void {
    if (this.#isPlugged) return;
    this.#isPlugged = true;
    this.#backOffMs = backOffMinMs;
    if (this.#socket === undefined) this.#connect();
  }

  /** Closes the session and stays away until `plug`. Resolves when its last byte is in the book. */
  async unplug(): Promise<void> {
    this.#isPlugged = false;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket === undefined) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.end();
    await Promise.race([closed, sleep(lastBytesMs)]);
    socket.destroy();
    await closed;
  }

  #connect(): void {
    const { host, port } = this.#options;
    const socket = connect({ host, port, noDelay: true });
    const reader = new AnswerReader();
    let connectedAt = Number.POSITIVE_INFINITY;
    this.#socket = socket;
    socket.on('connect', () => {
      connectedAt = performance.now();
      this.#isConnected = this.#isPlugged;
    });
    socket.on('data', (chunk: Buffer) => {
      const { confirmation, answers } = this.#recipient.take(reader.read(chunk));
      this.unasked += answers.length;
      if (confirmation.length > 0 && socket.writable) socket.write(confirmation);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#socket = undefined;
      this.#isConnected = false;
      if (!this.#isPlugged) return;
      const wasSettled = performance.now() - connectedAt > settledMs;
      this.#backOffMs = wasSettled ? backOffMinMs : Math.min(this.#backOffMs * 2, backOffMaxMs);
      this.#timer = setTimeout(() => {
        this.#connect();
      }, this.#backOffMs);
    });
  }
}
