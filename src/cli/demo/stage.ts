import type { Picture } from '../../board/picture.ts';
import type { Site } from '../../simulate/site/site.ts';
import type { Watch } from '../../wiring/watch.ts';
import type { FarSide } from './far-side.ts';
import { Faults } from './faults.ts';
import { guide } from './tour.ts';
import { OFFICER_SAFETY_KEY } from './traffic.ts';
import { askLedger, askRecord, judge, lastWord, type Verdict } from './verdict.ts';
import type { DemoEvent, Part, View } from './view.ts';

const EVENTS_MAX = 200;
const HISTORY_MAX = 240;
/** After the last fault is mended a bus client may rest ten seconds before it tries again. */
const ARRIVE_MS_MAX = 30_000;

export type StageParts = {
  readonly site: Site;
  readonly watch: Watch;
  readonly farSide: FarSide;
  readonly isTour: boolean;
  readonly pauseMs: number;
};

const partOf: Readonly<Record<string, Part>> = { c: 'courier', g: 'gateway', b: 'bus', r: 'recorder' };

const drained = { courier: 'drained', gateway: 'drained', bus: 'drained', recorder: 'drained' } as const;

/** One run of the demo: its events, its history, what a key does, and the end. Knows nothing of screens. */
export class Stage {
  readonly quitting: Promise<void>;
  onEvent: (atMs: number, text: string) => void = () => undefined;
  readonly #parts: StageParts;
  readonly #faults: Faults;
  readonly #startedAtMs = Date.now();
  readonly #events: DemoEvent[] = [];
  readonly #history = { accepted: [] as number[], delivered: [] as number[], refused: [] as number[] };
  readonly #tour = { ending: undefined as AbortController | undefined, running: Promise.resolve() };
  /** What keys have begun. */
  readonly #doing = new Set<Promise<void>>();
  #boardUrl: string | undefined;
  #quit: () => void = () => undefined;
  #isQuitting = false;
  #isSettling = false;
  #hasTourFailed = false;
  /** The far side goes home; that is no fault any more. */
  #isEnding = false;

  constructor(parts: StageParts) {
    this.#parts = parts;
    const { site, farSide, watch } = parts;
    const say = (text: string): void => {
      this.#say(text);
    };
    this.#faults = new Faults({ site, farSide, picture: () => watch.picture(), say });
    this.quitting = new Promise((resolve) => (this.#quit = resolve));
  }

  async start(): Promise<void> {
    this.#parts.watch.onPicture((picture) => {
      this.#remember(picture);
    });
    await this.#parts.farSide.start();
    this.#say('20 messages a second on three lines; the faults you make are real');
  }

  /** The status page is there, or did not start. */
  hasBoard(url: string | undefined): void {
    this.#boardUrl = url;
    if (this.#isQuitting) return;
    this.#say(url === undefined ? 'the status page did not start' : `the status page is at ${url}`);
  }

  get view(): View {
    const { watch, farSide } = this.#parts;
    const picture = watch.picture();
    const { station, books } = farSide;
    return {
      atMs: Date.now(),
      startedAtMs: this.#startedAtMs,
      picture,
      history: this.#history,
      broadcast:
        picture.broadcasts.find(({ messageKey }) => messageKey === OFFICER_SAFETY_KEY) ??
        picture.broadcasts[0],
      account: books.account,
      parts: this.#isEnding ? drained : this.#faults.words,
      station: { name: station.line, isPlugged: station.isPlugged || this.#isEnding },
      isTouring: this.#tour.ending !== undefined,
      isQuitting: this.#isQuitting,
      events: this.#events,
      boardUrl: this.#boardUrl,
    };
  }

  /** Keys of the tour; others do nothing. During the tour only its own key and the end are taken. */
  press(key: string): void {
    if (key === 'q' && !this.#isQuitting) this.quit();
    const isTouring = this.#tour.ending !== undefined;
    if (this.#isQuitting || this.#isSettling || (isTouring && key !== 't')) return;
    const doing = this.#do(key).catch((error: unknown) => {
      // A foreign error's text may quote what it choked on.
      const name = error instanceof Error ? error.name : 'error';
      this.#say(`that failed: ${name}; the logs are in the folder of the site`);
    });
    this.#doing.add(doing);
    void doing.then(() => this.#doing.delete(doing));
  }

  /** The second time at once, without a verdict. */
  quit(): void {
    if (this.#isQuitting) process.exit(1);
    this.#isQuitting = true;
    this.#tour.ending?.abort();
    this.#faults.hurry();
    this.#quit();
  }

  /** Puts everything back, drains, settles, and stops the site. */
  async finish(): Promise<Verdict> {
    const { site, farSide, watch } = this.#parts;
    await this.#tour.running;
    await Promise.all(this.#doing);
    this.#say('quitting: all is put back, what is under way arrives, the books are settled');
    await this.#faults.restore();
    await farSide.pause();
    await farSide.arrived(ARRIVE_MS_MAX);
    const ledger = await askLedger(site);
    this.#isEnding = true;
    await farSide.stop();
    const own = judge(farSide.books.account);
    this.#say('quitting: every process drains and ends');
    await watch.stop();
    const record = await askRecord(site, await site.stop());
    const isWell = own.isWell && ledger.isWell && record.isWell && !this.#hasTourFailed;
    const last = lastWord(isWell, farSide.books.account);
    return { isWell, lines: [...own.lines, ...ledger.lines, ...record.lines, last] };
  }

  async #do(key: string): Promise<void> {
    const part = partOf[key];
    const { station } = this.#parts.farSide;
    if (part !== undefined) await this.#faults.toggle(part);
    else if (key === 'u') await (station.isPlugged ? this.#faults.unplug() : this.#faults.plug());
    else if (key === 'f' || key === 'o') await this.#send(key);
    else if (key === 'w') await this.#settle();
    else if (key === 't') this.#toggleTour();
  }

  async #send(key: 'f' | 'o'): Promise<void> {
    if (this.#faults.words.gateway !== 'up')
      this.#say('the gateway is down: no line takes anything; g puts it back');
    else if (this.#parts.farSide.books.isFull)
      this.#say('too much is still under way: nothing more is sent until some of it has arrived');
    else await (key === 'f' ? this.#faults.flood() : this.#faults.officerSafety());
  }

  #toggleTour(): void {
    if (this.#tour.ending !== undefined) {
      this.#tour.ending.abort();
      return;
    }
    const ending = new AbortController();
    this.#tour.ending = ending;
    this.#tour.running = this.#guide(ending.signal);
  }

  async #guide(signal: AbortSignal): Promise<void> {
    const { farSide, watch, pauseMs, isTour } = this.#parts;
    const say = (text: string): void => {
      this.#say(text);
    };
    // A tour that is all there is ends with the verdict.
    const settle = (): Promise<boolean> => (isTour ? Promise.resolve(true) : this.#settle());
    const parts = { farSide, faults: this.#faults, picture: () => watch.picture(), settle, say, pauseMs };
    try {
      await guide(parts, signal);
    } catch (error) {
      this.#hasTourFailed = true;
      say(`the tour failed: ${error instanceof Error ? error.name : 'error'}`);
    } finally {
      this.#tour.ending = undefined;
      // Whoever ended it by quitting is not to be taken for one who quits twice.
      if (isTour && !this.#isQuitting) this.quit();
    }
  }

  /** Holds the traffic, lets everything arrive, compares, goes on. */
  async #settle(): Promise<boolean> {
    const { farSide, site } = this.#parts;
    const { off } = this.#faults;
    if (off.length > 0) {
      this.#say(`the books are settled when all is up: first put back ${off.join(', ')}`);
      return false;
    }
    this.#isSettling = true;
    try {
      this.#say('settling: the traffic waits until everything has arrived');
      await farSide.pause();
      await farSide.arrived(ARRIVE_MS_MAX);
      const ledger = await askLedger(site);
      const own = judge(farSide.books.account);
      for (const line of [...own.lines, ...ledger.lines]) this.#say(line);
      const isWell = own.isWell && ledger.isWell;
      const { delivered, owed, repeats } = farSide.books.account;
      const copies = `got ${String(delivered)} of ${String(owed)} copies, repeats ${String(repeats)}`;
      this.#say(isWell ? `the books balance: ${copies}, all marked` : `THE BOOKS DO NOT BALANCE: ${copies}`);
      return isWell;
    } finally {
      farSide.resume();
      this.#isSettling = false;
    }
  }

  #say(text: string): void {
    const atMs = Date.now();
    this.#events.push({ atMs, text });
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
    this.onEvent(atMs, text);
  }

  #remember({ rates }: Picture): void {
    const { accepted, delivered, refused } = this.#history;
    accepted.push(rates.messages);
    delivered.push(rates.delivered);
    refused.push(rates.refused);
    for (const values of [accepted, delivered, refused]) if (values.length > HISTORY_MAX) values.shift();
  }
}
