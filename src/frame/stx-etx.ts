import type { StxEtxFraming } from '../dialect/dialect.ts';
import type { Refusal } from '../message/refusal.ts';
import { controlOf, type Cutter, fault, type FrameEvent, isTolerated } from './cutter.ts';
import { Held } from './held.ts';

const stx = 0x02;
const etx = 0x03;

/**
 * STX content ETX (domain sheet 2.1). Holds at most `frameBytesMax` between calls, so a line that never sends ETX costs one buffer and
 * then a refusal, not the process. There is no byte stuffing: an STX inside a frame means the rest of that frame was lost, so what was
 * gathered is discarded and a new frame begins.
 */
export class StxEtxCutter implements Cutter {
  readonly keepAlives = 0;
  readonly #bytesMax: number;
  readonly #held: Held;
  /** `skipping`: after a frame too long, until the next mark; nothing is kept and nothing more is said. */
  #state: 'outside' | 'inside' | 'skipping' = 'outside';
  #strayBytes = 0;

  constructor(framing: StxEtxFraming) {
    this.#bytesMax = framing.frameBytesMax;
    this.#held = new Held(framing.frameBytesMax);
  }

  get pendingBytes(): number {
    return this.#held.length;
  }

  get strayBytes(): number {
    return this.#strayBytes;
  }

  get isInsideFrame(): boolean {
    return this.#state !== 'outside';
  }

  cut(chunk: Buffer, events: FrameEvent[]): number {
    let viewBytes = 0;
    let at = 0;
    // Both marks are searched once over the chunk, however many frames it holds.
    let start = chunk.indexOf(stx);
    let end = chunk.indexOf(etx);
    while (at < chunk.length) {
      if (start !== -1 && start < at) start = chunk.indexOf(stx, at);
      if (end !== -1 && end < at) end = chunk.indexOf(etx, at);
      const mark = start === -1 || (end !== -1 && end < start) ? end : start;
      const stop = mark === -1 ? chunk.length : mark;

      if (this.#state === 'outside') this.#readOutside(chunk, at, stop, events);
      else if (this.#state === 'inside' && this.#held.length + stop - at > this.#bytesMax) {
        this.#discard('skipping');
        events.push(fault({ code: 'FRAME_TOO_LONG', limit: this.#bytesMax }));
      }
      if (mark === -1) {
        if (this.#state === 'inside') this.#held.append(chunk, at, stop);
        break;
      }
      if (mark === start) this.#readStart(stop - at, events);
      else viewBytes += this.#readEnd(chunk, at, stop, events);
      at = mark + 1;
    }
    return viewBytes;
  }

  expire(): Refusal | undefined {
    if (this.#state === 'outside') return undefined;
    const length = this.#held.length;
    this.#discard('outside');
    return { code: 'FRAME_INCOMPLETE', length };
  }

  #readOutside(chunk: Buffer, from: number, to: number, events: FrameEvent[]): void {
    for (let at = from; at < to; at++) {
      const byte = chunk[at] ?? 0;
      const control = controlOf(byte);
      if (control !== undefined) events.push(control);
      else if (!isTolerated(byte)) this.#strayBytes++;
    }
  }

  #readStart(unread: number, events: FrameEvent[]): void {
    if (this.#state === 'inside') {
      const length = this.#held.length + unread;
      events.push(fault({ code: 'FRAME_START_INSIDE', length }));
    }
    this.#discard('inside');
  }

  /** Returns how many bytes of the chunk the frame it emitted is a view of. */
  #readEnd(chunk: Buffer, from: number, to: number, events: FrameEvent[]): number {
    const state = this.#state;
    this.#state = 'outside';
    if (state === 'skipping') return 0;
    if (state === 'outside') {
      events.push(fault({ code: 'FRAME_END_WITHOUT_START' }));
      return 0;
    }
    if (this.#held.length > 0) {
      events.push({ kind: 'frame', bytes: this.#held.take(chunk, from, to) });
      return 0;
    }
    if (from === to) {
      events.push(fault({ code: 'FRAME_EMPTY' }));
      return 0;
    }
    events.push({ kind: 'frame', bytes: chunk.subarray(from, to) });
    return to - from;
  }

  #discard(next: 'outside' | 'inside' | 'skipping'): void {
    this.#held.clear();
    this.#state = next;
  }
}
