import type { BusLog, Logged } from './bus-log.ts';
import type { Room } from './room.ts';
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

  /** The message with properties a receiver added or replaced, in this queue alone. */
  change(held: Held, properties: Properties): Held {
    if (properties.size === 0) return held;
    const bare = withApplicationProperties(held.message.bare, properties);
    const changed = { message: { ...held.message, bare }, deliveryCount: held.deliveryCount };
    this.release(held.message);
    // The log's last word on a sequence number in a queue holds.
    this.#store(changed);
    return changed;
  }

  /** Keeps a session's state or, with undefined, clears it; false when there is no room for it. */
  changeState(session: Session, state: Buffer | undefined): boolean {
    const bytesOf = (kept: Buffer | undefined) => (kept === undefined ? 0 : kept.length + sessionBytes);
    if (!this.#room.resize(bytesOf(state) - bytesOf(session.state))) return false;
    session.state = state;
    this.#log.sessionState(this.#queue, session.id, state);
    return true;
  }

  #store(held: Held): void {
    this.force(held.message);
    this.#log.stored(this.#queue, held.message, [this.#queue]);
    this.counted(held);
  }

  #cost(message: StoredMessage): number {
    return heldBytes(message) + this.#extraBytes;
  }
}
