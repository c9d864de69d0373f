import { acknowledge } from '../acknowledge/acknowledge.ts';
import { answerOf } from './answer-text.ts';
import type { Conversation } from './conversation.ts';
import type { FrameItem } from './inbound-item.ts';
import type { InboundParts } from './inbound-parts.ts';

/** Frames of one session in a batch, by what their sender is told. */
type Told = { accepted: number; refused: number; duplicates: number };

/** Tells senders what became of their frames, once it is durable: in frame order, the answers of a session in one write. */
export class Answering {
  readonly #parts: Pick<InboundParts, 'metrics' | 'directory' | 'stations'>;

  constructor(parts: Pick<InboundParts, 'metrics' | 'directory' | 'stations'>) {
    this.#parts = parts;
  }

  /** Answers a batch; gives the sessions it had frames of. */
  answer(frames: readonly FrameItem[]): Iterable<Conversation> {
    const touched = new Map<Conversation, Told>();
    const now = performance.now();
    for (const item of frames) {
      let told = touched.get(item.from);
      if (told === undefined) {
        told = { accepted: 0, refused: 0, duplicates: 0 };
        touched.set(item.from, told);
        item.from.session.cork();
      }
      if (item.duplicateOf !== '') told.duplicates += 1;
      if (item.refusals.length > 0) told.refused += 1;
      else told.accepted += 1;
      this.#answer(item, now);
    }
    for (const [conversation, told] of touched) {
      conversation.session.uncork();
      this.#count(conversation.line.name, told);
    }
    return touched.keys();
  }

  #answer(item: FrameItem, now: number): void {
    const { from, refusals } = item;
    const { line, session } = from;
    const { metrics, directory, stations } = this.#parts;
    from.answered();
    metrics.acceptSeconds.observe((now - item.startedAt) / 1000);
    if (refusals.length > 0) from.refused += 1;
    for (const { code } of refusals) metrics.refusals.inc({ line: line.name, code });
    // The deadline passed and the line was closed: the outcome is on the record, and nobody is told late.
    if (!session.isOpen) return;
    const answer = answerOf(item, directory.gatewayOri);
    for (const bytes of acknowledge(line.confirm, from.dialect.framing, answer)) from.write(bytes);
    // Deliveries begin behind the answer that says they may.
    if (from.isLoggedOnBy(item.session)) stations.opened(from);
    if (answer.kind === 'refused' || answer.kind === 'session') stations.answered(from);
  }

  #count(line: string, { accepted, refused, duplicates }: Told): void {
    const { metrics } = this.#parts;
    if (accepted > 0) metrics.messages.inc({ line, outcome: 'accepted' }, accepted);
    if (refused > 0) metrics.messages.inc({ line, outcome: 'refused' }, refused);
    if (duplicates > 0) metrics.duplicates.inc({ line }, duplicates);
    metrics.lastProgress.set({ link: line }, Date.now() / 1000);
  }
}
