import type { Receiver } from 'rhea';
import { Fault } from '../../message/codes.ts';
import { type InjectedFaults, isStruck } from './injected-faults.ts';
import { creditOf, forget, OVERSIZED_FORMAT, type RawTransfer, setAttach } from './rhea-inside.ts';
import type { Topic } from './topic.ts';
import { BATCH_FORMAT, splitBatch } from './wire-message.ts';

/** Sends a publisher may have under way; renewed in lumps of half. */
const creditMax = 1000;

const busy = {
  condition: 'com.microsoft:server-busy',
  description: 'The request was terminated because the namespace is being throttled. Error code : 50009.',
};
const tooLarge = {
  condition: 'amqp:link:message-size-exceeded',
  description: 'The received message passes the allowed size.',
};

/** A link on which a peer publishes to a topic or queue. */
export class PublisherLink {
  readonly #receiver: Receiver;
  readonly #topic: Topic;
  readonly #faults: InjectedFaults;
  readonly #messageBytesMax: number;
  #isGone = false;

  constructor(receiver: Receiver, topic: Topic, faults: InjectedFaults, messageBytesMax: number) {
    this.#receiver = receiver;
    this.#topic = topic;
    this.#faults = faults;
    this.#messageBytesMax = messageBytesMax;
    setAttach(receiver, 'rcv_settle_mode', 0);
    receiver.add_credit(creditMax);
  }

  onTransfer({ delivery, message, format }: RawTransfer): void {
    // No frame may follow a detach: the peer's rhea would throw and drop the whole connection.
    if (this.#isGone) {
      forget(delivery);
      return;
    }
    const credit = creditOf(this.#receiver);
    if (credit <= creditMax / 2) this.#receiver.add_credit(creditMax - credit);
    if (isStruck(this.#faults, 'silent')) forget(delivery);
    else if (isStruck(this.#faults, 'busy')) delivery.reject(busy);
    else if (format === OVERSIZED_FORMAT || message.length > this.#messageBytesMax) delivery.reject(tooLarge);
    else this.#publish(delivery, message, format);
  }

  /** Force-detaches, as the service does to an idle link. */
  detach(error: { readonly condition: string; readonly description: string }): void {
    this.end();
    this.#receiver.close(error);
  }

  end(): void {
    this.#isGone = true;
  }

  #publish(delivery: RawTransfer['delivery'], message: Buffer, format: number): void {
    try {
      this.#topic.publish(format === BATCH_FORMAT ? splitBatch(message) : [message], (publication) => {
        if (this.#isGone) forget(delivery);
        else if (publication.ok) delivery.accept();
        else delivery.reject(publication.refusal);
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      delivery.reject({ condition: 'amqp:decode-error', description: error.message });
    }
  }
}
