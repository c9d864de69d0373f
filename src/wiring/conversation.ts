import { type Dialect, nextMessageId, stampBlocks } from '../dialect/dialect.ts';
import type { Line } from '../directory/directory.ts';
import { type ControlEvent, FaultRate, FrameDecoder, type FrameEvent } from '../frame/frame.ts';
import type { Session } from '../listen/listen.ts';
import type { PriorityClass } from '../message/delivery.ts';
import type { Refusal } from '../message/refusal.ts';
import { InOrder } from './in-order.ts';
import type { SessionStep } from './session-step.ts';

const COUNT_MAX = 99_999;
/** How long a session counts by the most urgent message it sent. */
const URGENT_MS = 60_000;
/** Frames read ahead of back-pressure for the sake of a confirmation behind them. */
const AHEAD_MAX = 16;
/** Bytes a peer may leave unread and still get answers to its signs of life. */
const REPLY_UNSENT_MAX = 65_536;

/** What is worked on; what else a line says means nothing, or was taken before. */
type Ahead = Exclude<FrameEvent, ControlEvent>;

/** What one read brought besides frames. */
type Noise = { readonly strayBytes: number; readonly keepAlives: number; readonly headerBytes: number };

/** The two five-digit counters of a line; they wrap to 1 (domain sheet 11). Shared by the line's sessions. */
export class LineCounts {
  received = 0;
  sent = 0;

  countReceived(): number {
    this.received = this.received >= COUNT_MAX ? 1 : this.received + 1;
    return this.received;
  }

  /** The count the next message out will bear. */
  get nextSent(): number {
    return this.sent >= COUNT_MAX ? 1 : this.sent + 1;
  }

  countSent(): number {
    this.sent = this.nextSent;
    return this.sent;
  }
}

/**
 * One session of a line: its decoder, what it still waits for, and the clocks on it. It holds at most the frames of one chunk beyond
 * those under way; the caller pauses the socket by `isOverShare`.
 */
export class Conversation {
  readonly session: Session;
  readonly line: Line;
  /** With the framing of the line. */
  readonly dialect: Dialect;
  readonly counts: LineCounts;
  readonly decoder: FrameDecoder;
  readonly #faultRate: FaultRate;
  /** Monotonic times at which unanswered frames were read, oldest first. */
  readonly #unanswered = new InOrder<number>();
  readonly #ahead = new InOrder<Ahead>();
  frames = 0;
  refused = 0;
  isPaused = false;
  /** A delivery is out on this session and not yet confirmed. */
  isAwaited = false;
  /** Called when one goes out: a session that back-pressure has paused must then be read. */
  onAwaiting: () => void = () => undefined;
  /** The peer has finished sending. */
  isEnded = false;
  /** Set once, when the session is being closed for this reason. */
  closingCode = '';
  #insideSince = 0;
  #sweptAt = performance.now();
  /** How long it was read: while we do not, the rest of a message cannot arrive, and the pause is ours. */
  #readMs = 0;
  /** Of the next message out, where the framing numbers them. */
  #messageId = 1;
  /** A log-on is being looked at: what was sent behind it waits. */
  isHeld = false;
  logOnFailures = 0;
  /** What logged the session on; undefined on a line without log-on, too. */
  #logOn: Extract<SessionStep, { kind: 'on' }> | undefined;
  #notOnSince = performance.now();
  /** Until it has sent something a session is taken for a query's. */
  #urgentClass: PriorityClass = 2;
  #urgentAt = 0;

  constructor(session: Session, line: Line, dialect: Dialect, counts: LineCounts) {
    this.session = session;
    this.line = line;
    this.dialect = dialect;
    this.counts = counts;
    this.decoder = new FrameDecoder(dialect.framing);
    this.#faultRate = new FaultRate(dialect.framing);
  }

  get unanswered(): number {
    return this.#unanswered.length;
  }

  /**
   * Cuts a chunk into events, after those read ahead before; `isTaken` says which somebody else has taken. Keeps the clock of the frame
   * that is still open. Answers what came that was no frame.
   */
  read(chunk: Buffer, now: number, isTaken: (event: FrameEvent) => boolean): Noise {
    const { strayBytes, keepAlives, headerBytes, blocks } = this.decoder;
    const events = this.decoder.push(chunk);
    for (const event of events) {
      if (event.kind === 'control') this.#reply(event.reply);
      if (!isTaken(event) && event.kind !== 'control') this.#ahead.push(event);
    }
    // Whatever was whole in this chunk, the frame that is open began behind it.
    const isNew = events.length > 0 || this.decoder.keepAlives > keepAlives || this.decoder.blocks > blocks;
    if (!this.decoder.isInsideFrame) this.#insideSince = 0;
    else if (this.#insideSince === 0 || isNew) this.#insideSince = now;
    return {
      strayBytes: this.decoder.strayBytes - strayBytes,
      keepAlives: this.decoder.keepAlives - keepAlives,
      headerBytes: this.decoder.headerBytes - headerBytes,
    };
  }

  /**
   * The next event that may go on. A line without confirmation may have one unconfirmed frame read ahead (design 5.13): its sender
   * learns of a loss only by a reset, so the less is under way the better.
   */
  next(): Ahead | undefined {
    if (this.isHeld || (this.line.confirm === 'none' && this.unanswered > 0)) return undefined;
    return this.#ahead.take();
  }

  /** Everything that goes out on the session goes through here. */
  write(frame: Buffer): void {
    const { framing } = this.dialect;
    if (framing.kind === 'header-template') {
      const stamp = { messageId: this.#messageId, session: this.decoder.peerSession };
      if (stampBlocks(framing, frame, stamp)) this.#messageId = nextMessageId(framing, this.#messageId);
    }
    this.session.write(frame);
  }

  /** A sign of life is answered at once, unless the peer takes nothing: then it has answers enough to read. */
  #reply(reply: Buffer | undefined): void {
    if (reply !== undefined && this.session.unsentBytes <= REPLY_UNSENT_MAX) this.session.write(reply);
  }

  /** Messages in several blocks that have waited too long for the rest. To be asked now and then. */
  swept(now: number): readonly Refusal[] {
    if (!this.isPaused) this.#readMs += now - this.#sweptAt;
    this.#sweptAt = now;
    return this.decoder.sweep(this.#readMs);
  }

  /** Who is logged on; empty when nobody is, or nobody need be. */
  get user(): string {
    return this.#logOn?.user ?? '';
  }

  /** Nothing goes out to a station before it is logged on. */
  get mayBeSent(): boolean {
    return this.line.logOn === undefined || this.#logOn !== undefined;
  }

  loggedOn(by: Extract<SessionStep, { kind: 'on' }>): void {
    this.#logOn = by;
  }

  /** Of whoever was not on the time runs on: nothing it sends but a log-on keeps its session. */
  loggedOff(now: number): void {
    if (this.#logOn !== undefined) this.#notOnSince = now;
    this.#logOn = undefined;
  }

  /** It is this log-on that holds, and no later one. */
  isLoggedOnBy(step: SessionStep | undefined): boolean {
    return step !== undefined && this.#logOn === step;
  }

  get hasReadAhead(): boolean {
    return this.#ahead.length > 0;
  }

  /** A confirmation is awaited on this session and there is room to read on for it, whatever the pressure. */
  get mustBeRead(): boolean {
    return this.isAwaited && this.#ahead.length < AHEAD_MAX;
  }

  /** A delivery is out on this session from now on. */
  awaiting(): void {
    this.isAwaited = true;
    this.onAwaiting();
  }

  /** From now on it is read only while a delivery is out on it; the caller keeps nothing else that comes. */
  readForConfirmationOnly(): void {
    if (!this.isAwaited) this.session.pause();
    else if (this.isPaused) {
      this.isPaused = false;
      this.session.resume();
    }
  }

  /** A frame of this class is under way. */
  started(now: number, priorityClass: PriorityClass): void {
    this.#unanswered.push(now);
    if (priorityClass <= this.#urgentClass || now - this.#urgentAt > URGENT_MS) {
      this.#urgentClass = priorityClass;
      this.#urgentAt = now;
    }
  }

  /** The most urgent class it sent of late; back-pressure reads it the longer for it. */
  get urgentClass(): PriorityClass {
    return this.#urgentClass;
  }

  answered(): void {
    this.#unanswered.take();
  }

  /** A refusal when framing faults come too fast: the peer does not speak our framing. */
  countFault(now: number): Refusal | undefined {
    return this.#faultRate.count(now);
  }

  /** Which deadline this session has passed, if any. */
  overdue(now: number): 'ACCEPT_UNKNOWN' | 'FRAME_INCOMPLETE' | 'AUTHORIZE_LOG_ON_MISSING' | undefined {
    const { logOn } = this.line;
    const isAwaitingLogOn = logOn !== undefined && !this.mayBeSent && !this.isHeld;
    if (isAwaitingLogOn && now - this.#notOnSince > logOn.timeoutMs) return 'AUTHORIZE_LOG_ON_MISSING';
    const oldest = this.#unanswered.first;
    if (oldest !== undefined && now - oldest > this.line.ackTimeoutMs) return 'ACCEPT_UNKNOWN';
    // While we do not read, the rest of a frame cannot arrive: the pause is ours, so it is not counted against the sender.
    if (this.isPaused && this.#insideSince > 0) this.#insideSince = now;
    if (this.#insideSince > 0 && now - this.#insideSince > this.line.frameTimeoutMs)
      return 'FRAME_INCOMPLETE';
    return undefined;
  }

  /** Closes the session when its peer has finished and was told all, or when it is to be closed and was told all. */
  closeIfDone(): void {
    if (this.unanswered > 0 || this.isHeld) return;
    if (this.closingCode !== '' || (this.isEnded && !this.hasReadAhead)) this.session.close(false);
  }
}
