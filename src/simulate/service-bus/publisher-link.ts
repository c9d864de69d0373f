import type { Delivery, Receiver } from 'rhea';
import type { BusCounts } from './bus-counts.ts';
import { StandInError } from './stand-in-error.ts';
import { faultError, throttled } from './faults/fault-conditions.ts';
import type { Scope } from './faults/fault-plan.ts';
import type { FaultPeer, Faults } from './faults/faults.ts';
import { creditOf, forget, OVERSIZED_FORMAT, type RawTransfer, setAttach } from './rhea-inside.ts';
import type { Refusal } from './settlement.ts';
import type { Publication, Topic } from './topic.ts';
import { BATCH_FORMAT, splitBatch } from './wire-message.ts';

/** Sends a publisher may have under way; renewed in lumps of half. */
const creditMax = 1000;

const tooLarge = {
  condition: 'amqp:link:message-size-exceeded',
  description: 'The received message passes the allowed size.',
};

/** What a publishing link has of what all connections share. */
export type PublisherSurroundings = {
  readonly faults: Faults;
  readonly counts: BusCounts;
  readonly messageBytesMax: number;
};

/** A link on which a peer publishes to a topic or queue. */
export class PublisherLink {
  readonly scope: Scope;
  readonly #receiver: Receiver;
  readonly #topic: Topic;
  readonly #faults: Faults;
  readonly #peer: FaultPeer;
  readonly #messageBytesMax: number;
  readonly #counts: BusCounts;
  #isGone = false;

  constructor(
    receiver: Receiver,
    topic: Topic,
    peer: FaultPeer,
    { faults, counts, messageBytesMax }: PublisherSurroundings,
  ) {
    this.scope = { path: topic.path, direction: 'send' };
    this.#receiver = receiver;
    this.#topic = topic;
    this.#faults = faults;
    this.#peer = peer;
    this.#messageBytesMax = messageBytesMax;
    this.#counts = counts;
    setAttach(receiver, 'rcv_settle_mode', 0);
    receiver.add_credit(creditMax);
    topic.publishers.add(this);
  }

  onTransfer(transfer: RawTransfer): void {
    // No frame may follow a detach: the peer's rhea would throw and drop the whole connection.
    if (this.#isGone) {
      forget(transfer.delivery);
      return;
    }
    const credit = creditOf(this.#receiver);
    if (credit <= creditMax / 2) this.#receiver.add_credit(creditMax - credit);
    if (!this.#faults.isArmed) {
      this.#take(transfer);
      return;
    }
    this.#takeFaulty(transfer);
    this.#faults.afterTransfer(this.scope, this.#peer);
  }

  /** Force-detaches, as the service does to an idle link. */
  detach(error: { readonly condition: string; readonly description: string }): void {
    if (this.#isGone) return;
    this.end();
    this.#receiver.close(error);
  }

  end(): void {
    this.#isGone = true;
    this.#topic.publishers.remove(this);
  }

  #takeFaulty(transfer: RawTransfer): void {
    const { delivery } = transfer;
    if (this.#faults.isPaused(this.scope)) {
      // A copy: the bytes are a view into the network read.
      const kept = { ...transfer, message: Buffer.from(transfer.message) };
      const isHeld = this.#faults.hold(this.scope, kept.message.length, () => {
        this.#take(kept);
      });
      if (!isHeld) forget(delivery);
      return;
    }
    const order = this.#faults.strike(['busy', 'reject', 'lose', 'no-ack', 'late-ack'], this.scope);
    const { delayMs = 0, condition = throttled.condition } = order ?? {};
    if (order?.fault === 'busy' || order?.fault === 'reject')
      this.#refuse(delivery, faultError(condition, this.scope.path));
    else if (order?.fault === 'lose') forget(delivery);
    else if (order?.fault === 'no-ack')
      this.#take(transfer, () => {
        forget(delivery);
      });
    else if (order?.fault === 'late-ack')
      this.#take(transfer, (answer) => {
        if (!this.#faults.held.later(delayMs, answer)) answer();
      });
    else this.#take(transfer);
  }

  /** `when` runs the answer in its time, or never. */
  #take(transfer: RawTransfer, when: (answer: () => void) => void = now): void {
    const { delivery, message, format } = transfer;
    const answer = (refusal?: Refusal): void => {
      when(() => {
        if (this.#isGone) forget(delivery);
        else if (refusal === undefined) delivery.accept();
        else this.#refuse(delivery, refusal);
      });
    };
    if (format === OVERSIZED_FORMAT || message.length > this.#messageBytesMax) {
      answer(tooLarge);
      return;
    }
    try {
      const messages = format === BATCH_FORMAT ? splitBatch(message) : [message];
      const overspent = this.#faults.overspent(messages.length);
      if (overspent !== undefined) answer(overspent);
      else
        this.#topic.publish(messages, (publication: Publication) => {
          answer(publication.ok ? undefined : publication.refusal);
        });
    } catch (error) {
      if (!(error instanceof StandInError)) throw error;
      answer({ condition: 'amqp:decode-error', description: error.message });
    }
  }

  #refuse(delivery: Delivery, refusal: Refusal): void {
    this.#counts.refused(refusal.condition);
    delivery.reject(refusal);
  }
}

const now = (answer: () => void): void => {
  answer();
};
