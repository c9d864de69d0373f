import type { Picture } from '../picture.ts';

/** A picture comes each second; after this long without one the page is not live, sooner when the line is known to be cut. */
const SILENT_MS = 3500;
const CUT_MS = 1500;
const CHECK_MS = 250;
const RETRY_MS = { first: 500, max: 2000 };

/** Not told before there was a picture, or should have been one. */
export type Live = 'live' | 'lost';

/**
 * Pictures from the board, and whether they still come. The browser's own reconnecting gives up on some answers and cannot tell a line
 * that went silent, so both are done here.
 */
export class PictureStream {
  readonly #onPicture: (picture: Picture) => void;
  readonly #onLive: (live: Live) => void;
  #source: EventSource | undefined;
  #heardAt = performance.now();
  readonly #startedAt = this.#heardAt;
  /** Of this connection: what the quickest picture took, by two clocks that need not agree. */
  #quickestMs = Infinity;
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
    this.#quickestMs = Infinity;
    const source = new EventSource('/events');
    this.#source = source;
    source.addEventListener('message', ({ data, lastEventId }) => {
      const gotAt = performance.now() - this.#lateMs(Number(lastEventId));
      const picture = JSON.parse(String(data)) as Picture;
      this.#onPicture(picture);
      // Only now: a picture that could not be shown must not make the page look live.
      this.#heardAt = gotAt;
      this.#gotAt = gotAt;
      this.#ageMs = picture.ageMs;
      this.#isCut = false;
      this.#retryMs = RETRY_MS.first;
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

  /**
   * A line that is slower than the pictures holds ever more of them, so that one arrives each second and is minutes old. This is how much
   * longer one took than the quickest; a connection begun anew has none held.
   */
  #lateMs(sentAt: number): number {
    const tookMs = performance.now() - sentAt;
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    return tookMs - this.#quickestMs;
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
    if (!isLost) this.#onLive('live');
    else if (this.#gotAt !== undefined || performance.now() - this.#startedAt > SILENT_MS)
      this.#onLive('lost');
  }
}
