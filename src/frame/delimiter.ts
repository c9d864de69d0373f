import type { DelimiterFraming } from '../dialect/dialect.ts';
import type { Refusal } from '../message/refusal.ts';
import { type Cutter, eventOf, fault, type FrameEvent, isTolerated } from './cutter.ts';
import { Held } from './held.ts';

/**
 * Content, then the delimiter, which may come in two chunks. Holds at most `frameBytesMax` and a delimiter that is not yet whole between
 * calls. A frame too long, or given up, ends at the next delimiter like any other, so that is where the line is read again.
 *
 * CR, LF and NUL before a content mean nothing, as after ETX (domain sheet 2.1).
 */
export class DelimiterCutter implements Cutter {
  readonly strayBytes = 0;
  readonly keepAlives = 0;
  readonly #bytesMax: number;
  readonly #delimiter: Buffer;
  /** What is searched for: one byte is found faster as a number. */
  readonly #mark: Buffer | number;
  /** Of a frame that is dropped it holds only what may be the start of the delimiter. */
  readonly #held: Held;
  /** `skipping`: a frame too long; `adrift`: the rest of one that was given up, which nobody waits for. */
  #state: 'outside' | 'inside' | 'skipping' | 'adrift' = 'outside';

  constructor(framing: DelimiterFraming) {
    this.#bytesMax = framing.frameBytesMax;
    this.#delimiter = Buffer.from(framing.delimiter, 'latin1');
    const [first = 0] = this.#delimiter;
    this.#mark = this.#delimiter.length === 1 ? first : this.#delimiter;
    this.#held = new Held(framing.frameBytesMax + this.#overlap);
  }

  get pendingBytes(): number {
    return this.#held.length;
  }

  get isInsideFrame(): boolean {
    return this.#state === 'inside' || this.#state === 'skipping';
  }

  /** As many bytes of a delimiter may have come in earlier chunks. */
  get #overlap(): number {
    return this.#delimiter.length - 1;
  }

  cut(chunk: Buffer, events: FrameEvent[]): number {
    let viewBytes = 0;
    let at = this.#finishDelimiter(chunk, events);
    for (;;) {
      if (this.#state === 'outside') while (at < chunk.length && isTolerated(chunk[at] ?? 0)) at++;
      if (at === chunk.length) break;
      const stop = chunk.indexOf(this.#mark, at);
      if (stop === -1) {
        this.#gather(chunk, at, events);
        break;
      }
      viewBytes += this.#readEnd(chunk, at, stop, events);
      at = stop + this.#delimiter.length;
    }
    return viewBytes;
  }

  expire(): Refusal | undefined {
    if (!this.isInsideFrame) return undefined;
    const length = this.#state === 'inside' ? this.#held.length : 0;
    this.#state = 'adrift';
    this.#held.keepLast(this.#overlap);
    return { code: 'FRAME_INCOMPLETE', length };
  }

  /** Ends a frame whose delimiter began in an earlier chunk. Answers where the next one begins: 0 when there was none. */
  #finishDelimiter(chunk: Buffer, events: FrameEvent[]): number {
    if (this.#overlap === 0 || this.#held.length === 0) return 0;
    const tail = this.#held.last(this.#overlap);
    const start = Buffer.concat([tail, chunk.subarray(0, this.#overlap)]).indexOf(this.#delimiter);
    if (start === -1) return 0;
    const before = tail.length - start;
    this.#held.dropLast(before);
    this.#readEnd(chunk, 0, 0, events);
    return this.#delimiter.length - before;
  }

  /** The rest of a chunk has no delimiter. */
  #gather(chunk: Buffer, at: number, events: FrameEvent[]): void {
    if (this.#state === 'outside') this.#state = 'inside';
    if (this.#state === 'inside') {
      // With fewer bytes than this, what is held may still be a content of the limit and a delimiter that is not yet whole.
      if (this.#held.length + chunk.length - at < this.#bytesMax + this.#delimiter.length) {
        this.#held.append(chunk, at, chunk.length);
        return;
      }
      this.#state = 'skipping';
      events.push(fault({ code: 'FRAME_TOO_LONG', limit: this.#bytesMax }));
    }
    const last = Math.min(this.#overlap, chunk.length - at);
    this.#held.keepLast(this.#overlap - last);
    this.#held.append(chunk, chunk.length - last, chunk.length);
  }

  /** Returns how many bytes of the chunk the frame it emitted is a view of. */
  #readEnd(chunk: Buffer, from: number, to: number, events: FrameEvent[]): number {
    const isDropped = this.#state === 'skipping' || this.#state === 'adrift';
    const length = this.#held.length + to - from;
    this.#state = 'outside';
    if (!isDropped && length > 0 && length <= this.#bytesMax) {
      const isView = this.#held.length === 0;
      const event = eventOf(isView ? chunk.subarray(from, to) : this.#held.take(chunk, from, to));
      events.push(event);
      return isView && event.kind === 'frame' ? length : 0;
    }
    this.#held.clear();
    if (isDropped) return 0;
    events.push(
      fault(length === 0 ? { code: 'FRAME_EMPTY' } : { code: 'FRAME_TOO_LONG', limit: this.#bytesMax }),
    );
    return 0;
  }
}
