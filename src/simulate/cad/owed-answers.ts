import type { LineFacts } from '../wire/line-facts.ts';
import type { Heard } from '../wire/line-voice.ts';

/** What a sender learned about one frame it sent. */
export type Answer =
  /** The message id is said on application lines only. */
  | { readonly kind: 'accepted'; readonly messageId: string }
  | { readonly kind: 'refused'; readonly text: string; readonly statuses: readonly string[] }
  | { readonly kind: 'nak' }
  /** Nothing in time, or the connection ended first: what became of the frame is not known. */
  | { readonly kind: 'silent' }
  /** A line without confirmation, and no refusal within a second. */
  | { readonly kind: 'unconfirmed' };

type Owed = {
  readonly resolve: (answer: Answer) => void;
  readonly timer: NodeJS.Timeout;
  isAcked: boolean;
};

const silent: Answer = { kind: 'silent' };
const accepted: Answer = { kind: 'accepted', messageId: '' };
/** A refusal comes right behind its ACK; when this long nothing has, none does. */
const quietMs = 100;
const unconfirmedMs = 1_000;

/**
 * The answers one session still owes, in the order of the frames. On a `link` line an ACK says that the frame was stored, and a refusal
 * message right behind it that it was refused; on an `application` line a message says either; on one without confirmation only
 * refusals come.
 */
export class OwedAnswers {
  readonly #confirm: LineFacts['confirm'];
  readonly #owed: Owed[] = [];

  constructor(confirm: LineFacts['confirm']) {
    this.#confirm = confirm;
  }

  get size(): number {
    return this.#owed.length;
  }

  /** Call when the frame is written; `ms` is how long its answer may take. */
  answer(ms: number): Promise<Answer> {
    const isNone = this.#confirm === 'none';
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          this.#settle(owed, isNone ? { kind: 'unconfirmed' } : silent);
        },
        isNone ? unconfirmedMs : ms,
      );
      const owed = { resolve, timer, isAcked: false };
      this.#owed.push(owed);
    });
  }

  hear(heard: Exclude<Heard, { kind: 'delivery' }>): void {
    switch (heard.kind) {
      case 'ack':
        this.#acked();
        break;
      case 'nak':
        this.#beforeNext();
        this.#first(this.#confirm === 'link' ? { kind: 'nak' } : undefined);
        break;
      case 'acceptance':
        this.#first({ kind: 'accepted', messageId: heard.messageId });
        break;
      case 'refusal':
        this.#first({ kind: 'refused', text: heard.text, statuses: heard.statuses });
        break;
      case 'other':
        this.#beforeNext();
        break;
    }
  }

  /** The session has ended: what is owed will not come. An ACK that had come stands. */
  end(): void {
    for (const owed of [...this.#owed]) this.#settle(owed, owed.isAcked ? accepted : silent);
  }

  #acked(): void {
    if (this.#confirm !== 'link') return;
    this.#beforeNext();
    const [owed] = this.#owed;
    if (owed === undefined) return;
    owed.isAcked = true;
    setTimeout(() => {
      this.#settle(owed, accepted);
    }, quietMs);
  }

  /** Something else than its refusal came: the ACK before it stands. */
  #beforeNext(): void {
    const [owed] = this.#owed;
    if (owed?.isAcked === true) this.#settle(owed, accepted);
  }

  #first(answer: Answer | undefined): void {
    const [owed] = this.#owed;
    if (owed !== undefined && answer !== undefined) this.#settle(owed, answer);
  }

  #settle(owed: Owed, answer: Answer): void {
    const at = this.#owed.indexOf(owed);
    if (at < 0) return;
    this.#owed.splice(at, 1);
    clearTimeout(owed.timer);
    owed.resolve(answer);
  }
}
