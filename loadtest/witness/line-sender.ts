import { connect, type Socket } from 'node:net';
import { AnswerReader } from './answers.ts';
import { type Book, type Outcome, sentLine, toldLine } from './books.ts';
import type { LineSpec, MessageMaker } from './made-messages.ts';
import type { LineAnswer } from './output-frame.ts';
import { Recipient } from './recipient.ts';

export type SenderOptions = {
  readonly line: LineSpec;
  readonly maker: MessageMaker;
  readonly gatewayOri: string;
  readonly sent: Book;
  readonly told: Book;
  readonly got: Book;
  readonly noted: Book;
  readonly perSecond: number;
  /** Frames without an answer at most: what a sender may have to wonder about after a crash. */
  readonly windowMax: number;
};

const tickMs = 5;
/** After a stall at most this much is made up for; a switch back from the dead is not greeted with a flood. */
const burstSeconds = 0.1;
const reconnectMs = 50;
/** Unanswered at the end this long: the session is closed and they count as silent. */
const lastAnswerMs = 10_000;

/**
 * A sender on one line with link or application confirmation. It resends nothing, reconnects by itself, and writes down every answer.
 * Its line is a station too: what the switch delivers or notes between answers is booked and confirmed.
 */
export class LineSender {
  readonly #options: SenderOptions;
  readonly #recipient: Recipient;
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
  #isClosed = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    const { line, gatewayOri, got, noted } = options;
    this.#recipient = new Recipient({ ...line, gatewayOri, got, noted });
  }

  get received(): Recipient['counts'] {
    return this.#recipient.counts;
  }

  start(): void {
    this.#connect();
    this.#ticks = setInterval(() => {
      this.#tick();
    }, tickMs);
  }

  /** Sends no more and waits for answers under way. The line stays up: notices come when they come. */
  async stop(): Promise<void> {
    clearInterval(this.#ticks);
    const deadline = performance.now() + lastAnswerMs;
    while (this.#waiting.length > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, tickMs));
    if (this.#waiting.length === 0) return;
    this.#socket?.destroy();
    this.#disconnected();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#ticks);
    this.#socket?.destroy();
    this.#disconnected();
  }

  #connect(): void {
    if (this.#isClosed) return;
    const { host, port } = this.#options.line;
    const socket = connect({ host, port, noDelay: true });
    const reader = new AnswerReader();
    this.#socket = socket;
    socket.on('connect', () => {
      this.counts.connects += 1;
      this.#isConnected = true;
    });
    socket.on('data', (chunk: Buffer) => {
      const { confirmation, answers } = this.#recipient.take(reader.read(chunk));
      if (confirmation.length > 0) socket.write(confirmation);
      for (const answer of answers) this.#answered(answer);
    });
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      this.#disconnected();
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
    const { control, places, frame } = maker.next();
    sent.add(sentLine({ control, line: line.name, places, atMs: Date.now() }));
    this.#waiting.push(control);
    this.counts.sent += 1;
    return frame;
  }

  #answered(answer: LineAnswer): void {
    const isLink = this.#options.line.confirm === 'link';
    switch (answer.kind) {
      case 'ack':
      case 'nak':
        if (!isLink) throw new Error(`${this.#options.line.name}: a byte where a frame answers`);
        this.#settleOldest(answer.kind === 'ack' ? 'acked' : 'nak');
        return;
      case 'accepted':
        if (isLink) throw new Error(`${this.#options.line.name}: a frame where a byte answers`);
        this.#settleOldest('acked', answer.control);
        return;
      case 'refused':
        if (isLink) this.#takeBack(answer.control);
        else this.#settleOldest('refused', answer.control);
    }
  }

  /** Answers come in frame order, so each is for the oldest frame; one that repeats a control field must repeat that one's. */
  #settleOldest(outcome: Outcome, answered = ''): void {
    const control = this.#waiting.shift();
    if (control === undefined) throw new Error(`${this.#options.line.name}: an answer to nothing`);
    if (answered !== '' && answered !== control)
      throw new Error(`${this.#options.line.name}: ${answered} answered before ${control}`);
    if (outcome === 'acked') this.#lastAcked = control;
    this.#tell(control, outcome);
  }

  /** On a link line a refusal follows its ACK; its own words say which message it means. */
  #takeBack(control: string): void {
    this.counts.acked -= 1;
    this.#tell(control === '' ? this.#lastAcked : control, 'refused');
  }

  #disconnected(): void {
    this.#isConnected = false;
    for (const control of this.#waiting.splice(0)) this.#tell(control, 'silent');
  }

  #tell(control: string, outcome: Outcome): void {
    this.counts[outcome] += 1;
    this.#options.told.add(toldLine({ control, outcome, line: this.#options.line.name, atMs: Date.now() }));
  }
}
