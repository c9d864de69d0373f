import type { LengthPrefixFraming } from '../dialect/dialect.ts';
import type { Refusal } from '../message/refusal.ts';
import { type Cutter, eventOf, fault, type FrameEvent } from './cutter.ts';
import { Held } from './held.ts';

const [zero, nine] = [0x30, 0x39];

/**
 * A length, then as many bytes (domain sheet 2.2). Holds at most `frameBytesMax` and the prefix between calls; what is held grows with
 * what came, never with what the length claims. Nothing marks where a frame begins, so after a length that cannot be right, or a frame
 * that was not finished in time, the place in the stream is lost: nothing more is read.
 *
 * A length of nothing is a sign of life: counted, no frame and no fault [UNC].
 */
export class LengthPrefixCutter implements Cutter {
  readonly strayBytes = 0;
  readonly #framing: LengthPrefixFraming;
  readonly #held: Held;
  readonly #prefix: Buffer;
  #prefixBytes = 0;
  /** Bytes of the content that is being read; 0 before its length is known. */
  #contentBytes = 0;
  #keepAlives = 0;
  #isLost = false;

  constructor(framing: LengthPrefixFraming) {
    this.#framing = framing;
    this.#held = new Held(framing.frameBytesMax);
    this.#prefix = Buffer.alloc(framing.width);
  }

  get pendingBytes(): number {
    return this.#prefixBytes + this.#held.length;
  }

  get keepAlives(): number {
    return this.#keepAlives;
  }

  get isInsideFrame(): boolean {
    return this.#prefixBytes > 0 || this.#contentBytes > 0;
  }

  cut(chunk: Buffer, events: FrameEvent[]): number {
    let viewBytes = 0;
    let at = 0;
    while (at < chunk.length && !this.#isLost) {
      if (this.#contentBytes === 0) {
        at = this.#readPrefix(chunk, at, events);
        continue;
      }
      const stop = at + this.#contentBytes - this.#held.length;
      if (stop > chunk.length) {
        this.#held.append(chunk, at, chunk.length);
        break;
      }
      this.#contentBytes = 0;
      const isView = this.#held.length === 0;
      const event = eventOf(isView ? chunk.subarray(at, stop) : this.#held.take(chunk, at, stop));
      events.push(event);
      if (isView && event.kind === 'frame') viewBytes += stop - at;
      at = stop;
    }
    return viewBytes;
  }

  expire(): Refusal | undefined {
    if (!this.isInsideFrame) return undefined;
    const length = this.#held.length;
    this.#lose();
    return { code: 'FRAME_INCOMPLETE', length };
  }

  /** Answers where the content begins, or the chunk's end when the prefix goes on behind it. */
  #readPrefix(chunk: Buffer, at: number, events: FrameEvent[]): number {
    const { width, frameBytesMax } = this.#framing;
    const stop = Math.min(chunk.length, at + width - this.#prefixBytes);
    for (let from = at; from < stop; from++) this.#prefix[this.#prefixBytes++] = chunk[from] ?? 0;
    if (this.#prefixBytes < width) return stop;
    this.#prefixBytes = 0;
    const length = this.#claimedLength();
    if (length === undefined) this.#refuse({ code: 'FRAME_LENGTH' }, events);
    else if (length > frameBytesMax) this.#refuse({ code: 'FRAME_TOO_LONG', limit: frameBytesMax }, events);
    else if (length === 0) this.#keepAlives += 1;
    else this.#contentBytes = length;
    return stop;
  }

  /**
   * Bytes of content the prefix claims; undefined when it is no number, or less than the prefix it says it counts. Zero is a sign of life
   * there too: nobody can mean a frame by it.
   */
  #claimedLength(): number | undefined {
    const { width, countsSelf } = this.#framing;
    const counted = this.#number();
    if (!countsSelf || counted === undefined || counted === 0) return counted;
    return counted < width ? undefined : counted - width;
  }

  #number(): number | undefined {
    const framing = this.#framing;
    if (framing.encoding === 'binary') {
      const { endian, width } = framing;
      return endian === 'big' ? this.#prefix.readUIntBE(0, width) : this.#prefix.readUIntLE(0, width);
    }
    let number = 0;
    for (const byte of this.#prefix) {
      if (byte < zero || byte > nine) return undefined;
      number = number * 10 + byte - zero;
    }
    return number;
  }

  #refuse(refusal: Refusal, events: FrameEvent[]): void {
    this.#lose();
    events.push(fault(refusal, true));
  }

  #lose(): void {
    this.#isLost = true;
    this.#prefixBytes = 0;
    this.#contentBytes = 0;
    this.#held.clear();
  }
}
