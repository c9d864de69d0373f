import { setTimeout as sleep } from 'node:timers/promises';
import type { Faults, LineFault } from '../faults/faults.ts';
import type { LineFacts } from '../wire/line-facts.ts';
import { type Delivered, LineVoice } from '../wire/line-voice.ts';
import { wireFrame } from '../wire/wire-codec.ts';
import type { Answer } from './owed-answers.ts';
import { Session } from './session.ts';

/** What a station noticed, for whoever shows it. `n` counts messages sent from 1. */
export type StationEvent =
  | { readonly kind: 'connected' | 'closed' }
  /** Nobody listens at the address, or it is out of reach: said once, until it was connected again. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'sent'; readonly n: number; readonly bytes: number; readonly again: boolean }
  | { readonly kind: 'answered'; readonly n: number; readonly answer: Answer }
  /** `isRefused`: a fault says no to it, so that it will come again. */
  | { readonly kind: 'received'; readonly message: Delivered; readonly isRefused: boolean }
  | { readonly kind: 'fault'; readonly fault: LineFault['fault'] };

export type SendOptions = {
  /** How long the answer may take, in ms; default 15,000. */
  readonly answerMs?: number;
  /** A message whose answer was lost is sent again after the next connect, as a station must; default true. */
  readonly sendsAgain?: boolean;
};

const answerMsDefault = 15_000;
const triesMax = 20;
const backOffMinMs = 100;
const backOffMaxMs = 10_000;
/** Messages received and not yet confirmed, and messages waiting to be written. */
const heldMax = 10_000;

/**
 * A station at the far end of a line, as a vendor would write it: stays connected with back-off, confirms what it is sent, sends again
 * what was not answered. Faults make it misbehave in ways that can be repeated.
 */
export class Station {
  readonly voice: LineVoice;
  readonly #facts: LineFacts;
  readonly #onEvent: (event: StationEvent) => void;
  #faults: Faults<LineFault>;
  #session: Session | undefined;
  #connected = Promise.withResolvers<Session | undefined>();
  #isWanted = false;
  #running: Promise<void> = Promise.resolve();
  #stopWaiting = new AbortController();
  #writing: Promise<unknown> = Promise.resolve();
  #confirming: Promise<unknown> = Promise.resolve();
  #held = 0;
  #sent = 0;

  constructor(facts: LineFacts, faults: Faults<LineFault>, onEvent: (event: StationEvent) => void) {
    this.#facts = facts;
    this.#faults = faults;
    this.#onEvent = onEvent;
    this.voice = new LineVoice(facts);
  }

  /** From now on these faults and no others; their counts begin anew. */
  set faults(faults: Faults<LineFault>) {
    this.#faults = faults;
  }

  /** Connects, and again whenever the connection ends. Resolves when it is connected first, or stopped. */
  async start(): Promise<void> {
    if (!this.#isWanted) {
      this.#isWanted = true;
      this.#stopWaiting = new AbortController();
      this.#running = this.#stayConnected(this.#stopWaiting.signal);
    }
    await this.#open();
  }

  /** Ends the connection and does not come back until it is started again. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    this.#stopWaiting.abort();
    this.#session?.close();
    this.#connected.resolve(undefined);
    await this.#running;
    this.#connected = Promise.withResolvers();
  }

  /** Sends one message and resolves with what was said of it. Messages go out in the order of the calls. */
  async send(text: string, options: SendOptions = {}): Promise<Answer> {
    this.#sent += 1;
    const n = this.#sent;
    const { sendsAgain = true, answerMs = answerMsDefault } = options;
    let answer: Answer = { kind: 'silent' };
    for (let tries = 1; tries <= (sendsAgain ? triesMax : 1) && answer.kind === 'silent'; tries += 1) {
      if (tries > 1 && !this.#isWanted) break;
      answer = await this.#try(n, text, answerMs, tries > 1);
    }
    this.#onEvent({ kind: 'answered', n, answer });
    return answer;
  }

  async #try(n: number, text: string, answerMs: number, again: boolean): Promise<Answer> {
    const turn = this.#writing.then(() => this.#write(n, text, answerMs, again));
    this.#writing = turn.catch(() => undefined);
    const { session, answer } = await turn;
    const said = await answer;
    // Without an answer nobody can know which frame a later one would be about: a new connection begins a new count.
    if (said.kind === 'silent') session?.close();
    return said;
  }

  async #write(
    n: number,
    text: string,
    answerMs: number,
    again: boolean,
  ): Promise<{ session: Session | undefined; answer: Promise<Answer> }> {
    const session = await this.#open();
    const frame = wireFrame(this.#facts.framing, Buffer.from(text, 'latin1'));
    if (session === undefined) return { session, answer: Promise.resolve({ kind: 'silent' }) };
    // A fault strikes a message once: sent again it goes through, so a run ends whatever its faults.
    const faults = again ? [] : this.#faults.next(countsSent);
    for (const { fault } of faults) this.#onEvent({ kind: 'fault', fault });
    for (const fault of faults) if (fault.fault === 'delay') await sleep(fault.ms);
    const half = faults.find((one) => one.fault === 'half-frame');
    const isTwice = half === undefined && faults.some(({ fault }) => fault === 'duplicate');
    const bytes = half === undefined ? frame : frame.subarray(0, Math.ceil(frame.length / 2));
    this.#onEvent({ kind: 'sent', n, bytes: frame.length, again });
    const answer = session.owed.answer(answerMs);
    await session.write(bytes);
    if (isTwice) {
      // The second copy is answered too; what is said of it is nobody's business.
      void session.owed.answer(answerMs);
      await session.write(frame);
    }
    if (half?.then === 'close' || faults.some(({ fault }) => fault === 'drop')) session.close();
    return { session, answer };
  }

  #received(session: Session, message: Delivered): void {
    const faults = this.#faults.next((fault) => !countsSent(fault));
    this.#onEvent({ kind: 'received', message, isRefused: faults.some(({ fault }) => fault === 'nak') });
    for (const { fault } of faults) this.#onEvent({ kind: 'fault', fault });
    if (this.#held >= heldMax) {
      session.close();
      return;
    }
    this.#held += 1;
    this.#confirming = this.#confirming
      .then(() => confirmWith(session, message, faults))
      .catch(() => undefined)
      .finally(() => {
        this.#held -= 1;
      });
  }

  async #open(): Promise<Session | undefined> {
    for (;;) {
      if (this.#session?.isOpen === true) return this.#session;
      if (!this.#isWanted) return undefined;
      const session = await this.#connected.promise;
      if (session === undefined || session.isOpen) return session;
      // It has ended since; the next one is on its way.
      await sleep(1);
    }
  }

  async #stayConnected(stopped: AbortSignal): Promise<void> {
    let failures = 0;
    while (this.#isWanted) {
      try {
        const ended = Promise.withResolvers<undefined>();
        const events = {
          onDelivery: (from: Session, message: Delivered) => {
            // Behind what an ACK before it settled, so that events come in the order of the wire.
            setImmediate(() => {
              this.#received(from, message);
            });
          },
          onClosed: () => {
            ended.resolve(undefined);
          },
        };
        const session = await Session.open(this.#facts, this.voice, events, stopped);
        failures = 0;
        this.#opened(session);
        await ended.promise;
        this.#onEvent({ kind: 'closed' });
      } catch {
        if (failures === 0 && !stopped.aborted) this.#onEvent({ kind: 'unreachable' });
        failures += 1;
      }
      // One that is closed as soon as it is opened must not be tried without a pause either.
      const pauseMs = Math.min(backOffMinMs * 2 ** failures, backOffMaxMs);
      await sleep(pauseMs, undefined, { signal: stopped }).catch(() => undefined);
    }
  }

  #opened(session: Session): void {
    this.#session = session;
    if (!this.#isWanted) session.close();
    this.#onEvent({ kind: 'connected' });
    const waiting = this.#connected;
    this.#connected = Promise.withResolvers();
    waiting.resolve(session);
  }
}

/** Half of the faults are about what is sent; the rest about what is received. */
const countsSent = (fault: LineFault): boolean =>
  'on' in fault ? fault.on === 'sent' : fault.fault === 'half-frame' || fault.fault === 'duplicate';

async function confirmWith(
  session: Session,
  message: Delivered,
  faults: readonly LineFault[],
): Promise<void> {
  for (const fault of faults) if (fault.fault === 'delay') await sleep(fault.ms);
  const names = new Set(faults.map(({ fault }) => fault));
  if (names.has('drop')) session.close();
  else if (!names.has('silent')) await session.confirm(message, !names.has('nak'));
}
