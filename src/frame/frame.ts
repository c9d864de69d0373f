import type { Framing } from '../dialect/dialect.ts';
import type { Refusal } from '../message/refusal.ts';
import type { Cutter, FrameEvent } from './cutter.ts';
import { DelimiterCutter } from './delimiter.ts';
import { LengthPrefixCutter } from './length-prefix.ts';
import { StxEtxCutter } from './stx-etx.ts';

export type { FrameEvent } from './cutter.ts';
export { FaultRate } from './fault-rate.ts';

/** A chunk may be pinned by frames that are views of it only if they are at least this part of it. */
const viewsShareMin = 1 / 4;

/**
 * Cuts frames out of a line's bytes, by the line's framing. Holds at most `frameBytesMax` and what belongs to a prefix or delimiter
 * between calls, whatever the line sends.
 *
 * The result depends on the bytes alone, never on how they were split into chunks.
 */
export class FrameDecoder {
  readonly #cutter: Cutter;

  constructor(framing: Framing) {
    this.#cutter = cutterOf(framing);
  }

  /** Bytes of an unfinished frame held between calls. */
  get pendingBytes(): number {
    return this.#cutter.pendingBytes;
  }

  /** Bytes outside frames that meant nothing, since the line opened. */
  get strayBytes(): number {
    return this.#cutter.strayBytes;
  }

  /** Frames with a length of nothing, since the line opened. */
  get keepAlives(): number {
    return this.#cutter.keepAlives;
  }

  /** True between a frame's first byte and its end: who runs a frame clock starts and stops it by this. */
  get isInsideFrame(): boolean {
    return this.#cutter.isInsideFrame;
  }

  push(chunk: Buffer): readonly FrameEvent[] {
    const events: FrameEvent[] = [];
    const viewBytes = this.#cutter.cut(chunk, events);
    if (viewBytes > 0 && viewBytes < chunk.length * viewsShareMin) unpin(events);
    return events;
  }

  /** Gives up an unfinished frame whose time is over; undefined when there is none. The clock is the caller's. */
  expire(): Refusal | undefined {
    return this.#cutter.expire();
  }
}

function cutterOf(framing: Framing): Cutter {
  switch (framing.kind) {
    case 'stx-etx':
      return new StxEtxCutter(framing);
    case 'length-prefix':
      return new LengthPrefixCutter(framing);
    case 'delimiter':
      return new DelimiterCutter(framing);
  }
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
