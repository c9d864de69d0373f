/**
 * A topic with two subscriptions as plainly as it can be said: one list of messages a subscription, each with the place it is in. Every
 * look goes through the whole list. It knows no wire, no links and no log; time is a number that its caller moves.
 */
export const LOCK_MS = 5_000;
export const DELIVERIES_MAX = 3;
export const WINDOW_MS = 20_000;

type Where = 'waiting' | 'locked' | 'deferred' | 'dead' | 'gone';
export type Kept = {
  readonly sequence: number;
  readonly id: string;
  readonly session: string | undefined;
  readonly expiresAtMs: number;
  tries: number;
  where: Where;
  reason: string;
};
/** In the order they were given; one that is over stays in the list, so that its use can be tried. */
export type ModelLock = {
  readonly of: Kept;
  readonly wasDeferred: boolean;
  untilMs: number;
  isOver: boolean;
};
export type Ending = 'complete' | 'abandon' | 'defer' | 'dead-letter';
export type Offer = {
  readonly id: string;
  readonly session: string | undefined;
  /** Undefined: for ever. */
  readonly ttlMs: number | undefined;
};
type Scheduled = Offer & { readonly sequence: number; readonly dueAtMs: number };

export class SubscriptionModel {
  readonly hasSessions: boolean;
  readonly #buriesExpired: boolean;
  readonly locks: ModelLock[] = [];
  /** Sessions that are held, and until when. */
  readonly holds = new Map<string, number>();
  readonly states = new Map<string, string>();
  #kept: Kept[] = [];

  constructor(hasSessions: boolean, buriesExpired: boolean) {
    this.hasSessions = hasSessions;
    this.#buriesExpired = buriesExpired;
  }

  /** What lies in one of these places, by sequence number. */
  at(...places: readonly Where[]): readonly Kept[] {
    return this.#kept.filter(({ where }) => places.includes(where)).sort((a, b) => a.sequence - b.sequence);
  }

  enqueue({ id, session }: Offer, sequence: number, expiresAtMs: number): void {
    const kept: Kept = { sequence, id, session, expiresAtMs, tries: 0, where: 'waiting', reason: '' };
    if (this.hasSessions && session === undefined) bury(kept, 'Session ID is null.');
    this.#kept.push(kept);
  }

  /** Of this session, where there are sessions. */
  #waiting(session: string | undefined): readonly Kept[] {
    return this.at('waiting').filter((kept) => !this.hasSessions || kept.session === session);
  }

  take(count: number, session?: string): readonly Kept[] {
    const taken = this.#waiting(session).slice(0, count);
    for (const kept of taken) kept.where = 'gone';
    return taken;
  }

  takeDead(count: number): readonly Kept[] {
    const taken = this.at('dead').slice(0, count);
    for (const kept of taken) kept.where = 'gone';
    return taken;
  }

  lock(count: number, nowMs: number, session?: string): readonly Kept[] {
    const taken = this.#waiting(session).slice(0, count);
    for (const kept of taken) this.#lock(kept, nowMs, false);
    return taken;
  }

  #lock(kept: Kept, nowMs: number, wasDeferred: boolean): void {
    kept.where = 'locked';
    this.locks.push({ of: kept, wasDeferred, untilMs: nowMs + LOCK_MS, isOver: false });
  }

  /** False when the lock is over. */
  settle(lock: ModelLock, ending: Ending): boolean {
    if (lock.isOver) return false;
    lock.isOver = true;
    if (ending === 'complete') lock.of.where = 'gone';
    else if (ending === 'defer') lock.of.where = 'deferred';
    else if (ending === 'dead-letter') bury(lock.of, 'TEST');
    else this.#giveBack(lock, true);
    return true;
  }

  #giveBack({ of, wasDeferred }: ModelLock, isTried: boolean): void {
    if (isTried) of.tries++;
    if (isTried && of.tries >= DELIVERIES_MAX) bury(of, 'MaxDeliveryCountExceeded');
    else of.where = wasDeferred ? 'deferred' : 'waiting';
  }

  /** All of these, under lock; undefined when one of them is not there to have. */
  lockDeferred(sequences: readonly number[], nowMs: number, session?: string): readonly Kept[] | undefined {
    const found = [...new Set(sequences)].map((sequence) =>
      this.at('deferred').find(
        (kept) => kept.sequence === sequence && (!this.hasSessions || kept.session === session),
      ),
    );
    if (!found.every((kept) => kept !== undefined)) return undefined;
    for (const kept of found) this.#lock(kept, nowMs, true);
    return found;
  }

  /** Sessions nobody holds that have something to hand out. */
  freeSessions(): readonly string[] {
    const named = this.at('waiting').flatMap(({ session }) => (session === undefined ? [] : [session]));
    return [...new Set(named)].filter((session) => !this.holds.has(session));
  }

  hold(session: string, nowMs: number): boolean {
    if (this.holds.has(session)) return false;
    this.holds.set(session, nowMs + LOCK_MS);
    return true;
  }

  /** What it had under lock comes back; tried once more only when the session's time ran out. */
  letGo(session: string, isLost: boolean): void {
    this.holds.delete(session);
    for (const lock of this.locks) {
      if (lock.isOver || lock.of.session !== session) continue;
      lock.isOver = true;
      this.#giveBack(lock, isLost);
    }
  }

  /** The process was killed and started again: what was under lock counts as tried, and nobody holds anything. */
  restart(): void {
    this.holds.clear();
    for (const lock of this.locks) {
      if (lock.isOver) continue;
      lock.isOver = true;
      this.#giveBack(lock, true);
    }
  }

  /** Ends what is over at this time. */
  pass(nowMs: number): void {
    for (const [session, untilMs] of this.holds) if (untilMs <= nowMs) this.letGo(session, true);
    for (const lock of this.locks) {
      if (this.hasSessions || lock.isOver || lock.untilMs > nowMs) continue;
      lock.isOver = true;
      this.#giveBack(lock, true);
    }
    for (const kept of this.at('waiting', 'deferred')) {
      if (kept.expiresAtMs > nowMs) continue;
      if (this.#buriesExpired) bury(kept, 'TTLExpiredException');
      else kept.where = 'gone';
    }
    this.#kept = this.#kept.filter(({ where }) => where !== 'gone');
  }
}

export class TopicModel {
  nowMs: number;
  lastSequence = 0;
  scheduled: Scheduled[] = [];
  readonly plain = new SubscriptionModel(false, true);
  readonly sessions = new SubscriptionModel(true, false);
  readonly #seenAtMs = new Map<string, number>();

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  get subscriptions(): readonly SubscriptionModel[] {
    return [this.plain, this.sessions];
  }

  /** The numbers given to the messages of one batch; a repeat is swallowed and has one all the same. */
  publish(offers: readonly Offer[], dueAtMs = 0): readonly number[] {
    return offers.map((offer) => {
      const sequence = ++this.lastSequence;
      const seenAtMs = this.#seenAtMs.get(offer.id);
      if (seenAtMs !== undefined && seenAtMs + WINDOW_MS > this.nowMs) return sequence;
      this.#seenAtMs.set(offer.id, this.nowMs);
      if (dueAtMs > this.nowMs) this.scheduled.push({ ...offer, sequence, dueAtMs });
      else this.#enqueue(offer, sequence);
      return sequence;
    });
  }

  /** All or none. */
  cancel(sequences: readonly number[]): boolean {
    const areThere = sequences.every((wanted) => this.scheduled.some(({ sequence }) => sequence === wanted));
    if (areThere) this.scheduled = this.scheduled.filter(({ sequence }) => !sequences.includes(sequence));
    return areThere;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.scheduled.filter(({ dueAtMs }) => dueAtMs <= this.nowMs);
    this.scheduled = this.scheduled.filter(({ dueAtMs }) => dueAtMs > this.nowMs);
    for (const offer of due.sort((a, b) => a.dueAtMs - b.dueAtMs || a.sequence - b.sequence))
      this.#enqueue(offer, ++this.lastSequence);
    for (const subscription of this.subscriptions) subscription.pass(this.nowMs);
  }

  #enqueue(offer: Offer, sequence: number): void {
    const expiresAtMs = this.nowMs + (offer.ttlMs ?? Infinity);
    for (const subscription of this.subscriptions) subscription.enqueue(offer, sequence, expiresAtMs);
  }
}

function bury(kept: Kept, reason: string): void {
  kept.where = 'dead';
  kept.reason = reason;
}
