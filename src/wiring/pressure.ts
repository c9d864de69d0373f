import type { Conversation } from './conversation.ts';

export type PressureLimits = {
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly onPausedCount: (count: number) => void;
};

/** What is read and not yet durable, of all lines together. */
export type UnderWay = { readonly waiting: number; readonly waitingBytes: number };

const UNSENT_BYTES_MAX = 256 * 1024;

/**
 * Back-pressure of one gateway (design 5.10): past the limit no socket is read; below it each session has a fair share. A peer that
 * does not take its answers is not read either. It resumes at half, so that sockets do not flutter.
 */
export class Pressure {
  readonly #limits: PressureLimits;
  readonly #underWay: UnderWay;
  readonly #conversations: ReadonlyMap<unknown, Conversation>;
  #paused = 0;

  constructor(limits: PressureLimits, underWay: UnderWay, conversations: ReadonlyMap<unknown, Conversation>) {
    this.#limits = limits;
    this.#underWay = underWay;
    this.#conversations = conversations;
  }

  /** Call after reading from a session. */
  afterRead(conversation: Conversation): void {
    if (this.isOver) {
      for (const each of this.#conversations.values()) this.#pause(each);
      return;
    }
    const isFull =
      conversation.unanswered >= this.#share ||
      conversation.hasReadAhead ||
      conversation.session.unsentBytes > UNSENT_BYTES_MAX;
    if (isFull) this.#pause(conversation);
  }

  /** Call after answers went out or a peer took what it was sent. */
  afterAnswers(): void {
    if (this.#paused === 0 || this.isOver) return;
    for (const conversation of this.#conversations.values()) this.#resume(conversation);
  }

  /** A session is gone; it no longer counts as paused. */
  forget(conversation: Conversation): void {
    if (conversation.isPaused) this.#count(-1);
  }

  /** Nothing more may come in, not even a session: its opening must be recorded too. */
  get isOver(): boolean {
    const { waiting, waitingBytes } = this.#underWay;
    return waiting >= this.#limits.messagesMax || waitingBytes >= this.#limits.bytesMax;
  }

  get #share(): number {
    return Math.max(1, Math.floor(this.#limits.messagesMax / Math.max(1, this.#conversations.size)));
  }

  #pause(conversation: Conversation): void {
    if (conversation.isPaused) return;
    conversation.isPaused = true;
    conversation.session.pause();
    this.#count(1);
  }

  #resume(conversation: Conversation): void {
    const hasRoom =
      conversation.unanswered <= this.#share / 2 &&
      !conversation.hasReadAhead &&
      conversation.session.unsentBytes <= UNSENT_BYTES_MAX / 2;
    if (!conversation.isPaused || conversation.closingCode !== '' || !hasRoom) return;
    conversation.isPaused = false;
    conversation.session.resume();
    this.#count(-1);
  }

  #count(change: number): void {
    this.#paused += change;
    this.#limits.onPausedCount(this.#paused);
  }
}
