import { setTimeout as sleep } from 'node:timers/promises';
import { CadLine } from '../../simulate/cad/cad-line.ts';
import type { Books } from './books.ts';

const CONNECT_PAUSE_MS = 200;

/** Key and ORI, two clock lines, control field, mark, TXT: the output form of the example's dialect. */
const DELIVERY =
  /^[A-Z0-9]{2,5}\.([A-Z0-9]{9})\r\n[^\r\n]*\r\n[^\r\n]*\r\n(?:\*([^\r\n]*)\r\n)?(POSSIBLE DUPLICATE\r\n)?TXT/;

export type Arrived = { readonly from: string; readonly control: string; readonly isMarked: boolean };

/** What came on a line; undefined when it has no control field, so is nothing the demo sent. */
export const readArrived = (text: string): Arrived | undefined => {
  const [, from = '', control, mark] = DELIVERY.exec(text) ?? [];
  return control === undefined ? undefined : { from, control, isMarked: mark !== undefined };
};

export type StationOptions = {
  readonly line: string;
  readonly port: number;
  readonly ori: string;
  readonly confirm: 'link' | 'application' | 'none';
};

/** A station that only receives, on a line of its own. It connects again by itself as long as it is plugged in. */
export class DemoStation {
  readonly line: string;
  readonly ori: string;
  readonly #options: StationOptions;
  readonly #books: Books;
  #session: CadLine | undefined;
  #plug: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: StationOptions, books: Books) {
    this.line = options.line;
    this.ori = options.ori;
    this.#options = options;
    this.#books = books;
  }

  get isPlugged(): boolean {
    return this.#plug !== undefined;
  }

  get isConnected(): boolean {
    return this.#session?.isClosed === false;
  }

  plug(): void {
    if (this.#plug !== undefined) return;
    this.#plug = new AbortController();
    this.#running = this.#run(this.#plug.signal);
  }

  async unplug(): Promise<void> {
    this.#plug?.abort();
    this.#plug = undefined;
    this.#session?.close();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { port, confirm, ori } = this.#options;
    const onDelivery = (text: string): 'accept' | 'silent' => this.#take(text);
    while (!signal.aborted) {
      try {
        const kind = confirm === 'application' ? confirm : 'link';
        const session = await CadLine.connect(port, kind, { ori, onDelivery });
        this.#session = session;
        // The plug may have been pulled while it connected.
        while (this.isConnected && this.#plug?.signal === signal) await session.closed();
        session.close();
        if (this.#session === session) this.#session = undefined;
      } catch {
        // The gateway is away.
      }
      await sleep(CONNECT_PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #take(text: string): 'accept' | 'silent' {
    const arrived = readArrived(text);
    if (arrived !== undefined)
      this.#books.got(arrived.control, this.#options.ori, arrived.isMarked, Date.now());
    return this.#options.confirm === 'none' ? 'silent' : 'accept';
  }
}
