import {
  blockOverhead,
  countedBesides,
  type HeaderTemplateFraming,
  keepAliveReply,
  readNumber,
  type TemplateField,
} from '../dialect/dialect.ts';
import type { Refusal } from '../message/refusal.ts';
import { type Cutter, eventOf, fault, type FrameEvent } from './cutter.ts';
import { SegmentBook } from './segments.ts';
import { Window } from './window.ts';

/**
 * Blocks with a header (domain sheet 2.3). Hunts for the start mark byte by byte; a block whose length or stop mark is wrong is a fault,
 * and the hunt goes on one byte behind its start, for its length may be lying. The length says where a block ends: a stop mark inside is
 * content. Without a start mark there is nothing to hunt for: after a fault nothing more is read.
 *
 * Holds at most one block, which grows with what came and never with what its length claims, and the segments of unfinished messages.
 */
export class HeaderTemplateCutter implements Cutter {
  readonly #framing: HeaderTemplateFraming;
  readonly #start: Buffer;
  readonly #stop: Buffer;
  /** Bytes up to and with the length. */
  readonly #lengthEnd: number;
  readonly #window: Window;
  readonly #book: SegmentBook | undefined;
  #strayBytes = 0;
  #keepAlives = 0;
  #blocks = 0;
  #isLost = false;
  peerSession: number | undefined;

  constructor(framing: HeaderTemplateFraming) {
    this.#framing = framing;
    this.#start = Buffer.from(framing.start, 'latin1');
    this.#stop = Buffer.from(framing.stop, 'latin1');
    this.#lengthEnd = framing.start.length + framing.length.width;
    this.#window = new Window(framing.frameBytesMax + blockOverhead(framing));
    const { segments, frameBytesMax } = framing;
    this.#book = segments && new SegmentBook(segments, frameBytesMax);
  }

  get pendingBytes(): number {
    return this.#window.length + (this.#book?.bytes ?? 0);
  }

  get strayBytes(): number {
    return this.#strayBytes;
  }

  get keepAlives(): number {
    return this.#keepAlives;
  }

  get blocks(): number {
    return this.#blocks;
  }

  get isInsideFrame(): boolean {
    return this.#window.length > 0;
  }

  cut(chunk: Buffer, events: FrameEvent[]): number {
    let viewBytes = 0;
    let at = 0;
    while (!this.#isLost) {
      if (this.#window.length === 0) {
        at += this.#strayed(chunk.subarray(at));
        const rest = chunk.subarray(at);
        if (rest.length < this.#needed(rest)) {
          this.#window.append(rest, 0, rest.length);
          break;
        }
        const content = this.#contentOf(rest, events);
        if (content !== undefined && this.#say(rest, content, events)) viewBytes += content.length;
        at += this.#taken(rest, content);
        continue;
      }
      const { view } = this.#window;
      const missing = this.#needed(view) - view.length;
      if (missing > 0) {
        const to = Math.min(chunk.length, at + missing);
        this.#window.append(chunk, at, to);
        const isEnough = to - at === missing;
        at = to;
        // What might have been a start mark may turn out to be none.
        this.#window.drop(this.#strayed(this.#window.view));
        if (!isEnough) break;
        continue;
      }
      const content = this.#contentOf(view, events);
      if (content !== undefined) this.#say(view, copyOf(content), events);
      this.#window.drop(this.#taken(view, content));
      this.#window.drop(this.#strayed(this.#window.view));
    }
    return viewBytes;
  }

  expire(): Refusal | undefined {
    if (!this.isInsideFrame) return undefined;
    const length = Math.max(0, this.#window.length - this.#framing.headBytes);
    this.#window.clear();
    this.#isLost = this.#start.length === 0;
    return { code: 'FRAME_INCOMPLETE', length };
  }

  sweep(nowMs: number): readonly Refusal[] {
    return this.#book?.sweep(nowMs) ?? [];
  }

  /** How many bytes stand before a start mark, or before what may become one. */
  #strayed(bytes: Buffer): number {
    const found = this.#start.length === 0 ? 0 : bytes.indexOf(this.#start);
    const stray = found === -1 ? bytes.length - this.#tailOf(bytes) : found;
    this.#strayBytes += stray;
    return stray;
  }

  /** The longest end of `bytes` that a start mark may begin with. */
  #tailOf(bytes: Buffer): number {
    for (let length = Math.min(bytes.length, this.#start.length - 1); length > 0; length--)
      if (bytes.compare(this.#start, 0, length, bytes.length - length) === 0) return length;
    return 0;
  }

  /** How many bytes it takes to say what becomes of those, which begin with a start mark or a part of it. */
  #needed(bytes: Buffer): number {
    if (bytes.length < this.#start.length) return this.#start.length;
    if (bytes.length < this.#lengthEnd) return this.#lengthEnd;
    const claimed = this.#claimed(bytes);
    return typeof claimed === 'number' ? claimed + blockOverhead(this.#framing) : this.#lengthEnd;
  }

  /** Bytes of content that the length claims, or why it cannot be right. */
  #claimed(bytes: Buffer): number | Refusal {
    const { length, frameBytesMax } = this.#framing;
    const claimed = readNumber(bytes, this.#start.length, length) - countedBesides(this.#framing);
    if (claimed < 0) return { code: 'FRAME_LENGTH' };
    return claimed > frameBytesMax ? { code: 'FRAME_TOO_LONG', limit: frameBytesMax } : claimed;
  }

  /** The content of the block that `bytes` begin with; undefined when it is none, which is then said. */
  #contentOf(bytes: Buffer, events: FrameEvent[]): Buffer | undefined {
    const claimed = this.#claimed(bytes);
    if (typeof claimed !== 'number') {
      this.#refuse(claimed, events);
      return undefined;
    }
    const { headBytes } = this.#framing;
    const end = headBytes + claimed;
    if (!bytes.subarray(end, end + this.#stop.length).equals(this.#stop)) {
      this.#refuse({ code: 'FRAME_STOP_MARK' }, events);
      return undefined;
    }
    return bytes.subarray(headBytes, end);
  }

  /** Bytes that are done with: the block, or the first byte of what was none. */
  #taken(bytes: Buffer, content: Buffer | undefined): number {
    if (content !== undefined) return content.length + blockOverhead(this.#framing);
    // The place in the stream is lost: nobody reads on.
    if (this.#isLost) return bytes.length;
    this.#strayBytes += 1;
    return 1;
  }

  #refuse(refusal: Refusal, events: FrameEvent[]): void {
    this.#isLost = this.#start.length === 0;
    events.push(fault(refusal, this.#isLost));
  }

  /** What a block means; true where its content is the frame that was said. */
  #say(block: Buffer, content: Buffer, events: FrameEvent[]): boolean {
    const { blockType, session } = this.#framing;
    this.#blocks += 1;
    if (session !== undefined) this.peerSession = numberIn(block, session);
    const event =
      blockType === undefined ? this.#untyped(block, content) : this.#typed(block, content, blockType);
    if (event !== undefined) events.push(event);
    return event?.kind === 'frame' && event.bytes === content;
  }

  /** Without a type nothing can be a keep-alive but a block with nothing in it, as with a length in front [UNC]. */
  #untyped(block: Buffer, content: Buffer): FrameEvent | undefined {
    if (content.length > 0) return this.#data(block, content);
    this.#keepAlives += 1;
    return undefined;
  }

  #typed(
    block: Buffer,
    content: Buffer,
    { field, types }: NonNullable<HeaderTemplateFraming['blockType']>,
  ): FrameEvent | undefined {
    const type = numberIn(block, field);
    if (type === types.data) return this.#data(block, content);
    if (type === types.ack) return { kind: 'control', byte: 'ACK' };
    if (type === types.nak) return { kind: 'control', byte: 'NAK' };
    if (type !== types.keepAliveRequest && type !== types.keepAliveReply)
      return fault({ code: 'FRAME_BLOCK_TYPE' });
    this.#keepAlives += 1;
    if (type === types.keepAliveReply) return undefined;
    const reply = keepAliveReply(this.#framing, this.peerSession);
    return reply && { kind: 'control', byte: 'ENQ', reply };
  }

  #data(block: Buffer, content: Buffer): FrameEvent | undefined {
    const { segments } = this.#framing;
    if (segments === undefined || this.#book === undefined)
      return content.length === 0 ? fault({ code: 'FRAME_EMPTY' }) : eventOf(content);
    return this.#book.add({
      message: `${String(this.peerSession ?? 0)}/${String(numberIn(block, segments.messageId))}`,
      number: numberIn(block, segments.number),
      count: numberIn(block, segments.count),
      content,
    });
  }
}

const numberIn = (block: Buffer, field: TemplateField): number => readNumber(block, field.offset, field);

/** allocUnsafeSlow: a slice of Node's shared pool would pin that instead. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
