import type { BusLog, Logged } from './bus-log.ts';
import type { Room, RoomLimits } from './room.ts';
import type { Session } from './sessions.ts';
import type { Properties } from './settlement.ts';
import { type Held, heldBytes, type StoredMessage } from './stored-message.ts';
import { withApplicationProperties } from './wire-message.ts';

/** What a session takes beside its messages; counted with each of them, as each may be of another session. */
const sessionBytes = 1_000;

/** The books of one queue: what it holds is counted against its room and told to the log. */
export class Keeping {
  readonly #queue: Logged;
  readonly #room: Room;
  readonly #log: BusLog;
  readonly #extraBytes: number;

  constructor(queue: Logged, room: Room, log: BusLog, requiresSession: boolean) {
    this.#queue = queue;
    this.#room = room;
    this.#log = log;
    this.#extraBytes = requiresSession ? sessionBytes : 0;
  }

  /** Bytes the queue's room holds, its dead letters' too. */
  get bytes(): number {
    return this.#room.bytes;
  }

  limit(limits: RoomLimits): void {
    this.#room.limits = limits;
  }

  /** Takes room for one message; false when there is none. */
  reserve(message: StoredMessage): boolean {
    return this.#room.take(this.#cost(message));
  }

  /** Counts a message whether there is room or not: it is here already. */
  force(message: StoredMessage): void {
    this.#room.force(this.#cost(message));
  }

  release(message: StoredMessage): void {
    this.#room.giveBack(this.#cost(message));
  }

  remove(held: Held): void {
    this.release(held.message);
    this.#log.removed(this.#queue, held.message.sequence);
  }

  counted(held: Held, deliveryCount = held.deliveryCount): void {
    this.#log.counted(this.#queue, held.message.sequence, deliveryCount);
  }

  deferred(held: Held): void {
    this.#log.deferred(this.#queue, held.message.sequence);
    this.counted(held);
  }

  /** Takes over a message that died in the queue of path `source`: its life no longer ends, its count stays. */
  bury({ message, deliveryCount }: Held, properties: Properties, source: string): Held {
    const bare = withApplicationProperties(message.bare, properties);
    const dead = { message: { ...message, bare, expiresAtMs: 0, deadLetterSource: source }, deliveryCount };
    this.#store(dead);
    return dead;
  }

  /** The message with properties a receiver added or replaced, in this queue alone; `isDeferred`: it stays so. */
  change(held: Held, properties: Properties, isDeferred: boolean): Held {
    if (properties.size === 0) return held;
    const bare = withApplicationProperties(held.message.bare, properties);
    const changed = { message: { ...held.message, bare }, deliveryCount: held.deliveryCount };
    this.release(held.message);
    // The log's last word on a sequence number in a queue holds.
    this.#store(changed);
    if (isDeferred) this.#log.deferred(this.#queue, changed.message.sequence);
    return changed;
  }

  /** Keeps a session's state or, with undefined, clears it; false when there is no room for it. */
  changeState(session: Session, state: Buffer | undefined): boolean {
    if (!this.#room.resize(stateBytes(state) - stateBytes(session.state))) return false;
    session.state = state;
    this.#log.sessionState(this.#queue, session.id, state);
    return true;
  }

  /** A state read back from the log is kept whether there is room or not, as messages are. */
  restoreState(session: Session, state: Buffer): void {
    this.#room.forceResize(stateBytes(state) - stateBytes(session.state));
    session.state = state;
  }

  #store(held: Held): void {
    this.force(held.message);
    this.#log.stored(undefined, held.message, [this.#queue]);
    this.counted(held);
  }

  #cost(message: StoredMessage): number {
    return heldBytes(message) + this.#extraBytes;
  }
}

const stateBytes = (state: Buffer | undefined): number =>
  state === undefined ? 0 : state.length + sessionBytes;
