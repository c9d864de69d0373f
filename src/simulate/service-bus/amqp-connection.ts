import type { Duplex } from 'node:stream';
import type { Connection, Delivery, Receiver, Sender, Session } from 'rhea';
import type { TokenCheck } from './access-policies.ts';
import { noSessionsHere, notFound, sessionRequired } from './attach-refusals.ts';
import type { BusCounts } from './bus-counts.ts';
import type { BusLog } from './bus-log.ts';
import { Claims } from './claims.ts';
import { ConsumerLink } from './consumer-link.ts';
import type { Entities } from './entities.ts';
import { faultyRequests, faultyTokens } from './faults/fault-answering.ts';
import { faultError } from './faults/fault-conditions.ts';
import type { FaultOrder } from './faults/fault-orders.ts';
import type { Scope } from './faults/fault-plan.ts';
import type { FaultPeer, Faults } from './faults/faults.ts';
import { type InjectedSocket, injectSocket } from './faults/inject-socket.ts';
import { HalfReceived } from './half-received.ts';
import { Idleness, type IdleLimits } from './idleness.ts';
import { management } from './management.ts';
import type { Memory } from './memory.ts';
import { type LinkCounts, PeerLinks } from './peer-links.ts';
import { PublisherLink } from './publisher-link.ts';
import type { Queue } from './queue.ts';
import { RequestLink } from './request-link.ts';
import {
  afterWindowFlow,
  allowNameEachWay,
  forget,
  limitDispositions,
  makeRaw,
  openedOn,
  type RawTransfer,
  setAttach,
} from './rhea-inside.ts';
import { separateOutcomes } from './rhea-outcomes.ts';
import { SessionAttach, sessionWish } from './session-attach.ts';
import type { Session as MessageSession } from './sessions.ts';
import { entityDisabled, type Outcome, type Refusal } from './settlement.ts';
import { guardedRequests, tokenService } from './token-service.ts';

/** What every connection of a stand-in shares. */
export type Surroundings = {
  readonly entities: Entities;
  readonly log: BusLog;
  readonly faults: Faults;
  readonly tokens: TokenCheck;
  readonly memory: Memory;
  readonly counts: BusCounts;
  readonly idle: IdleLimits;
  readonly messageBytesMax: number;
  /** Delivery slots of a session, either way. */
  readonly windowMax: number;
};

/** Links and sessions one peer may have open; the SDK opens a session a link. */
const openedMax = 5_000;
/** Messages of the largest size that one peer may have half sent. */
const halvesMax = 8;

/** One peer: finds what each of its links is for and passes rhea's events on to it. */
export class AmqpConnection implements FaultPeer {
  readonly #surroundings: Surroundings;
  readonly #connection: Connection;
  readonly #wire: InjectedSocket;
  readonly #links = new PeerLinks();
  readonly #claims: Claims;
  readonly #halves: HalfReceived;
  readonly #idleness: Idleness;

  /** `stream`: what its bytes go over. */
  constructor(connection: Connection, surroundings: Surroundings, stream: Duplex) {
    this.#surroundings = surroundings;
    this.#connection = connection;
    this.#wire = injectSocket(stream);
    const { tokens, memory, messageBytesMax, counts, idle } = surroundings;
    this.#claims = new Claims(tokens, counts);
    this.#halves = new HalfReceived(memory, halvesMax * messageBytesMax);
    this.#idleness = new Idleness(idle);
    surroundings.faults.join(this);
    this.#listen(connection);
  }

  /** Ends every link without a word to the peer: the connection is gone. */
  end(): void {
    this.#surroundings.faults.leave(this);
    for (const link of this.#links.keys()) this.#end(link);
    this.#halves.endAll();
  }

  /** Hands on what waited for the socket to drain or the session's window to widen. */
  onRoom(): void {
    for (const link of this.#links.values()) if (link instanceof ConsumerLink) link.onCredit();
  }

  /** Ends links whose token ran out, links that lie idle, and a connection that had none for too long. */
  sweep(nowMs: number): void {
    const { isUsed } = this.#links;
    this.#links.detachEach((link, { scope }) => {
      const error = this.#unauthorized(scope, nowMs) ?? this.#idleness.ofLink(link, nowMs);
      if (error !== undefined) this.#surroundings.counts.refused(error.condition);
      return error;
    });
    const error = this.#idleness.ofConnection(isUsed, nowMs);
    if (error !== undefined) this.close(error);
  }

  /** Adds this connection's links. */
  countLinks(counts: LinkCounts): void {
    this.#links.addTo(counts);
  }

  isMeant(order: FaultOrder): boolean {
    return this.#links.isMeant(order);
  }

  drop(): void {
    this.#wire.drop();
  }

  writeRubbish(): void {
    this.#wire.writeRubbish();
  }

  freeze(): void {
    this.#wire.freeze();
  }

  thaw(): void {
    this.#wire.thaw();
  }

  close(error: Refusal): void {
    this.#connection.close(error);
  }

  detach(order: FaultOrder, condition: string): number {
    return this.#links.detach(order, condition);
  }

  loseSessions(order: FaultOrder): number {
    return this.#links.loseSessions(order);
  }

  #listen(connection: Connection): void {
    const { messageBytesMax, windowMax } = this.#surroundings;
    connection.on('session_open', ({ session }: { session: Session }) => {
      this.#limitOpened();
      makeRaw(session, messageBytesMax, this.#halves);
      limitDispositions(session, windowMax);
      separateOutcomes(session);
      allowNameEachWay(session);
      afterWindowFlow(session, () => {
        this.onRoom();
      });
    });
    connection.on('receiver_open', ({ receiver }: { receiver: Receiver }) => {
      this.#limitOpened();
      this.#openIncoming(receiver);
    });
    connection.on('sender_open', ({ sender }: { sender: Sender }) => {
      this.#limitOpened();
      this.#openOutgoing(sender);
    });
    connection.on('message', (transfer: RawTransfer) => {
      const link = this.#links.get(transfer.receiver);
      if (link instanceof PublisherLink || link instanceof RequestLink) link.onTransfer(transfer);
      // The link is refused or detached, and its peer does not know yet: a slot kept would be lost to its session.
      else forget(transfer.delivery);
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
    if (address === '$cbs')
      this.#links.set(
        receiver,
        new RequestLink(receiver, faultyTokens(tokenService(this.#claims), faults), address),
      );
    else if (found.isManagement && (found.topic !== undefined || found.queue !== undefined)) {
      const path = found.topic?.path ?? found.queue?.path ?? '';
      const guarded = guardedRequests(management(entities, address, log), this.#claims, address);
      const answering = faultyRequests(guarded, faults, path);
      this.#links.set(receiver, new RequestLink(receiver, answering, path));
    } else if (found.topic !== undefined) {
      if (this.#isRefused(receiver, { path: found.topic.path, direction: 'send' })) return;
      if (!found.topic.isSendable) {
        this.#refuse(receiver, entityDisabled(found.topic.path));
        return;
      }
      const bytesMax = Math.min(messageBytesMax, found.topic.messageBytesMax);
      setAttach(receiver, 'max_message_size', bytesMax);
      this.#links.set(receiver, new PublisherLink(receiver, found.topic, this, this.#surroundings));
    } else this.#refuse(receiver, notFound(address));
  }

  /** The peer receives from us: messages, or answers to what it asked. */
  #openOutgoing(sender: Sender): void {
    const address = addressOf(sender.source);
    sender.set_source({ address });
    const { queue, isManagement } = this.#surroundings.entities.find(address);
    if (address === '$cbs' || isManagement) return;
    const wish = sessionWish(sender);
    if (queue === undefined) this.#refuse(sender, notFound(address));
    else if (!queue.isReceivable) this.#refuse(sender, entityDisabled(queue.path));
    else if (this.#isRefused(sender, { path: queue.path, direction: 'receive' })) return;
    else if (wish === undefined && queue.sessions === undefined) this.#consume(sender, queue);
    else if (wish === undefined) this.#refuse(sender, sessionRequired);
    else if (queue.sessions === undefined) this.#refuse(sender, noSessionsHere);
    else this.#openSession(sender, queue, wish.id);
  }

  #openSession(sender: Sender, queue: Queue, id: string | undefined): void {
    const attach = new SessionAttach(
      sender,
      queue,
      (session) => {
        this.#consume(sender, queue, session);
      },
      () => {
        const link = this.#links.get(sender);
        if (link instanceof ConsumerLink) link.loseSession();
      },
    );
    this.#links.set(sender, attach);
    attach.begin(id);
  }

  #consume(sender: Sender, queue: Queue, session?: MessageSession): void {
    const { log, faults } = this.#surroundings;
    const link = new ConsumerLink(sender, queue, { log, faults, peer: this, wire: this.#wire }, session);
    this.#links.set(sender, link);
    // Credit may have come with the attach, or while that was held: it is used once the attach is answered.
    setImmediate(() => {
      link.onCredit();
    });
  }

  #isRefused(link: Sender | Receiver, scope: Scope): boolean {
    const { faults } = this.#surroundings;
    const order = faults.isArmed ? faults.strike(['refuse-link'], scope) : undefined;
    const fault = order && faultError(order.condition ?? 'amqp:internal-error', scope.path);
    const error = fault ?? this.#unauthorized(scope, Date.now());
    if (error !== undefined) this.#refuse(link, error);
    return error !== undefined;
  }

  #refuse(link: Sender | Receiver, error: Refusal): void {
    this.#surroundings.counts.refused(error.condition);
    link.close(error);
  }

  #unauthorized({ path, direction }: Scope, nowMs: number): Refusal | undefined {
    return this.#claims.refusal(path, direction === 'send' ? 'Send' : 'Listen', nowMs);
  }

  #end(link: Sender | Receiver): void {
    const role = this.#links.get(link);
    this.#links.delete(link);
    if (link.is_receiver()) this.#halves.end(link as Receiver);
    if (role !== undefined && !(role instanceof RequestLink)) role.end();
  }

  /** Thrown into rhea's reader, which then ends the connection. */
  #limitOpened(): void {
    if (openedOn(this.#connection) > openedMax)
      throw new RangeError('too many links and sessions on one connection');
  }
}

function addressOf(terminus: unknown): string {
  if (typeof terminus !== 'object' || terminus === null || !('address' in terminus)) return '';
  return typeof terminus.address === 'string' ? terminus.address : '';
}
