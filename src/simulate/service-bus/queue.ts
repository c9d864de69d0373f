import type { BusLog } from './bus-log.ts';
import type { Consumer } from './consumer.ts';
import { Contents, type NotTaken, type Place } from './contents.ts';
import { expired, sessionMissing, triedTooOften } from './dead-letter-reasons.ts';
import { Deliveries, type Taken } from './deliveries.ts';
import { Keeping } from './keeping.ts';
import type { Lane } from './lane.ts';
import { Links } from './links.ts';
import { deadOptions, type QueueOptions } from './queue-options.ts';
import { Room } from './room.ts';
import { Session, type Sessions } from './sessions.ts';
import type { Properties, Refusal, Settled, Settlement } from './settlement.ts';
import { entityDisabled } from './settlement.ts';
import type { Held, Peeked, StoredMessage } from './stored-message.ts';
import { isWithinPropertiesMax } from './wire-message.ts';

/** Handed out in one turn of the event loop, so that one deep queue does not hold up everything else. */
const burstMessages = 512;
const burstBytes = 4 * 1024 * 1024;

/**
 * A queue, a subscription's queue or a dead-letter sub-queue: hands messages out under locks or for good, takes
 * settlements, gives expired locks back, buries what was tried too often or has expired.
 */
export class Queue {
  readonly path: string;
  readonly deadLetters: Queue | undefined;
  /** Links that receive from here or wait for a session. */
  readonly links = new Links();
  /** Settlements since the start, by what the receiver wished. */
  readonly settled = { complete: 0, abandon: 0, defer: 0, 'dead-letter': 0 };
  #options: QueueOptions;
  readonly #contents: Contents;
  readonly #keeping: Keeping;
  readonly #deliveries: Deliveries;
  #sent = 0;
  #isGone = false;

  /** A dead-letter sub-queue shares its parent's room. */
  constructor(path: string, options: QueueOptions, log: BusLog, parentRoom?: Room) {
    this.path = path;
    this.#options = options;
    this.#contents = new Contents(options);
    const room = parentRoom ?? new Room(options);
    this.#keeping = new Keeping(this, room, log, options.requiresSession);
    this.#deliveries = new Deliveries(this.#contents, this.#keeping);
    if (parentRoom !== undefined) return;
    this.deadLetters = new Queue(`${path}/$DeadLetterQueue`, deadOptions(options), log, room);
  }

  /** New options at run time; `requiresSession` stays as it was made. */
  configure(options: QueueOptions): void {
    this.#options = options;
    this.#contents.configure(options);
    this.#keeping.limit(options);
    if (!options.isReceivable) this.links.detach(entityDisabled(this.path));
    this.deadLetters?.configure(deadOptions(options));
  }

  /** The entity is deleted: links are told so, what it held is forgotten, its dead letters too. */
  drop(error: Refusal): void {
    this.links.detach(error);
    this.#isGone = true;
    this.#contents.clear();
    this.deadLetters?.drop(error);
  }

  /** False while its status lets nobody receive. */
  get isReceivable(): boolean {
    return this.#options.isReceivable;
  }

  /** Bytes held, dead letters included. */
  get bytes(): number {
    return this.#keeping.bytes;
  }

  /** There when the queue requires sessions. */
  get sessions(): Sessions | undefined {
    return this.#contents.sessions;
  }

  get stats() {
    return { ...this.#contents.counts, sent: this.#sent, delivered: this.#deliveries.count };
  }

  /** Takes room for one message, or answers false when the queue is full. Its dead letters count too. */
  reserve(message: StoredMessage): boolean {
    return this.#keeping.reserve(message);
  }

  /** Gives back what `reserve` took. */
  release(message: StoredMessage): void {
    this.#keeping.release(message);
  }

  /** Adds a message whose room is reserved and whose record is written; `pump` then hands it out. */
  add(held: Held): void {
    // Published in the turn before the entity was deleted.
    if (this.#isGone) return;
    this.#sent++;
    const lane = this.#contents.laneOf(held);
    if (lane === undefined) this.#bury(held, sessionMissing);
    else {
      lane.add(held, this.#contents.expiryOf(held));
      if (lane instanceof Session) this.#pumpLater(lane);
    }
  }

  /** Adds a message read back from the log. */
  restore(held: Held, isDeferred: boolean): void {
    this.#keeping.force(held.message);
    this.#putBack(held, isDeferred);
  }

  restoreState(sessionId: string, state: Buffer): void {
    const session = this.sessions?.open(sessionId);
    if (session !== undefined) this.#keeping.restoreState(session, state);
  }

  attach(consumer: Consumer, lane: Lane = this.#contents.lane): void {
    lane.consumers.add(consumer);
  }

  /** Locks outlive the link that took them, as on the service: they end by time or through `$management`. */
  detach(consumer: Consumer, lane: Lane = this.#contents.lane): void {
    lane.consumers.remove(consumer);
  }

  /** Hands out what waits to who can take it. */
  pump(lane: Lane = this.#contents.lane): void {
    const { waiting, consumers } = lane;
    let messagesLeft = burstMessages;
    let bytesLeft = burstBytes;
    const nowMs = Date.now();
    while (waiting.length > 0) {
      const turn = consumers.next();
      if (turn === undefined) return;
      for (let share = turn.share; share > 0 && messagesLeft > 0 && bytesLeft > 0; share--) {
        const held = waiting.shift();
        if (held === undefined) return;
        messagesLeft--;
        bytesLeft -= this.#handOut(held, turn.consumer, lane, nowMs);
      }
      if (messagesLeft === 0 || bytesLeft <= 0) {
        this.#pumpLater(lane);
        return;
      }
    }
  }

  /** Ends a lock the way its holder wishes. */
  settle(key: number, settlement: Settlement, lane: Lane = this.#contents.lane): Settled {
    const lock = lane.locks.find(key);
    if (lock === undefined) return 'lock-lost';
    const { held, isDeferred } = lock;
    const { properties } = settlement;
    if (!isWithinPropertiesMax(held.message.bare, properties)) return 'too-large';
    lane.locks.end(lock);
    this.settled[settlement.kind]++;
    if (settlement.kind === 'complete') this.#keeping.remove(held);
    else if (settlement.kind === 'abandon') {
      held.deliveryCount++;
      this.#putBack(this.#keeping.change(held, properties, isDeferred), isDeferred);
    } else if (settlement.kind === 'dead-letter') this.#bury(held, properties);
    else {
      const changed = this.#keeping.change(held, properties, false);
      this.#contents.deferred.add(changed);
      this.#keeping.deferred(changed);
    }
    return 'settled';
  }

  /** New end of a lock in milliseconds; undefined when it is not held any more. */
  renew(key: number): number | undefined {
    const { lane } = this.#contents;
    return lane.locks.renew(key, lane.lockUntil(Date.now()));
  }

  /** Hands out deferred messages by number, all or none. */
  takeDeferred(
    sequences: readonly number[],
    isPresettled: boolean,
    lane: Lane = this.#contents.lane,
  ): readonly Taken[] | NotTaken {
    return this.#deliveries.ofDeferred(sequences, isPresettled, lane);
  }

  /** Ends a link's hold on a session. What it had under lock counts as tried only when the session's lock ran out. */
  releaseSession(session: Session, isLost: boolean): void {
    for (const { held, isDeferred } of session.locks.endExpired(Infinity)) {
      if (isLost) this.#returnTried(held, isDeferred);
      else {
        this.#keeping.counted(held);
        this.#putBack(held, isDeferred);
      }
    }
    this.sessions?.release(session);
  }

  /** Keeps a session's state or, with undefined, clears it; false when there is no room for it. */
  setState(session: Session, state: Buffer | undefined): boolean {
    const isKept = this.#keeping.changeState(session, state);
    this.sessions?.tidy(session);
    return isKept;
  }

  /** Gives back expired locks and ends expired messages; called on a timer. */
  sweep(nowMs: number): void {
    const { deferred, lane, sessions } = this.#contents;
    const isExpired = (held: Held): boolean => this.#contents.isExpired(held, nowMs);
    for (const { held, isDeferred } of lane.locks.endExpired(nowMs)) this.#returnTried(held, isDeferred);
    for (const session of sessions?.lost(nowMs) ?? []) session.owner?.onSessionLost();
    for (const held of deferred.takeExpired(isExpired)) this.#expire(held);
    for (const held of lane.takeExpired(isExpired)) this.#expire(held);
    for (const session of sessions?.walk() ?? []) {
      for (const held of session.takeExpired(isExpired)) this.#expire(held);
      sessions?.tidy(session);
    }
    this.pump();
    this.deadLetters?.sweep(nowMs);
  }

  /** Messages from a sequence number on, waiting, locked or deferred, in order; of one session or of all. */
  peek(fromSequence: number, count: number, sessionId?: string): readonly Peeked[] {
    return this.#contents.peek(fromSequence, count, sessionId);
  }

  /** Everything the log must keep. */
  held(): Iterable<Place> {
    return this.#contents.all();
  }

  #handOut(held: Held, consumer: Consumer, lane: Lane, nowMs: number): number {
    if (this.#contents.isExpired(held, nowMs)) {
      this.#expire(held);
      return 0;
    }
    const { bytes, lock } = consumer.isPresettled
      ? { bytes: this.#deliveries.forGood(held), lock: undefined }
      : this.#deliveries.underLock(held, lane, nowMs, false);
    consumer.send(bytes, lock);
    return bytes.length;
  }

  #returnTried(held: Held, isDeferred: boolean): void {
    held.deliveryCount++;
    this.#putBack(held, isDeferred);
  }

  #putBack(held: Held, isDeferred: boolean): void {
    const { maxDeliveryCount } = this.#options;
    if (this.deadLetters !== undefined && held.deliveryCount >= maxDeliveryCount) {
      this.#bury(held, triedTooOften(maxDeliveryCount));
      return;
    }
    if (isDeferred) {
      this.#contents.deferred.add(held);
      return;
    }
    const lane = this.#contents.laneOf(held);
    if (lane === undefined) this.#bury(held, sessionMissing);
    else {
      lane.putBack(held, this.#contents.expiryOf(held));
      this.#pumpLater(lane);
    }
  }

  #expire(held: Held): void {
    if (this.deadLetters === undefined || !this.#options.deadLettersExpired) this.#keeping.remove(held);
    else this.#bury(held, expired);
  }

  #bury(held: Held, properties: Properties): void {
    const { deadLetters } = this;
    // A dead letter cannot die again: the service refuses it, we keep it where it is.
    if (deadLetters === undefined) {
      this.#putBack(held, false);
      return;
    }
    // Stored there before removed here: a torn log then shows it twice, never not at all.
    const dead = deadLetters.#keeping.bury(held, properties, this.path);
    this.#keeping.remove(held);
    deadLetters.add(dead);
    deadLetters.#pumpLater(deadLetters.#contents.lane);
  }

  #pumpLater(lane: Lane): void {
    if (lane instanceof Session) this.sessions?.tidy(lane);
    if (lane.isPumpDue) return;
    lane.isPumpDue = true;
    setImmediate(() => {
      lane.isPumpDue = false;
      this.pump(lane);
    });
  }
}
