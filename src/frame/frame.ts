import type { Framing } from '../dialect/dialect.ts';
import type { Refusal } from '../message/refusal.ts';
import type { Cutter, FrameEvent } from './cutter.ts';
import { DelimiterCutter } from './delimiter.ts';
import { HeaderTemplateCutter } from './header-template.ts';
import { LengthPrefixCutter } from './length-prefix.ts';
import { CheckedStxEtxCutter } from './stx-etx-checked.ts';
import { StxEtxCutter } from './stx-etx.ts';

export type { ControlEvent, FrameEvent } from './cutter.ts';
export { FaultRate } from './fault-rate.ts';

/** A chunk may be pinned by frames that are views of it only if they are at least this part of it. */
const viewsShareMin = 1 / 4;

/**
 * Cuts frames out of a line's bytes, by the line's framing. Holds at most `frameBytesMax` and what belongs to a prefix or delimiter
 * between calls, and of messages in several blocks what their limits say, whatever the line sends.
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

  /** Bytes of headers before frames, since the line opened. */
  get headerBytes(): number {
    return this.#cutter.headerBytes ?? 0;
  }

  /** Whole blocks read since the line opened, where a frame may come in several: each is a step on, also one that ends no frame. */
  get blocks(): number {
    return this.#cutter.blocks ?? 0;
  }

  /** What the peer calls the session, where the framing has a number for it. */
  get peerSession(): number | undefined {
    return this.#cutter.peerSession;
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

  /**
   * Drops messages in several blocks that have got nothing for `segments.timeoutMs`. The clock is the caller's, and so is how exact this
   * is: a wait is counted from the first call after the last block.
   */
  sweep(nowMs: number): readonly Refusal[] {
    return this.#cutter.sweep?.(nowMs) ?? [];
  }
}

function cutterOf(framing: Framing): Cutter {
  switch (framing.kind) {
    case 'stx-etx':
      return framing.lrc === undefined && framing.soh === undefined
        ? new StxEtxCutter(framing)
        : new CheckedStxEtxCutter(framing);
    case 'length-prefix':
      return new LengthPrefixCutter(framing);
    case 'delimiter':
      return new DelimiterCutter(framing);
    case 'header-template':
      return new HeaderTemplateCutter(framing);
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
