import { controlBytes, type ControlByte } from '../dialect/dialect.ts';
import type { Frame } from '../message/frame.ts';
import type { Refusal } from '../message/refusal.ts';

/** `isLast`: where the next frame begins cannot be known, so nothing that follows is read; the line must be closed. */
export type FrameEvent =
  | Frame
  | { readonly kind: 'fault'; readonly refusal: Refusal; readonly isLast: boolean }
  | ControlEvent;

/** `reply`: what answers it, as it travels, where the peer asks whether we live. */
export type ControlEvent = { readonly kind: 'control'; readonly byte: ControlByte; readonly reply?: Buffer };

/** What one kind of framing does with a line's bytes. What it finds depends on the bytes alone, never on how they were cut into chunks. */
export type Cutter = {
  /** Bytes of an unfinished frame held between calls. */
  readonly pendingBytes: number;
  /** Bytes outside frames that meant nothing, since the line opened. */
  readonly strayBytes: number;
  /** Signs of life, since the line opened. */
  readonly keepAlives: number;
  /** A frame has begun and not ended. */
  readonly isInsideFrame: boolean;
  /** Adds what it finds to `events`; answers how many bytes of the chunk the frames among it are views of. */
  cut(chunk: Buffer, events: FrameEvent[]): number;
  /** Gives up an unfinished frame; undefined when there is none. */
  expire(): Refusal | undefined;
  /** Header bytes before frames, which mean nothing to us, since the line opened. */
  readonly headerBytes?: number;
  /** What the peer calls the session, as it last said. */
  readonly peerSession?: number | undefined;
  /** Whole blocks read, since the line opened, where a frame may come in several. */
  readonly blocks?: number;
  /** Drops messages in several blocks that have waited too long for the rest. */
  sweep?(nowMs: number): readonly Refusal[];
};

/** One shared object for each: a flood of control bytes costs a pointer a byte, not an object. */
const controls = new Map<number, FrameEvent>(
  (['ACK', 'NAK', 'ENQ'] as const).map((byte) => [controlBytes[byte], { kind: 'control', byte }]),
);

/** What a byte between frames says, if anything. */
export function controlOf(byte: number | undefined): FrameEvent | undefined {
  return byte === undefined ? undefined : controls.get(byte);
}

/**
 * A content cut out by its length or delimiter. Those have no place between frames, so ACK, NAK and ENQ are contents of this one byte
 * [CONV]; it is no message, for a message begins with a key.
 */
export function eventOf(bytes: Buffer): FrameEvent {
  const control = bytes.length === 1 ? controlOf(bytes[0]) : undefined;
  return control ?? { kind: 'frame', bytes };
}

export function fault(refusal: Refusal, isLast = false): FrameEvent {
  return { kind: 'fault', refusal, isLast };
}

/** CR, LF and NUL between frames mean nothing and are common after ETX (domain sheet 2.1). */
export function isTolerated(byte: number): boolean {
  return byte === 0x0d || byte === 0x0a || byte === 0x00;
}
