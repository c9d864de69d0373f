import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { stxEtx, type WireFraming } from '../wire/framing.ts';
import { wireControl, type WireEvent, wireFrame, WireReader } from '../wire/wire-codec.ts';

/** What a sender learned about one frame it sent. `silent`: the line was closed without an answer. */
export type Told =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'nak' }
  | { readonly kind: 'silent' };

/** What a station on a line says to a message it was sent; `silent` is a station that hangs. */
export type Verdict = 'accept' | 'refuse' | 'silent';

export type CadOptions = {
  /** The ORI its receipts are signed with, on an application line. */
  readonly ori?: string;
  /** Asked for every message the line is sent. Without it all are accepted. */
  readonly onDelivery?: (text: string) => Verdict;
  /** How frames travel on the line; STX and ETX without it. */
  readonly framing?: WireFraming;
};

const GATEWAY_ORI = 'CAGWY0000';
/** Statuses of notices: what became of an earlier message. Any other says no to the frame just sent. */
const NOTICE = /^\.7[3458]\. /m;
/** A refusal of the switch in NCIC's form; the network's own rejects have no number. */
const NCIC_REFUSAL = /^1L01[^\r\n]*\r\n[A-Z0-9]{9}\r\n(?:[^\r\n]+\r\n)*\r\nREJ (?!\.7[3458]\. )\.\d\d\. /;
const SENT_COUNT = /^[^\r\n]*\r\n[^\r\n]*\r\n\S+ \S+ (\d{5})/;
const QUIET_MS = 25;
const ANSWER_MS_MAX = 15_000;

/**
 * A CAD system on one line, as a vendor would write it: sends frames, reads link confirmations in order. On a `link` line an ACK says
 * the frame was stored, and a refusal message right behind it says it was refused; on an `application` line a message says either.
 * It is a station as well: what others send it is confirmed the same way, by ACK or by a receipt.
 */
export class CadLine {
  readonly #socket: Socket;
  readonly #hasLinkConfirm: boolean;
  readonly #options: CadOptions;
  /** Messages and notices the line was sent, whatever was said to them. */
  delivered = 0;
  readonly #framing: WireFraming;
  readonly #reader: WireReader;
  #told: Told[] = [];
  #lastAck = -1;
  #changed: (() => void) | undefined;
  #isClosed = false;

  private constructor(socket: Socket, hasLinkConfirm: boolean, options: CadOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#hasLinkConfirm = hasLinkConfirm;
    this.#framing = options.framing ?? stxEtx;
    this.#reader = new WireReader(this.#framing);
    socket.on('data', (chunk: Buffer) => {
      for (const event of this.#reader.push(chunk)) this.#read(event);
      this.#changed?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
      this.#changed?.();
    });
  }

  static async connect(
    port: number,
    confirm: 'link' | 'application',
    options: CadOptions = {},
  ): Promise<CadLine> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new CadLine(socket, confirm === 'link', options);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends one message, in the line's framing. */
  async sendText(text: string): Promise<Told> {
    const [told] = await this.send(wireFrame(this.#framing, Buffer.from(text, 'latin1')));
    return told ?? { kind: 'silent' };
  }

  /** Sends bytes that hold `frames` frames, or framing faults, and resolves with what was told about each, in order. */
  async send(bytes: Buffer, frames = 1): Promise<readonly Told[]> {
    this.#told = [];
    this.#lastAck = -1;
    this.#socket.write(bytes);
    const deadline = performance.now() + ANSWER_MS_MAX;
    while (this.#told.length < frames && !this.#isClosed && performance.now() < deadline)
      await this.#change(deadline);
    // A refusal message may still be on its way behind the last ACK.
    if (this.#lastAck >= 0 && !this.#isClosed) await this.#change(performance.now() + QUIET_MS);
    const missing = Math.max(0, frames - this.#told.length);
    return [...this.#told, ...Array.from({ length: missing }, () => ({ kind: 'silent' }) as const)];
  }

  /** Resolves when the other side has closed the line. */
  async closed(): Promise<void> {
    const deadline = performance.now() + ANSWER_MS_MAX;
    while (!this.#isClosed && performance.now() < deadline) await this.#change(deadline);
  }

  close(): void {
    this.#socket.destroy();
  }

  #change(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
      this.#changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #read(event: WireEvent): void {
    if (event.kind === 'frame') this.#message(event.content.toString('latin1'));
    else if (event.kind !== 'control') return;
    else if (event.byte === 'NAK') this.#take({ kind: 'nak' });
    else if (event.byte === 'ACK' && this.#hasLinkConfirm)
      this.#lastAck = this.#told.push({ kind: 'accepted' }) - 1;
  }

  #take(told: Told): void {
    this.#told.push(told);
    this.#lastAck = -1;
  }

  #message(text: string): void {
    const isOurs =
      text.startsWith(`ER.${GATEWAY_ORI}`) ||
      text.startsWith(`ACK.${GATEWAY_ORI}`) ||
      NCIC_REFUSAL.test(text);
    const [status = ''] = text.split('ORIGINAL MESSAGE', 1);
    if (!isOurs || NOTICE.test(status)) this.#delivery(text);
    else if (this.#hasLinkConfirm && this.#lastAck >= 0) {
      this.#told[this.#lastAck] = { kind: 'refused', text };
      this.#lastAck = -1;
    } else if (text.startsWith('ACK.')) this.#take({ kind: 'accepted' });
    else this.#take({ kind: 'refused', text });
  }

  #delivery(text: string): void {
    this.delivered += 1;
    const verdict = this.#options.onDelivery?.(text) ?? 'accept';
    if (verdict === 'silent') return;
    if (this.#hasLinkConfirm) {
      this.#socket.write(wireControl(this.#framing, verdict === 'accept' ? 'ACK' : 'NAK'));
      return;
    }
    const [, count = '00000'] = SENT_COUNT.exec(text) ?? [];
    const key = verdict === 'accept' ? 'ACK' : 'REJ';
    const receipt = `${key}.${this.#options.ori ?? ''}.${GATEWAY_ORI}.TXT${count}`;
    this.#socket.write(wireFrame(this.#framing, Buffer.from(receipt, 'latin1')));
  }
}
