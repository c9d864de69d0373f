import type { Picture } from '../picture.ts';

/** A picture comes each second; after this long without one the page is not live, sooner when the line is known to be cut. */
const SILENT_MS = 3500;
const CUT_MS = 1500;
const CHECK_MS = 250;
const RETRY_MS = { first: 500, max: 2000 };

export type Live =
  | { readonly state: 'waiting' }
  | { readonly state: 'live' }
  /** `sinceMs`: how old what is shown is. */
  | { readonly state: 'lost'; readonly sinceMs: number };

/**
 * Pictures from the board, and whether they still come. The browser's own reconnecting gives up on some answers and cannot tell a line
 * that went silent, so both are done here.
 */
export class PictureStream {
  readonly #onPicture: (picture: Picture) => void;
  readonly #onLive: (live: Live) => void;
  #source: EventSource | undefined;
  #heardAt = performance.now();
  #gotAt: number | undefined;
  #ageMs = 0;
  #retryMs = RETRY_MS.first;
  #isCut = false;

  constructor(onPicture: (picture: Picture) => void, onLive: (live: Live) => void) {
    this.#onPicture = onPicture;
    this.#onLive = onLive;
  }

  start(): void {
    this.#open();
    setInterval(() => {
      this.#look();
    }, CHECK_MS);
  }

  /** How old what is shown is. */
  get ageMs(): number {
    return this.#gotAt === undefined ? 0 : performance.now() - this.#gotAt + this.#ageMs;
  }

  #open(): void {
    this.#heardAt = performance.now();
    const source = new EventSource('/events');
    this.#source = source;
    source.addEventListener('message', ({ data }) => {
      this.#heardAt = performance.now();
      this.#gotAt = this.#heardAt;
      this.#isCut = false;
      this.#retryMs = RETRY_MS.first;
      const picture = JSON.parse(String(data)) as Picture;
      this.#ageMs = picture.ageMs;
      this.#onPicture(picture);
      this.#look();
    });
    source.addEventListener('error', () => {
      if (source !== this.#source) return;
      source.close();
      this.#source = undefined;
      this.#isCut = true;
      setTimeout(() => {
        this.#open();
      }, this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.max);
    });
  }

  #look(): void {
    const isSilent = performance.now() - this.#heardAt > SILENT_MS;
    if (isSilent && this.#source !== undefined) {
      // Connected, it seems, and nothing comes: begin anew.
      this.#source.close();
      this.#open();
    }
    const silenceMs = this.#isCut ? CUT_MS : SILENT_MS;
    const isLost = this.#gotAt === undefined || performance.now() - this.#gotAt > silenceMs;
    if (!isLost) this.#onLive({ state: 'live' });
    else if (this.#gotAt === undefined) this.#onLive({ state: 'waiting' });
    else this.#onLive({ state: 'lost', sinceMs: this.ageMs });
  }
}
