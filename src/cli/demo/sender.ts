import { setTimeout as sleep } from 'node:timers/promises';
import { CadLine, type Told } from '../../simulate/cad/cad-line.ts';
import { framed } from '../demo-send.ts';
import type { Books, Outcome } from './books.ts';
import { readArrived } from './station.ts';
import type { Outgoing } from './traffic.ts';

const CONNECT_PAUSE_MS = 200;
/** Who writes the notices, in the example. */
const GATEWAY_ORI = 'CAGWY0000';

export type SenderOptions = {
  readonly line: string;
  readonly port: number;
  readonly confirm: 'link' | 'application';
  readonly traffic: Iterator<Outgoing>;
  readonly pauseMs: number;
};

/**
 * A CAD system that sends one message after the other and connects again by itself. A message whose line ended without an answer is
 * never sent again: whether it was accepted is unknown. What the line is told later, a notice, goes into the books as well.
 */
export class DemoSender {
  readonly #options: SenderOptions;
  readonly #books: Books;
  readonly #stopping = new AbortController();
  #line: CadLine | undefined;
  #running: Promise<void> | undefined;
  #isPaused = false;
  #isSending = false;

  constructor(options: SenderOptions, books: Books) {
    this.#options = options;
    this.#books = books;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is unanswered; the line stays, for notices. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    while (this.#isSending) await sleep(10);
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** Ends the sender and its line. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#line?.close();
  }

  /** Many at once, in one write, on a session of their own. */
  async burst(messages: readonly Outgoing[]): Promise<void> {
    const line = await this.#connect();
    for (const { control, copies } of messages) this.#books.sending(control, copies, Date.now());
    const told = await line.send(Buffer.concat(messages.map(({ text }) => framed(text))), messages.length);
    for (const [at, { control }] of messages.entries()) this.#told(control, told[at]);
    line.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { traffic, pauseMs } = this.#options;
    for (let dueAt = performance.now(); !signal.aborted; dueAt += pauseMs) {
      // What could not be sent in time is left out, not made up for.
      dueAt = Math.max(dueAt, performance.now() - pauseMs);
      await sleep(Math.max(0, dueAt - performance.now()), undefined, { signal }).catch(() => undefined);
      if (this.#line?.isClosed !== false && !(await this.#reconnect())) continue;
      if (this.#isHeld()) continue;
      this.#isSending = true;
      const next = traffic.next();
      if (next.done !== true) await this.#send(next.value);
      this.#isSending = false;
    }
  }

  /** Asked anew: both may have changed while the sender slept or connected. */
  #isHeld(): boolean {
    return this.#isPaused || this.#stopping.signal.aborted || this.#books.isFull;
  }

  async #send({ control, copies, text, answersAt }: Outgoing): Promise<void> {
    this.#books.sending(control, copies, Date.now(), answersAt);
    const [told] = (await this.#line?.send(framed(text))) ?? [];
    this.#told(control, told);
    // An answer that comes yet would be taken for the next message's.
    if (told?.kind === 'silent') this.#line?.close();
  }

  #told(control: string, told: Told | undefined): void {
    this.#books.told(control, outcomeOf(told), Date.now());
  }

  async #reconnect(): Promise<boolean> {
    try {
      this.#line = await this.#connect();
      return true;
    } catch {
      await sleep(CONNECT_PAUSE_MS);
      return false;
    }
  }

  #connect(): Promise<CadLine> {
    const { port, confirm } = this.#options;
    return CadLine.connect(port, confirm, {
      onDelivery: (text) => {
        const arrived = readArrived(text);
        if (arrived === undefined) return 'accept';
        const { from, control, isMarked } = arrived;
        // Nothing else is addressed to a line that sends: such a copy is a stranger.
        if (from === GATEWAY_ORI) this.#books.noted(control);
        else this.#books.got(control, this.#options.line, isMarked, Date.now());
        return 'accept';
      },
    });
  }
}

const outcomeOf = (told: Told | undefined): Outcome => {
  if (told?.kind === 'accepted') return 'accepted';
  return told === undefined || told.kind === 'silent' ? 'unknown' : 'refused';
};
