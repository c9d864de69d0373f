import type { StxEtxFraming } from '../dialect/dialect.ts';
import type { Refusal } from '../message/refusal.ts';
import { controlOf, type Cutter, fault, type FrameEvent, isTolerated } from './cutter.ts';
import { Held } from './held.ts';

const soh = 0x01;
const stx = 0x02;
const etx = 0x03;

/**
 * `skipping`: after a frame that was refused, until the next mark. `checking`: behind ETX, before its LRC. `unchecked`: the same behind an
 * ETX whose frame was refused; its LRC may look like an ACK and is dropped, unless it is a start mark.
 */
type State = 'outside' | 'header' | 'inside' | 'skipping' | 'checking' | 'unchecked';

/**
 * STX content ETX with an LRC behind or a header before it (domain sheet 2.1), a byte at a time: each is needed for the LRC anyway. Holds
 * at most `frameBytesMax` between calls; of a header nothing but its length. Resynchronizes as the plain form does: a start mark inside a
 * frame means that the rest of that frame was lost.
 */
export class CheckedStxEtxCutter implements Cutter {
  readonly keepAlives = 0;
  readonly #framing: StxEtxFraming;
  readonly #hasLrc: boolean;
  readonly #held: Held;
  #state: State = 'outside';
  /** Where the content begins in this chunk; 0 when it began in an earlier one. */
  #from = 0;
  #lrc = 0;
  #headerLength = 0;
  #headerBytes = 0;
  #strayBytes = 0;

  constructor(framing: StxEtxFraming) {
    this.#framing = framing;
    this.#hasLrc = framing.lrc === 'xor';
    this.#held = new Held(framing.frameBytesMax);
  }

  get pendingBytes(): number {
    return this.#held.length;
  }

  get strayBytes(): number {
    return this.#strayBytes;
  }

  get headerBytes(): number {
    return this.#headerBytes;
  }

  get isInsideFrame(): boolean {
    return this.#state !== 'outside' && this.#state !== 'unchecked';
  }

  cut(chunk: Buffer, events: FrameEvent[]): number {
    if (chunk.length === 0) return 0;
    let viewBytes = 0;
    this.#from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#state === 'checking') viewBytes += this.#check(chunk, at, byte, events);
      else if (this.#isStart(byte)) this.#readStart(byte, at, events);
      else if (this.#state === 'inside') this.#readInside(byte, at, events);
      else this.#readBetween(byte, events);
      // Without an LRC the frame is whole with its ETX.
      if (!this.#hasLrc && this.#state === 'checking') viewBytes += this.#frame(chunk, at, events);
    }
    if (this.#state === 'inside') this.#held.append(chunk, this.#from, chunk.length);
    // The content ended with the chunk, and its LRC is to come.
    else if (this.#state === 'checking') this.#held.append(chunk, this.#from, chunk.length - 1);
    return viewBytes;
  }

  expire(): Refusal | undefined {
    if (!this.isInsideFrame) return undefined;
    const length = this.#held.length;
    this.#held.clear();
    this.#state = 'outside';
    return { code: 'FRAME_INCOMPLETE', length };
  }

  #isStart(byte: number): boolean {
    return byte === stx || (byte === soh && this.#framing.soh !== undefined);
  }

  #readStart(byte: number, at: number, events: FrameEvent[]): void {
    const { soh: header } = this.#framing;
    const isHeaded = this.#state === 'header';
    const isRefused = isHeaded && this.#isHeaderLong;
    if (this.#state === 'inside') {
      events.push(fault({ code: 'FRAME_START_INSIDE', length: this.#held.length + at - this.#from }));
    } else if (isHeaded && byte === soh && !isRefused) {
      events.push(fault({ code: 'FRAME_START_INSIDE', length: this.#headerLength }));
    }
    this.#held.clear();
    this.#headerLength = 0;
    if (isRefused && byte === stx) {
      this.#state = 'skipping';
    } else if (byte === soh) {
      this.#state = 'header';
    } else if (header?.isRequired === true && !isHeaded) {
      events.push(fault({ code: 'FRAME_HEADER' }));
      this.#state = 'skipping';
    } else {
      this.#state = 'inside';
      this.#from = at + 1;
      this.#lrc = 0;
    }
  }

  #readInside(byte: number, at: number, events: FrameEvent[]): void {
    this.#lrc ^= byte;
    if (byte === etx) {
      this.#state = 'checking';
      return;
    }
    if (this.#held.length + at + 1 - this.#from <= this.#framing.frameBytesMax) return;
    this.#held.clear();
    this.#state = 'skipping';
    events.push(fault({ code: 'FRAME_TOO_LONG', limit: this.#framing.frameBytesMax }));
  }

  /** A byte that is no start mark, where no content is gathered. */
  #readBetween(byte: number, events: FrameEvent[]): void {
    if (this.#state === 'unchecked') {
      this.#state = 'outside';
      this.#strayBytes += 1;
    } else if (byte === etx) {
      if (this.#state === 'outside') events.push(fault({ code: 'FRAME_END_WITHOUT_START' }));
      if (this.#state === 'header' && !this.#isHeaderLong) events.push(fault({ code: 'FRAME_HEADER' }));
      this.#state = this.#hasLrc ? 'unchecked' : 'outside';
    } else if (this.#state === 'header') {
      this.#readHeader(events);
    } else if (this.#state === 'outside') {
      const control = controlOf(byte);
      if (control !== undefined) events.push(control);
      else if (!isTolerated(byte)) this.#strayBytes += 1;
    }
  }

  #readHeader(events: FrameEvent[]): void {
    this.#headerBytes += 1;
    this.#headerLength += 1;
    if (this.#headerLength === this.#headerMax + 1)
      events.push(fault({ code: 'FRAME_HEADER', limit: this.#headerMax }));
  }

  get #headerMax(): number {
    return this.#framing.soh?.bytesMax ?? 0;
  }

  /** It was refused for that, and its frame with it. */
  get #isHeaderLong(): boolean {
    return this.#headerLength > this.#headerMax;
  }

  #check(chunk: Buffer, at: number, byte: number, events: FrameEvent[]): number {
    // The last byte of the content stands before ETX, which is the byte before this one: of this chunk, or of an earlier one.
    if (byte === this.#lrc) return this.#frame(chunk, at - 1, events);
    this.#held.clear();
    this.#state = 'outside';
    events.push(fault({ code: 'FRAME_LRC' }));
    // As likely as not it is the LRC that was lost: the next frame must not be lost with it.
    if (this.#isStart(byte)) this.#readStart(byte, at, events);
    return 0;
  }

  /** `end`: where ETX stands in the chunk; before it when it came in an earlier one. Answers how many bytes are a view of the chunk. */
  #frame(chunk: Buffer, end: number, events: FrameEvent[]): number {
    this.#state = 'outside';
    const length = end < 0 ? 0 : end - this.#from;
    if (this.#held.length > 0) {
      events.push({ kind: 'frame', bytes: this.#held.take(chunk, this.#from, this.#from + length) });
      return 0;
    }
    if (length === 0) {
      events.push(fault({ code: 'FRAME_EMPTY' }));
      return 0;
    }
    events.push({ kind: 'frame', bytes: chunk.subarray(this.#from, end) });
    return length;
  }
}
