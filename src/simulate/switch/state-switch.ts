import { setTimeout as sleep } from 'node:timers/promises';
import { Station, type StationEvent } from '../cad/station.ts';
import { Faults, type LineFault } from '../faults/faults.ts';
import type { LineFacts } from '../wire/line-facts.ts';
import type { Delivered } from '../wire/line-voice.ts';
import { answerTo } from './answers.ts';
import type { Records } from './records.ts';

export type SwitchEvent =
  | StationEvent
  /** An answer goes out, as a message of its own; `found` is false for NOT ON FILE. */
  | { readonly kind: 'answering'; readonly messageKey: string; readonly to: string; readonly found: boolean }
  /** More questions wait than a simulator holds: this one is not answered. */
  | { readonly kind: 'too-many' };

export type SwitchOptions = {
  readonly records: Records;
  /** Between a question and its answer, in ms. */
  readonly delayMs?: number;
  readonly faults?: Faults<LineFault>;
  readonly onEvent?: (event: SwitchEvent) => void;
};

const waitingMax = 1_000;

/** A state's message switch at the far end of a line: takes every message, and answers questions from invented records. */
export class StateSwitch {
  readonly #station: Station;
  readonly #options: SwitchOptions;
  readonly #onEvent: (event: SwitchEvent) => void;
  readonly #stopping = new AbortController();
  #waiting = 0;
  #answered = 0;
  #unanswered = 0;

  constructor(facts: LineFacts, options: SwitchOptions) {
    this.#options = options;
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#station = new Station(facts, options.faults ?? new Faults<LineFault>([]), (event) => {
      this.#onEvent(event);
      if (event.kind === 'received' && !event.message.isNotice && !event.isRefused) this.#take(event.message);
    });
  }

  /** Answers that the other side accepted. */
  get answered(): number {
    return this.#answered;
  }

  /** Answers that were refused or whose outcome is not known. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Resolves when connected; it stays so until it is stopped. */
  start(): Promise<void> {
    return this.#station.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#station.stop();
  }

  #take(question: Delivered): void {
    const { records, delayMs = 0 } = this.#options;
    const answer = answerTo(question, records);
    if (answer === undefined) return;
    if (this.#waiting >= waitingMax) {
      this.#onEvent({ kind: 'too-many' });
      return;
    }
    this.#waiting += 1;
    const { originatingOri: to, control } = question;
    const { messageKey, found } = answer;
    const text = this.#station.voice.message(messageKey, [to], control, `\r\n${answer.body}`);
    void this.#later(delayMs, async () => {
      this.#onEvent({ kind: 'answering', messageKey, to, found });
      const { kind } = await this.#station.send(text);
      if (kind === 'accepted' || kind === 'unconfirmed') this.#answered += 1;
      else this.#unanswered += 1;
    });
  }

  async #later(ms: number, work: () => Promise<void>): Promise<void> {
    try {
      if (ms > 0) await sleep(ms, undefined, { signal: this.#stopping.signal });
      if (!this.#stopping.signal.aborted) await work();
    } catch {
      // Stopped while it waited: the question stays unanswered, as with a switch that went down.
    } finally {
      this.#waiting -= 1;
    }
  }
}
