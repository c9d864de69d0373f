import type { Obstacles, Resend, Resendable } from '../queue/queue.ts';
import type { Fingerprints } from '../vault/fingerprints.ts';
import type { FrameItem } from './inbound-item.ts';

/**
 * Finds out which messages of a batch were sent before (design 5.14). Only a message with a control field can be one: the same line, ORI,
 * control field and key. With the same body it is a resend, with another body the control field was used again.
 */
export class BatchResends {
  readonly #obstacles: Obstacles;
  /** By field, the body whose likeness Redis was asked about: its answer says nothing of other bodies in this batch. */
  readonly #asked: Map<string, string>;
  /** Of this batch, by field: two copies may have come in one read. */
  readonly #seen = new Map<string, Resendable>();

  /** `asked` stays the same while a batch is built again. */
  constructor(obstacles: Obstacles, asked: Map<string, string>) {
    this.#obstacles = obstacles;
    this.#asked = asked;
  }

  /** What is to be remembered of this batch: of each field the last message that went on. */
  get remembered(): readonly Resendable[] {
    return [...this.#seen.values()];
  }

  /** The message this one repeats, or whose control field it bears; undefined for most. What is no resend is remembered. */
  find(item: FrameItem, fingerprints: Fingerprints): Resend | undefined {
    const { message, from, messageId, bytes } = item;
    if (message === undefined || message.control === '') return undefined;
    const { messageKey, originatingOri, control } = message;
    // What NCIC says twice to two questions without a reference is two answers.
    if (control === from.dialect.ncic?.referenceOfNone) return undefined;
    const field = fingerprints.ofText(`${from.line.name}|${originatingOri}|${messageKey}|${control}`);
    // All of it: the same text to another destination is another message.
    const body = fingerprints.ofBytes(bytes);
    const seen = this.#seen.get(field);
    const known = this.#obstacles.resends.get(field);
    const before =
      seen === undefined
        ? known && { ...known, isSameBody: known.isSameBody && this.#asked.get(field) === body }
        : { messageId: seen.messageId, isSameBody: seen.body === body };
    if (before?.isSameBody !== true) {
      const { station } = from.line;
      this.#seen.set(field, { station, field, body, messageId, isKnown: known !== undefined });
      if (known === undefined) this.#asked.set(field, body);
    }
    return before;
  }
}
