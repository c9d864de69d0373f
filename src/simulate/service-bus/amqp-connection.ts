import type { Connection, Delivery, Receiver, Sender, Session } from 'rhea';
import type { BusLog } from './bus-log.ts';
import { ConsumerLink } from './consumer-link.ts';
import type { Entities } from './entities.ts';
import type { InjectedFaults } from './injected-faults.ts';
import { management } from './management.ts';
import { PublisherLink } from './publisher-link.ts';
import type { Queue } from './queue.ts';
import { RequestLink } from './request-link.ts';
import { afterWindowFlow, limitDispositions, makeRaw, type RawTransfer, setAttach } from './rhea-inside.ts';
import { separateOutcomes } from './rhea-outcomes.ts';
import { SessionAttach, sessionWish } from './session-attach.ts';
import type { Session as MessageSession } from './sessions.ts';
import type { Outcome } from './settlement.ts';
import { tokenService } from './token-service.ts';

/** What every connection of a stand-in shares. */
export type Surroundings = {
  readonly entities: Entities;
  readonly log: BusLog;
  readonly faults: InjectedFaults;
  readonly messageBytesMax: number;
  /** Delivery slots of a session, either way. */
  readonly windowMax: number;
};

/** Links and sessions one peer may open; the SDK opens a session a link. */
const openedMax = 5_000;

type Link = PublisherLink | ConsumerLink | RequestLink | SessionAttach;

/** One peer: finds what each of its links is for and passes rhea's events on to it. */
export class AmqpConnection {
  readonly #surroundings: Surroundings;
  readonly #unsentBytes: () => number;
  readonly #links = new Map<Sender | Receiver, Link>();
  #opened = 0;

  constructor(connection: Connection, surroundings: Surroundings, unsentBytes: () => number) {
    this.#surroundings = surroundings;
    this.#unsentBytes = unsentBytes;
    this.#listen(connection);
  }

  /** Ends every link without a word to the peer: the connection is gone. */
  end(): void {
    for (const link of this.#links.keys()) this.#end(link);
  }

  /** Hands on what waited for the socket to drain or the session's window to widen. */
  onRoom(): void {
    for (const link of this.#links.values()) if (link instanceof ConsumerLink) link.onCredit();
  }

  /** Force-detaches every publisher and consumer, as the service does to idle links. */
  detachAll(): void {
    const description = 'The link is force detached. Code: publisher(link). Details: Idle timeout: 00:10:00.';
    for (const [link, role] of this.#links) {
      if (role instanceof RequestLink || role instanceof SessionAttach) continue;
      this.#links.delete(link);
      role.detach({ condition: 'amqp:link:detach-forced', description });
    }
  }

  #listen(connection: Connection): void {
    const { messageBytesMax, windowMax } = this.#surroundings;
    connection.on('session_open', ({ session }: { session: Session }) => {
      this.#countOpened();
      makeRaw(session, messageBytesMax);
      limitDispositions(session, windowMax);
      separateOutcomes(session);
      afterWindowFlow(session, () => {
        this.onRoom();
      });
    });
    connection.on('receiver_open', ({ receiver }: { receiver: Receiver }) => {
      this.#countOpened();
      this.#openIncoming(receiver);
    });
    connection.on('sender_open', ({ sender }: { sender: Sender }) => {
      this.#countOpened();
      this.#openOutgoing(sender);
    });
    connection.on('message', (transfer: RawTransfer) => {
      const link = this.#links.get(transfer.receiver);
      if (link instanceof PublisherLink || link instanceof RequestLink) link.onTransfer(transfer);
    });
    for (const outcome of ['accepted', 'rejected', 'released', 'modified'] as const satisfies Outcome[]) {
      connection.on(outcome, ({ sender, delivery }: { sender: Sender; delivery: Delivery }) => {
        const link = this.#links.get(sender);
        if (link instanceof ConsumerLink) link.onSettled(delivery, outcome);
      });
    }
    connection.on('sendable', ({ sender }: { sender: Sender }) => {
      const link = this.#links.get(sender);
      if (link instanceof ConsumerLink) link.onCredit();
    });
    connection.on('sender_draining', ({ sender }: { sender: Sender }) => {
      const link = this.#links.get(sender);
      if (link instanceof ConsumerLink) link.onDrain();
      else sender.set_drained(true);
    });
    connection.on('sender_close', ({ sender }: { sender: Sender }) => {
      this.#end(sender);
    });
    connection.on('receiver_close', ({ receiver }: { receiver: Receiver }) => {
      this.#end(receiver);
    });
    connection.on('session_close', ({ session }: { session: Session }) => {
      for (const link of this.#links.keys()) if (link.session === session) this.#end(link);
    });
  }

  /** The peer sends to us: it publishes, or asks. */
  #openIncoming(receiver: Receiver): void {
    const { entities, faults, log, messageBytesMax } = this.#surroundings;
    const address = addressOf(receiver.target);
    receiver.set_target({ address });
    const found = entities.find(address);
    if (address === '$cbs') this.#links.set(receiver, new RequestLink(receiver, tokenService(faults)));
    else if (found.isManagement && (found.topic !== undefined || found.queue !== undefined)) {
      this.#links.set(receiver, new RequestLink(receiver, management(found, log)));
    } else if (found.topic !== undefined) {
      setAttach(receiver, 'max_message_size', messageBytesMax);
      this.#links.set(receiver, new PublisherLink(receiver, found.topic, faults, messageBytesMax));
    } else receiver.close(notFound(address));
  }

  /** The peer receives from us: messages, or answers to what it asked. */
  #openOutgoing(sender: Sender): void {
    const address = addressOf(sender.source);
    sender.set_source({ address });
    const { queue, isManagement } = this.#surroundings.entities.find(address);
    if (address === '$cbs' || isManagement) return;
    const wish = sessionWish(sender);
    if (queue === undefined) sender.close(notFound(address));
    else if (wish === undefined && queue.sessions === undefined) this.#consume(sender, queue);
    else if (wish === undefined) sender.close(sessionRequired);
    else if (queue.sessions === undefined) sender.close(noSessionsHere);
    else this.#openSession(sender, queue, wish.id);
  }

  #openSession(sender: Sender, queue: Queue, id: string | undefined): void {
    const attach = new SessionAttach(
      sender,
      queue,
      (session) => {
        const link = this.#consume(sender, queue, session);
        // Credit may have come while the attach was held; no transfer may go out before the attach is answered.
        setImmediate(() => {
          link.onCredit();
        });
      },
      () => {
        const link = this.#links.get(sender);
        if (link instanceof ConsumerLink) link.loseSession();
      },
    );
    this.#links.set(sender, attach);
    attach.begin(id);
  }

  #consume(sender: Sender, queue: Queue, session?: MessageSession): ConsumerLink {
    const link = new ConsumerLink(sender, queue, this.#surroundings.log, this.#unsentBytes, session);
    this.#links.set(sender, link);
    return link;
  }

  #end(link: Sender | Receiver): void {
    const role = this.#links.get(link);
    this.#links.delete(link);
    if (role !== undefined && !(role instanceof RequestLink)) role.end();
  }

  /** Thrown into rhea's reader, which then ends the connection. */
  #countOpened(): void {
    if (++this.#opened > openedMax) throw new RangeError('too many links and sessions on one connection');
  }
}

const sessionRequired = {
  condition: 'amqp:not-allowed',
  description:
    'It is not possible for an entity that requires sessions to create a non-sessionful message receiver.',
};
const noSessionsHere = {
  condition: 'amqp:not-allowed',
  description:
    'A sessionful message receiver cannot be created on an entity that does not require sessions. Ensure ' +
    'RequiresSession is set to true when creating a Queue or Subscription to enable sessionful behavior.',
};

/** The SDK reads MessagingEntityNotFound out of this very sentence, the name included. */
const notFound = (address: string) => ({
  condition: 'amqp:not-found',
  description: `The messaging entity '${address.slice(0, 300)}' could not be found.`,
});

function addressOf(terminus: unknown): string {
  if (typeof terminus !== 'object' || terminus === null || !('address' in terminus)) return '';
  return typeof terminus.address === 'string' ? terminus.address : '';
}
