import type { Conversation } from './conversation.ts';

export type PressureLimits = {
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly onPausedCount: (count: number) => void;
};

/** What is read and not yet durable, of all lines together. */
export type UnderWay = { readonly waiting: number; readonly waitingBytes: number };

const UNSENT_BYTES_MAX = 256 * 1024;

/** How full the gateway may be, as a share of its limits, for a session whose most urgent traffic of late is of this class or below. */
const SHARES = [
  { classMin: 3, share: 0.5 },
  { classMin: 2, share: 0.75 },
  { classMin: 0, share: 1 },
] as const;
/** A paused session is read again when the gateway is this much emptier, so that sockets do not flutter. */
const RESUME = 0.8;

/**
 * Back-pressure of one gateway (design 5.10). As it fills, sessions that only sent routine traffic of late are no longer read, then those
 * with queries, and at the limit none. Below, each session has a fair share. A peer that does not take its answers is not read either.
 */
export class Pressure {
  readonly #limits: PressureLimits;
  readonly #underWay: UnderWay;
  readonly #conversations: ReadonlyMap<unknown, Conversation>;
  #paused = 0;
  #level = 0;

  constructor(limits: PressureLimits, underWay: UnderWay, conversations: ReadonlyMap<unknown, Conversation>) {
    this.#limits = limits;
    this.#underWay = underWay;
    this.#conversations = conversations;
  }

  /** Call after reading from a session. */
  afterRead(conversation: Conversation): void {
    const level = levelOf(this.#fill);
    if (level > this.#level) {
      for (const each of this.#conversations.values()) if (this.#isTooFullFor(each, 1)) this.#pause(each);
    }
    this.#level = level;
    const isFull =
      this.#isTooFullFor(conversation, 1) ||
      conversation.unanswered >= this.#share ||
      conversation.hasReadAhead ||
      conversation.session.unsentBytes > UNSENT_BYTES_MAX;
    if (isFull) this.#pause(conversation);
  }

  /** Call after answers went out or a peer took what it was sent. */
  afterAnswers(): void {
    this.#level = levelOf(this.#fill);
    if (this.#paused === 0 || this.isOver) return;
    for (const conversation of this.#conversations.values()) this.#resume(conversation);
  }

  /** A delivery is out on it: it is read for the confirmation, whatever the pressure. */
  letRead(conversation: Conversation): void {
    if (!conversation.isPaused || !conversation.mustBeRead || conversation.closingCode !== '') return;
    conversation.isPaused = false;
    conversation.session.resume();
    this.#count(-1);
  }

  /** A session is gone; it no longer counts as paused. */
  forget(conversation: Conversation): void {
    if (conversation.isPaused) this.#count(-1);
  }

  /** Nothing more may come in, not even a session: its opening must be recorded too. */
  get isOver(): boolean {
    return this.#fill >= 1;
  }

  get #fill(): number {
    const { waiting, waitingBytes } = this.#underWay;
    return Math.max(waiting / this.#limits.messagesMax, waitingBytes / this.#limits.bytesMax);
  }

  #isTooFullFor(conversation: Conversation, part: number): boolean {
    const { urgentClass } = conversation;
    const share = SHARES.find(({ classMin }) => urgentClass >= classMin)?.share ?? 1;
    return this.#fill >= share * part;
  }

  get #share(): number {
    return Math.max(1, Math.floor(this.#limits.messagesMax / Math.max(1, this.#conversations.size)));
  }

  #pause(conversation: Conversation): void {
    if (conversation.isPaused || conversation.mustBeRead) return;
    conversation.isPaused = true;
    conversation.session.pause();
    this.#count(1);
  }

  #resume(conversation: Conversation): void {
    const hasRoom =
      !this.#isTooFullFor(conversation, RESUME) &&
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

/** How many classes of sessions are not read when the gateway is this full. */
const levelOf = (fill: number): number => SHARES.filter(({ share }) => fill >= share).length;
