import type { Dialect } from '../dialect/dialect.ts';
import type { Line } from '../directory/directory.ts';
import type { Conversation } from './conversation.ts';

/** What a station said, or did not say, of a frame it was sent. `silent`: not in time; `gone`: the session ended. */
export type Verdict = 'accepted' | 'refused' | 'nak' | 'silent' | 'gone';

/** A count of a line has five digits and wraps to 1. */
type Awaited = {
  readonly sentCount: number;
  readonly resolve: (verdict: Verdict) => void;
  readonly timer: NodeJS.Timeout;
};

/**
 * A session as the way out to a station: it writes a frame and waits for the line's confirmation of it (design 5.13). One frame is out at
 * a time, so a link acknowledgement can only mean that one.
 */
export class StationLink {
  readonly #conversation: Conversation;
  #awaited: Awaited | undefined;
  /** Refusal messages this station has yet to acknowledge, before and behind the delivery that is out. */
  #answersBefore = 0;
  #answersBehind = 0;
  #onGone: (() => void) | undefined;
  #hasEnded = false;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
  }

  get line(): Line {
    return this.#conversation.line;
  }

  get dialect(): Dialect {
    return this.#conversation.dialect;
  }

  /** Its session may live on without it: whoever was logged on is not any more. */
  get isOpen(): boolean {
    const { session, closingCode } = this.#conversation;
    return !this.#hasEnded && session.isOpen && closingCode === '';
  }

  get unsentBytes(): number {
    return this.#conversation.session.unsentBytes;
  }

  /** The output count the next message bears. */
  get nextSentCount(): number {
    return this.#conversation.counts.nextSent;
  }

  /** `isCounted`: the frame bears the next output count. */
  write(frame: Buffer, isCounted: boolean): void {
    if (isCounted) this.#conversation.counts.countSent();
    this.#conversation.write(frame);
  }

  /** Waits for what the station says of the frame with this count, as long as the line allows. */
  verdict(sentCount: number): Promise<Verdict> {
    return new Promise((resolve) => {
      if (!this.isOpen) {
        resolve('gone');
        return;
      }
      this.#await(sentCount, resolve);
    });
  }

  #await(sentCount: number, resolve: (verdict: Verdict) => void): void {
    const timer = setTimeout(() => {
      // While we do not read, the confirmation cannot arrive: the pause is ours, so it is not counted against the station.
      if (this.#conversation.isPaused) this.#await(sentCount, resolve);
      else this.#settle('silent');
    }, this.line.outbound.ackTimeoutMs);
    this.#conversation.awaiting();
    this.#awaited = { sentCount, resolve, timer };
  }

  /**
   * A refusal message was written on the session. Where stations acknowledge those as well, the next acknowledgement is its. Not to be
   * called for a framing fault: on a link line that is told by a NAK, which nobody acknowledges.
   */
  answered(): void {
    if (this.line.confirm !== 'link' || !this.line.outbound.answersAcked) return;
    if (this.#awaited === undefined) this.#answersBefore += 1;
    else this.#answersBehind += 1;
  }

  /** ACK or NAK came: on a link line it is about the oldest frame that is out. */
  control(byte: 'ACK' | 'NAK'): void {
    if (this.line.confirm !== 'link') return;
    if (this.#answersBefore > 0) this.#answersBefore -= 1;
    else this.#settle(byte === 'ACK' ? 'accepted' : 'nak');
  }

  /** A receipt came. False when it is about no frame that is out: then it is an ordinary message. */
  receipt(kind: 'accepted' | 'refused', sentCount: number): boolean {
    if (this.line.confirm !== 'application' || this.#awaited?.sentCount !== sentCount) return false;
    this.#settle(kind);
    return true;
  }

  /** Told once when the session has ended. */
  whenGone(told: () => void): void {
    this.#onGone = told;
  }

  /** The session has ended, or is not for deliveries any more. */
  ended(): void {
    this.#hasEnded = true;
    this.#settle('gone');
    this.#onGone?.();
  }

  /** Ends the session: it looks up and does not move (P9), or its lane is another's. */
  close(code: string): void {
    if (this.#conversation.closingCode === '') this.#conversation.closingCode = code;
    this.#conversation.session.close(true);
  }

  #settle(verdict: Verdict): void {
    const awaited = this.#awaited;
    this.#awaited = undefined;
    this.#conversation.isAwaited = false;
    if (awaited === undefined) return;
    this.#answersBefore += this.#answersBehind;
    this.#answersBehind = 0;
    clearTimeout(awaited.timer);
    awaited.resolve(verdict);
  }
}
