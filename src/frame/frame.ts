import type { Framing } from '../dialect/dialect.ts';
import type { Frame } from '../message/frame.ts';
import type { Refusal } from '../message/refusal.ts';
import { Held } from './held.ts';

export { FaultRate } from './fault-rate.ts';

export type FrameEvent =
  | Frame
  | { readonly kind: 'fault'; readonly refusal: Refusal }
  | { readonly kind: 'control'; readonly byte: 'ACK' | 'NAK' | 'ENQ' };

const stx = 0x02;
const etx = 0x03;

/** One shared object for each: a flood of control bytes costs a pointer a byte, not an object. */
const controls = new Map<number, FrameEvent>([
  [0x06, { kind: 'control', byte: 'ACK' }],
  [0x15, { kind: 'control', byte: 'NAK' }],
  [0x05, { kind: 'control', byte: 'ENQ' }],
]);
/** CR, LF and NUL between frames mean nothing and are common after ETX (domain sheet 2.1). */
const tolerated = new Set([0x0d, 0x0a, 0x00]);

/** A chunk may be pinned by frames that are views of it only if they are at least this part of it. */
const viewsShareMin = 1 / 4;

/**
 * Cuts frames out of a byte stream, STX content ETX. Holds at most `frameBytesMax` between calls, so a line that
 * never sends ETX costs one buffer and then a refusal, not the process. There is no byte stuffing: an STX inside a
 * frame means the rest of that frame was lost, so what was gathered is discarded and a new frame begins.
 *
 * The result depends on the bytes alone, never on how they were split into chunks.
 */
export class FrameDecoder {
  readonly #bytesMax: number;
  readonly #held: Held;
  /** `skipping`: after a frame too long, until the next mark; nothing is kept and nothing more is said. */
  #state: 'outside' | 'inside' | 'skipping' = 'outside';
  #strayBytes = 0;

  constructor(framing: Framing) {
    this.#bytesMax = framing.frameBytesMax;
    this.#held = new Held(framing.frameBytesMax);
  }

  /** Bytes of an unfinished frame held between calls. */
  get pendingBytes(): number {
    return this.#held.length;
  }

  /** Bytes outside frames that meant nothing, since the line opened. */
  get strayBytes(): number {
    return this.#strayBytes;
  }

  /** True between STX and its end: who runs a frame clock starts and stops it by this. */
  get isInsideFrame(): boolean {
    return this.#state !== 'outside';
  }

  push(chunk: Buffer): readonly FrameEvent[] {
    const events: FrameEvent[] = [];
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
    if (viewBytes > 0 && viewBytes < chunk.length * viewsShareMin) unpin(events);
    return events;
  }

  /** Gives up an unfinished frame whose time is over; undefined when there is none. The clock is the caller's. */
  expire(): Refusal | undefined {
    if (this.#state === 'outside') return undefined;
    const length = this.#held.length;
    this.#discard('outside');
    return { code: 'FRAME_INCOMPLETE', length };
  }

  #readOutside(chunk: Buffer, from: number, to: number, events: FrameEvent[]): void {
    for (let at = from; at < to; at++) {
      const byte = chunk[at] ?? 0;
      const control = controls.get(byte);
      if (control !== undefined) events.push(control);
      else if (!tolerated.has(byte)) this.#strayBytes++;
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

function fault(refusal: Refusal): FrameEvent {
  return { kind: 'fault', refusal };
}

/**
 * A frame is normally a view of the chunk it came in: no copy on the hot path. But a view keeps the whole chunk
 * (64 KiB from a socket) alive, and what waits for acceptance is limited by counting frame bytes; so where frames are
 * less than a quarter of their chunk they are copied, and memory stays within four times what is counted.
 */
function unpin(events: FrameEvent[]): void {
  for (const [at, event] of events.entries()) {
    // allocUnsafeSlow: a slice of Node's shared pool would pin that instead.
    if (event.kind === 'frame') {
      const bytes = Buffer.allocUnsafeSlow(event.bytes.length);
      event.bytes.copy(bytes);
      events[at] = { kind: 'frame', bytes };
    }
  }
}
