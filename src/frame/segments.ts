import type { HeaderTemplateFraming } from '../dialect/dialect.ts';
import type { Refusal } from '../message/refusal.ts';
import { eventOf, fault, type FrameEvent } from './cutter.ts';

type Limits = NonNullable<HeaderTemplateFraming['segments']>;

/** One block of a message; `message` names it among those of its line. */
export type Segment = {
  readonly message: string;
  readonly number: number;
  readonly count: number;
  readonly content: Buffer;
};

type Unfinished = {
  readonly count: number;
  readonly contents: Map<number, Buffer>;
  bytes: number;
  /** When a sweep first saw it as it is now; undefined when it got a segment since the last one. */
  quietSince: number | undefined;
};

/**
 * Puts messages together that come in several blocks (domain sheet 2.3). Their segments may come in any order and between those of others;
 * one that comes again is ignored, one that does not fit takes its whole message with it. Holds at most `bytesMax` and `messagesMax`.
 */
export class SegmentBook {
  readonly #limits: Limits;
  readonly #messageBytesMax: number;
  readonly #unfinished = new Map<string, Unfinished>();
  #bytes = 0;

  constructor(limits: Limits, messageBytesMax: number) {
    this.#limits = limits;
    this.#messageBytesMax = messageBytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The frame that this segment completes, or what is wrong with it; undefined while more is to come. */
  add(segment: Segment): FrameEvent | undefined {
    const { message, number, count, content } = segment;
    const known = this.#unfinished.get(message);
    const refusal = this.#misfit(segment, known);
    if (refusal !== undefined) {
      this.#forget(message);
      return fault(refusal);
    }
    if (known === undefined && count === 1) return eventOf(content);
    const before = known?.contents.get(number);
    if (before !== undefined) return undefined;
    const full = this.#isFull(known, content.length);
    if (full !== undefined) return fault(full);
    const entry = known ?? { count, contents: new Map<number, Buffer>(), bytes: 0, quietSince: undefined };
    this.#unfinished.set(message, entry);
    // A copy: it outlives its chunk. allocUnsafeSlow: a slice of Node's shared pool would pin that instead.
    const kept = Buffer.allocUnsafeSlow(content.length);
    content.copy(kept);
    entry.contents.set(number, kept);
    entry.bytes += kept.length;
    entry.quietSince = undefined;
    this.#bytes += kept.length;
    if (entry.contents.size < count) return undefined;
    this.#forget(message);
    return { kind: 'frame', bytes: joined(entry) };
  }

  /** Drops what has got nothing for `timeoutMs`, counted from the first sweep that saw it so. */
  sweep(nowMs: number): readonly Refusal[] {
    const dropped: Refusal[] = [];
    for (const [message, entry] of this.#unfinished) {
      entry.quietSince ??= nowMs;
      if (nowMs - entry.quietSince < this.#limits.timeoutMs) continue;
      dropped.push({ code: 'FRAME_INCOMPLETE', length: entry.bytes });
      this.#forget(message);
    }
    return dropped;
  }

  #misfit({ number, count, content }: Segment, known: Unfinished | undefined): Refusal | undefined {
    const { segmentsMax } = this.#limits;
    if (content.length === 0) return { code: 'FRAME_EMPTY' };
    if (count > segmentsMax) return { code: 'FRAME_SEGMENT', limit: segmentsMax };
    if (number < 1 || number > count) return { code: 'FRAME_SEGMENT' };
    if (known === undefined) return undefined;
    const before = known.contents.get(number);
    const isOther = before !== undefined && !before.equals(content);
    if (known.count !== count || isOther) return { code: 'FRAME_SEGMENT' };
    const bytes = before === undefined ? known.bytes + content.length : known.bytes;
    return bytes > this.#messageBytesMax
      ? { code: 'FRAME_TOO_LONG', limit: this.#messageBytesMax }
      : undefined;
  }

  /** What is unfinished stays; the newcomer waits for nobody. */
  #isFull(known: Unfinished | undefined, bytes: number): Refusal | undefined {
    const { messagesMax, bytesMax } = this.#limits;
    if (known === undefined && this.#unfinished.size >= messagesMax)
      return { code: 'FRAME_SEGMENTS_TOO_MANY', limit: messagesMax };
    return this.#bytes + bytes > bytesMax ? { code: 'FRAME_SEGMENTS_TOO_MANY', limit: bytesMax } : undefined;
  }

  #forget(message: string): void {
    this.#bytes -= this.#unfinished.get(message)?.bytes ?? 0;
    this.#unfinished.delete(message);
  }
}

function joined({ count, contents, bytes }: Unfinished): Buffer {
  const whole = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (let number = 1; number <= count; number++) at += contents.get(number)?.copy(whole, at) ?? 0;
  return whole;
}
