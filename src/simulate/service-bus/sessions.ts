import { Lane } from './lane.ts';
import type { Held } from './stored-message.ts';

/** Who holds a session: a link, known to `$management` by its name. */
export type SessionOwner = {
  readonly name: string;
  /** The session's lock ran out: the link is to release it and is over. */
  onSessionLost(): void;
};

/** One session of a queue: its messages in order, its state, and who holds it. */
export class Session extends Lane {
  readonly id: string;
  state: Buffer | undefined;
  owner: SessionOwner | undefined;
  untilMs = 0;
  /** When it last got a message or a state. */
  updatedAtMs = Date.now();

  constructor(id: string, lockMs: number) {
    super(lockMs);
    this.id = id;
  }

  override add(held: Held, expiresAtMs: number): void {
    this.updatedAtMs = Date.now();
    super.add(held, expiresAtMs);
  }

  /** Messages have no locks of their own in a session: theirs is the session's. */
  override lockUntil(): number {
    return this.untilMs;
  }
}

/** A link that waits for any session with messages. */
export type Accepter = { readonly owner: SessionOwner; take(session: Session): void };

/** Links that may wait for a session of one queue. */
const acceptersMax = 1_000;
/** Sessions looked at for expired messages in one sweep. */
const walkMax = 1_000;

/**
 * The sessions of one queue. A session is there while it has messages, a state or an owner. Free ones with messages
 * are given out in the order they became free.
 */
export class Sessions {
  /** May change at run time; sessions held keep their end. */
  lockMs: number;
  readonly #all = new Map<string, Session>();
  readonly #owned = new Set<Session>();
  readonly #ready = new Set<Session>();
  readonly #accepters: Accepter[] = [];
  #walk: Iterator<Session> | undefined;

  constructor(lockMs: number) {
    this.lockMs = lockMs;
  }

  get size(): number {
    return this.#all.size;
  }

  all(): Iterable<Session> {
    return this.#all.values();
  }

  /** The session of this name, new if there was none. */
  open(id: string): Session {
    const known = this.#all.get(id);
    if (known !== undefined) return known;
    const session = new Session(id, this.lockMs);
    this.#all.set(id, session);
    return session;
  }

  find(id: string): Session | undefined {
    return this.#all.get(id);
  }

  /** The session while the link of this name holds it; without a name, while anyone does. */
  findOwned(id: string, linkName: string | undefined): Session | undefined {
    const session = this.#all.get(id);
    if (session?.owner === undefined) return undefined;
    return linkName === undefined || session.owner.name === linkName ? session : undefined;
  }

  /** Locks a session for a link; undefined when another holds it. */
  accept(id: string, owner: SessionOwner): Session | undefined {
    const session = this.open(id);
    if (session.owner !== undefined) return undefined;
    this.#own(session, owner);
    return session;
  }

  /** Gives the link the next free session, now or later; false when too many wait already. */
  acceptNext(accepter: Accepter): boolean {
    if (this.#accepters.length >= acceptersMax) return false;
    this.#accepters.push(accepter);
    this.#serve();
    return true;
  }

  stopWaiting(accepter: Accepter): void {
    const at = this.#accepters.indexOf(accepter);
    if (at >= 0) this.#accepters.splice(at, 1);
  }

  renew(session: Session): number {
    session.untilMs = Date.now() + this.lockMs;
    return session.untilMs;
  }

  /** Ends the hold on a session. */
  release(session: Session): void {
    session.owner = undefined;
    this.#owned.delete(session);
    this.tidy(session);
  }

  /** To be called when a session's messages or state changed: offers it, or drops it when nothing is left. */
  tidy(session: Session): void {
    if (session.owner !== undefined) return;
    if (session.waiting.length > 0) {
      this.#ready.add(session);
      this.#serve();
      return;
    }
    this.#ready.delete(session);
    if (session.state === undefined) this.#all.delete(session.id);
  }

  /** Sessions whose lock has run out. */
  lost(nowMs: number): readonly Session[] {
    return [...this.#owned].filter(({ untilMs }) => untilMs <= nowMs);
  }

  /** The next sessions to look at for expired messages; each call goes on where the last one stopped. */
  *walk(): Generator<Session> {
    this.#walk ??= this.#all.values();
    for (let count = 0; count < walkMax; count++) {
      const next = this.#walk.next();
      if (next.done === true) {
        this.#walk = undefined;
        return;
      }
      yield next.value;
    }
  }

  #serve(): void {
    for (const session of this.#ready) {
      const accepter = this.#accepters.shift();
      if (accepter === undefined) return;
      this.#own(session, accepter.owner);
      accepter.take(session);
    }
  }

  #own(session: Session, owner: SessionOwner): void {
    session.owner = owner;
    this.#ready.delete(session);
    this.#owned.add(session);
    this.renew(session);
  }
}
