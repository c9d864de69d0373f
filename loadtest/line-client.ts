import { connect, type Socket } from 'node:net';
import { deliveryKey, type RunClock, writeControl } from './identity.ts';
import { linesSpace } from './installation.ts';
import type { Latency } from './latency.ts';
import { mixLength, type Template } from './mix.ts';
import type { Numbers } from './numbers.ts';

const ACK = 0x06;
const STX = 0x02;
const ETX = 0x03;
/** Messages of one line without an answer; an open loop that gets here is far past what the switch carries. */
const unansweredMax = 65_536;

/** What all lines of a generator count together. */
export type Tally = {
  readonly acks: Latency;
  /** Keys of the deliveries the senders may rely on. */
  readonly expected: Numbers;
  /** Times are the run clock's: latency counts for messages meant to be sent in [startUs, endUs), rates for answers got in it. */
  readonly startUs: number;
  readonly endUs: number;
  acceptedInTime: number;
  refusedInTime: number;
  accepted: number;
  refused: number;
  /** Refused although the mix has it accepted, or the other way round. */
  surprises: number;
};

/** One station: sends the mix on its line, reads the answers, and knows which message each is for, because they come in order. */
export class LineClient {
  readonly #at: number;
  readonly #mix: readonly Template[];
  readonly #clock: RunClock;
  readonly #tally: Tally;
  readonly #socket: Socket;
  readonly #onAnswers: (line: LineClient) => void;
  readonly #stamps = new Float64Array(unansweredMax);
  #sent = 0;
  #answered = 0;
  #lastStampUs = 0;
  #isInRefusal = false;
  #isLastAccepted = false;

  private constructor(
    at: number,
    mix: readonly Template[],
    clock: RunClock,
    tally: Tally,
    socket: Socket,
    onAnswers: (line: LineClient) => void,
  ) {
    this.#at = at;
    this.#mix = mix;
    this.#clock = clock;
    this.#tally = tally;
    this.#socket = socket;
    this.#onAnswers = onAnswers;
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
  }

  static open(
    options: { at: number; port: number; mix: readonly Template[]; clock: RunClock; tally: Tally },
    onAnswers: (line: LineClient) => void,
    onClosed: () => void,
  ): Promise<LineClient> {
    const { at, port, mix, clock, tally } = options;
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.once('close', onClosed);
        resolve(new LineClient(at, mix, clock, tally, socket, onAnswers));
      });
    });
  }

  get unanswered(): number {
    return this.#sent - this.#answered;
  }

  /** Messages meant to leave now, in one write. */
  sendNow(count: number): void {
    const nowUs = Math.floor(this.#clock.nowUs());
    this.#send(count, () => nowUs);
  }

  /** Messages meant to leave at these times, which may have passed already: their latency counts from then. */
  sendDue(stampsUs: readonly number[]): void {
    this.#send(stampsUs.length, (at) => Math.floor(stampsUs[at] ?? 0));
  }

  end(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #send(count: number, stampOf: (at: number) => number): void {
    if (this.unanswered + count > unansweredMax)
      throw new Error('the generator is far ahead: choose a lower rate');
    let bytes = 0;
    for (let at = 0; at < count; at += 1) bytes += this.#template(this.#sent + at).frame.length;
    const out = Buffer.allocUnsafe(bytes);
    let end = 0;
    for (let at = 0; at < count; at += 1) {
      const { frame, controlAt } = this.#template(this.#sent);
      // A stamp is an identity too: two messages of a line never share one, even if meant for the same µs.
      const stampUs = Math.max(stampOf(at), this.#lastStampUs + 1);
      this.#lastStampUs = stampUs;
      frame.copy(out, end);
      writeControl(out, end + controlAt, this.#at, stampUs);
      this.#stamps[this.#sent % unansweredMax] = stampUs;
      this.#sent += 1;
      end += frame.length;
    }
    this.#socket.write(out);
  }

  /** Lines start at different places of the mix, so that they do not all send the same kind at once. */
  #template(sequence: number): Template {
    const template = this.#mix[(sequence + this.#at * 3) % mixLength];
    if (template === undefined) throw new Error('the mix is empty');
    return template;
  }

  /** ACK for each message in order; a refused one has its text, STX to ETX, right behind its ACK. */
  #read(chunk: Buffer): void {
    const nowUs = this.#clock.nowUs();
    for (let at = 0; at < chunk.length; at += 1) {
      if (this.#isInRefusal) {
        const end = chunk.indexOf(ETX, at);
        if (end < 0) break;
        at = end;
        this.#isInRefusal = false;
      } else if (chunk[at] === ACK) this.#acknowledged(nowUs);
      else if (chunk[at] === STX) {
        this.#isInRefusal = true;
        this.#refused(nowUs);
      } else throw new Error('an answer that is neither ACK nor text');
    }
    this.#onAnswers(this);
  }

  #acknowledged(nowUs: number): void {
    const tally = this.#tally;
    const stampUs = this.#stamps[this.#answered % unansweredMax] ?? 0;
    const { deliveries } = this.#template(this.#answered);
    this.#answered += 1;
    if (stampUs >= tally.startUs && stampUs < tally.endUs) tally.acks.record(nowUs - stampUs);
    for (const destination of deliveries) {
      tally.expected.push(deliveryKey({ line: this.#at, stampUs }, destination, linesSpace));
    }
    tally.accepted += 1;
    if (isInTime(tally, nowUs)) tally.acceptedInTime += 1;
    // Taken back when its text says otherwise.
    if (deliveries.length === 0) tally.surprises += 1;
    this.#isLastAccepted = true;
  }

  #refused(nowUs: number): void {
    if (!this.#isLastAccepted) throw new Error('a refusal text without its ACK');
    this.#isLastAccepted = false;
    const tally = this.#tally;
    const { deliveries } = this.#template(this.#answered - 1);
    tally.expected.drop(deliveries.length);
    tally.accepted -= 1;
    tally.refused += 1;
    tally.surprises += deliveries.length === 0 ? -1 : 1;
    if (!isInTime(tally, nowUs)) return;
    tally.acceptedInTime -= 1;
    tally.refusedInTime += 1;
  }
}

const isInTime = (tally: Tally, nowUs: number): boolean => nowUs >= tally.startUs && nowUs < tally.endUs;
