import { setTimeout as sleep } from 'node:timers/promises';
import { lineFaults } from '../faults/faults.ts';
import type { Delivered } from '../wire/line-voice.ts';
import type { Answer } from './owed-answers.ts';
import type { Expected, Step } from './script.ts';
import { RunningNumber } from './script.ts';
import type { Station } from './station.ts';

/** A step whose expectation was not met; `got` is what came instead, in a word. */
export type Unmet = { readonly line: number; readonly wanted: string; readonly got: string };

const acceptedByDefault: Expected = { what: 'accepted', withinMs: 60_000 };
const connectMsDefault = 15_000;
/** Answers not yet looked at; past it the oldest is. */
const openMax = 64;
/** Messages received that no step asked for yet; past it the oldest are forgotten. */
const receivedMax = 10_000;

type Open = { readonly line: number; readonly answer: Promise<Answer> };

/** Runs the steps of a script on a station; everything that was sent must have been answered as expected, accepted if nothing is said. */
export class ScriptRun {
  readonly unmet: Unmet[] = [];
  readonly #station: Station;
  readonly #stopped: AbortSignal;
  readonly #connectMsMax: number;
  readonly #numbers = new RunningNumber();
  readonly #open: Open[] = [];
  readonly #received: string[] = [];
  #arrived = Promise.withResolvers<undefined>();
  #isOver = false;

  /** `connectMsMax`: how long a `connect` may take. */
  constructor(station: Station, stopped: AbortSignal, connectMsMax = connectMsDefault) {
    this.#station = station;
    this.#stopped = stopped;
    this.#connectMsMax = connectMsMax;
  }

  /** Nobody listened: no further step is taken. */
  get isOver(): boolean {
    return this.#isOver || this.#stopped.aborted;
  }

  /** Call for each message the station was sent. */
  received({ messageKey }: Delivered): void {
    this.#received.push(messageKey);
    if (this.#received.length > receivedMax) this.#received.shift();
    this.#arrived.resolve(undefined);
    this.#arrived = Promise.withResolvers();
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#run(steps);
    for (const open of this.#open.splice(0)) await this.#settle(open, acceptedByDefault, open.line);
  }

  async #run(steps: readonly Step[]): Promise<void> {
    for (const [at, step] of steps.entries()) {
      if (this.isOver) return;
      await this.do(step, steps[at + 1]);
    }
  }

  /** One step; `next` is the one behind it, for a message that must not be sent again. */
  async do(step: Step, next?: Step): Promise<void> {
    switch (step.does) {
      case 'connect':
        return this.#connect(step.line);
      case 'close':
        return this.#station.stop();
      case 'send':
        return this.#send(step.text, step.line, next);
      case 'expect':
        return this.#expect(step.expected, step.line);
      case 'pause':
        await sleep(step.ms, undefined, { signal: this.#stopped }).catch(() => undefined);
        return;
      case 'fault':
        this.#station.faults = lineFaults(step.spec);
        return;
      case 'repeat':
        for (let n = 0; n < step.times && !this.isOver; n += 1) await this.#run(step.steps);
    }
  }

  async #connect(line: number): Promise<void> {
    const connected = this.#station.start().then(() => true);
    const isConnected = await Promise.race([connected, sleep(this.#connectMsMax, false, { ref: false })]);
    if (isConnected) return;
    this.unmet.push({ line, wanted: 'connected', got: 'nobody listens' });
    this.#isOver = true;
    await this.#station.stop();
  }

  async #send(text: string, line: number, next: Step | undefined): Promise<void> {
    // Who expects silence wants to see it, not to send again.
    const isSilenceExpected = next?.does === 'expect' && next.expected.what === 'silent';
    const sent = this.#station.send(this.#numbers.fill(text), {
      sendsAgain: !isSilenceExpected,
      ...(isSilenceExpected ? { answerMs: next.expected.withinMs } : {}),
    });
    // One that cannot be framed is told where its answer is looked at, which may be much later.
    sent.catch(() => undefined);
    this.#open.push({ line, answer: sent });
    const oldest = this.#open.length > openMax ? this.#open.shift() : undefined;
    if (oldest !== undefined) await this.#settle(oldest, acceptedByDefault, oldest.line);
  }

  async #expect(expected: Expected, line: number): Promise<void> {
    if (expected.what === 'message') return this.#expectMessage(expected, line);
    const open = this.#open.shift();
    if (open === undefined) this.unmet.push({ line, wanted: expected.what, got: 'nothing sent' });
    else await this.#settle(open, expected, line);
  }

  async #settle({ answer }: Open, expected: Expected, line: number): Promise<void> {
    // The wait for silence is the sender's, and ends a moment later than ours would.
    const ms = expected.withinMs + (expected.what === 'silent' ? 1_000 : 0);
    const got = await Promise.race([answer, sleep(ms, undefined, { ref: false })]);
    if (!isMet(expected, got))
      this.unmet.push({ line, wanted: wantedText(expected), got: got?.kind ?? 'no answer in time' });
  }

  async #expectMessage(expected: Extract<Expected, { what: 'message' }>, line: number): Promise<void> {
    const { messageKey, withinMs } = expected;
    const deadline = performance.now() + withinMs;
    for (;;) {
      const at = this.#received.indexOf(messageKey);
      if (at >= 0) {
        this.#received.splice(at, 1);
        return;
      }
      const left = deadline - performance.now();
      if (left <= 0 || this.#stopped.aborted) break;
      const options = { ref: false, signal: this.#stopped };
      await Promise.race([this.#arrived.promise, sleep(left, undefined, options).catch(() => undefined)]);
    }
    this.unmet.push({ line, wanted: wantedText(expected), got: 'no such message in time' });
  }
}

/** On a line without confirmation, a second without a refusal is as good as it gets. */
function isMet(expected: Expected, got: Answer | undefined): boolean {
  if (expected.what === 'accepted') return got?.kind === 'accepted' || got?.kind === 'unconfirmed';
  if (expected.what === 'refused')
    return got?.kind === 'refused' && got.statuses.some((line) => line.startsWith(expected.status));
  return got?.kind === expected.what;
}

const wantedText = (expected: Expected): string => {
  if (expected.what === 'refused') return `refused ${expected.status.trim()}`.trim();
  return expected.what === 'message' ? `message ${expected.messageKey}` : expected.what;
};
