import { connect, type Socket } from 'node:net';
import { AnswerReader } from './answers.ts';
import { type Book, type Outcome, sentLine, toldLine } from './books.ts';
import type { LineSpec, MessageMaker } from './made-messages.ts';

export type SenderOptions = {
  readonly line: LineSpec;
  readonly maker: MessageMaker;
  readonly sent: Book;
  readonly told: Book;
  readonly perSecond: number;
  /** Frames without an answer at most: what a sender may have to wonder about after a crash. */
  readonly windowMax: number;
};

const tickMs = 5;
/** After a stall at most this much is made up for; a switch back from the dead is not greeted with a flood. */
const burstSeconds = 0.1;
const reconnectMs = 50;
/** Unanswered at the end this long: the line is closed and they count as silent. */
const lastAnswerMs = 10_000;

/** A sender on one line with link confirmation. It resends nothing, reconnects by itself, and writes down every answer. */
export class LineSender {
  readonly #options: SenderOptions;
  readonly counts: Record<Outcome | 'sent' | 'connects', number> = {
    sent: 0,
    acked: 0,
    refused: 0,
    nak: 0,
    silent: 0,
    connects: 0,
  };
  #socket: Socket | undefined;
  #isConnected = false;
  /** Control fields of frames without an answer, oldest first. */
  #waiting: string[] = [];
  #lastAcked = '';
  #allowance = 0;
  #lastTick = performance.now();
  #ticks: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  get unanswered(): number {
    return this.#waiting.length;
  }

  start(): void {
    this.#connect();
    this.#ticks = setInterval(() => {
      this.#tick();
    }, tickMs);
  }

  /** Sends no more, waits for answers under way, closes the line. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#ticks);
    const deadline = performance.now() + lastAnswerMs;
    while (this.#waiting.length > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, tickMs));
    this.#socket?.destroy();
    this.#closed();
  }

  #connect(): void {
    if (this.#isStopped) return;
    const { host, port } = this.#options.line;
    const socket = connect({ host, port, noDelay: true });
    const reader = new AnswerReader();
    this.#socket = socket;
    socket.on('connect', () => {
      this.counts.connects += 1;
      this.#isConnected = true;
    });
    socket.on('data', (chunk: Buffer) => {
      for (const answer of reader.read(chunk)) {
        if (answer.kind === 'frame') this.#refused(answer.control);
        else this.#answered(answer.kind === 'ack' ? 'acked' : 'nak');
      }
    });
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      this.#closed();
      setTimeout(() => {
        this.#connect();
      }, reconnectMs);
    });
  }

  #tick(): void {
    const { perSecond, windowMax } = this.#options;
    const now = performance.now();
    const earned = (perSecond * (now - this.#lastTick)) / 1000;
    this.#lastTick = now;
    this.#allowance = Math.min(this.#allowance + earned, Math.max(1, perSecond * burstSeconds));
    const frames: Buffer[] = [];
    while (this.#isConnected && this.#allowance >= 1 && this.#waiting.length < windowMax) {
      this.#allowance -= 1;
      frames.push(this.#next());
    }
    if (frames.length > 0) this.#socket?.write(Buffer.concat(frames));
  }

  #next(): Buffer {
    const { line, maker, sent } = this.#options;
    const { control, copies, frame } = maker.next();
    sent.add(sentLine({ control, line: line.name, copies, atMs: Date.now() }));
    this.#waiting.push(control);
    this.counts.sent += 1;
    return frame;
  }

  /** ACK and NAK come in frame order, so each is for the oldest frame. */
  #answered(outcome: 'acked' | 'nak'): void {
    const control = this.#waiting.shift();
    if (control === undefined) throw new Error(`${this.#options.line.name}: an answer to nothing`);
    if (outcome === 'acked') this.#lastAcked = control;
    this.#tell(control, outcome);
  }

  /** A refusal follows its ACK; its own words say which message it means. */
  #refused(control: string): void {
    this.counts.acked -= 1;
    this.#tell(control === '' ? this.#lastAcked : control, 'refused');
  }

  #closed(): void {
    this.#isConnected = false;
    for (const control of this.#waiting.splice(0)) this.#tell(control, 'silent');
  }

  #tell(control: string, outcome: Outcome): void {
    this.counts[outcome] += 1;
    this.#options.told.add(toldLine({ control, outcome, line: this.#options.line.name, atMs: Date.now() }));
  }
}
