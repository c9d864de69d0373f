import { connectionForced, faultError, throttled } from './fault-conditions.ts';
import type { FaultKind, FaultOrder } from './fault-orders.ts';
import { type Armed, FaultPlan, type Scope } from './fault-plan.ts';
import { HeldOperations } from './held-operations.ts';
import type { Throttle } from './throttle.ts';
import type { Refusal } from '../settlement.ts';

/** A connection as the switches reach it. */
export type FaultPeer = {
  /** It has a link that the order is for; an order without an entity is for every connection. */
  isMeant(order: FaultOrder): boolean;
  drop(): void;
  writeRubbish(): void;
  freeze(): void;
  thaw(): void;
  close(error: Refusal): void;
  /** Ends the links the order is for; how many. */
  detach(order: FaultOrder, condition: string): number;
  /** Ends the locks of the sessions the order is for; how many. */
  loseSessions(order: FaultOrder): number;
  /** A pause is over: hands out what waited. */
  onRoom(): void;
};

export type FaultStats = {
  readonly armed: readonly Armed[];
  /** By kind, since the start; `throttle` counts what was refused for want of credits, `left-out` what was one order too many. */
  readonly struck: Readonly<Record<string, number>>;
  /** Answers and deliveries that wait for their time, and operations that wait for a pause to end. */
  readonly late: number;
  readonly held: number;
};

/** What is done to whoever is connected at that moment, and then over. */
const atOnce = new Set<FaultKind>(['drop', 'detach', 'rubbish', 'freeze', 'lose-session']);

/** The fault switches of one stand-in. */
export class Faults {
  readonly held = new HeldOperations();
  readonly throttle: Throttle | undefined;
  readonly #plan = new FaultPlan();
  readonly #peers = new Set<FaultPeer>();
  readonly #frozen = new Map<FaultOrder, readonly FaultPeer[]>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(throttle?: Throttle) {
    this.throttle = throttle;
  }

  /** How often each kind struck since the start. */
  get struck(): ReadonlyMap<string, number> {
    return this.#plan.struck;
  }

  /** False while no operation can go wrong. */
  get isArmed(): boolean {
    return this.#plan.isArmed;
  }

  stats(): FaultStats {
    const { late, held } = this.held;
    return { armed: this.#plan.list(), struck: Object.fromEntries(this.struck), late, held };
  }

  join(peer: FaultPeer): void {
    this.#peers.add(peer);
  }

  leave(peer: FaultPeer): void {
    this.#peers.delete(peer);
  }

  /** Does it now, or arms it for the operations to come; false when too many are armed. */
  order(order: FaultOrder): boolean {
    const { fault, afterTransfers, forMs } = order;
    if (atOnce.has(fault) && fault !== 'freeze' && afterTransfers === undefined) {
      for (const peer of this.#meant(order)) this.#strikePeer(peer, order);
      return true;
    }
    if (this.#plan.arm(order) === undefined) {
      this.#plan.count('left-out');
      return false;
    }
    if (fault === 'freeze') this.#freeze(order);
    if (fault === 'pause') this.#plan.count('pause');
    if (forMs !== undefined && (fault === 'freeze' || fault === 'pause')) this.#endIn(forMs, order);
    return true;
  }

  /** Takes switches back: one by its id, those of a kind that are for every entity, or all. */
  clear(which: { readonly id?: number; readonly fault?: FaultKind } = {}): number {
    const { id, fault } = which;
    const cleared = this.#plan.clear(
      (armed) =>
        (id === undefined || armed.id === id) &&
        (fault === undefined || (armed.order.fault === fault && armed.order.entity === undefined)),
    );
    for (const order of cleared) this.#thaw(order);
    this.#resume();
    return cleared.length;
  }

  /** The switch of these kinds that strikes this operation; undefined when none does. */
  strike(kinds: readonly FaultKind[], scope?: Scope): FaultOrder | undefined {
    return this.#plan.strike(kinds, scope);
  }

  isPaused(scope: Scope): boolean {
    return this.#plan.holds('pause', scope);
  }

  /** Keeps an operation of a paused entity until the pause is over; false past the bounds, and it is lost. */
  hold(scope: Scope, bytes: number, resume: () => void): boolean {
    return this.held.hold(scope, bytes, resume);
  }

  /** To be told of each message that went by on a link. */
  afterTransfer(scope: Scope, peer: FaultPeer): void {
    const order = this.#plan.afterTransfer(scope);
    if (order?.fault === 'drop') peer.drop();
    else if (order?.fault === 'detach') {
      // Its queue may be handing more out in this very turn: a lock taken for a link that is gone would never end.
      setImmediate(() => {
        this.#detach(peer, order);
      });
    }
  }

  /** What a namespace past its credits says to an operation of this cost; undefined while it has some. */
  overspent(cost: number): Refusal | undefined {
    if (this.throttle === undefined || this.throttle.take(cost)) return undefined;
    this.#plan.count('throttle');
    return throttled;
  }

  /** Forgets everything that waits. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.held.stop();
  }

  #strikePeer(peer: FaultPeer, order: FaultOrder): void {
    const { fault } = order;
    if (fault === 'detach') {
      this.#plan.count('detach', this.#detach(peer, order));
      return;
    }
    if (fault === 'lose-session') {
      this.#plan.count('lose-session', peer.loseSessions(order));
      return;
    }
    this.#plan.count(fault);
    if (fault === 'drop') peer.drop();
    else peer.writeRubbish();
  }

  #detach(peer: FaultPeer, order: FaultOrder): number {
    const { condition = 'amqp:link:detach-forced' } = order;
    if (condition !== connectionForced) return peer.detach(order, condition);
    peer.close(faultError(condition, order.entity ?? ''));
    return 1;
  }

  #freeze(order: FaultOrder): void {
    const peers = this.#meant(order);
    for (const peer of peers) peer.freeze();
    this.#plan.count('freeze', peers.length);
    this.#frozen.set(order, peers);
  }

  #thaw(order: FaultOrder): void {
    for (const peer of this.#frozen.get(order) ?? []) peer.thaw();
    this.#frozen.delete(order);
  }

  /** The plan knows itself when a time is over; what waited for that must be told. */
  #endIn(ms: number, order: FaultOrder): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#plan.clear((armed) => armed.order === order);
      this.#thaw(order);
      this.#resume();
    }, ms);
    this.#timers.add(timer);
  }

  #resume(): void {
    this.held.resume((scope) => this.isPaused(scope));
    for (const peer of this.#peers) peer.onRoom();
  }

  #meant(order: FaultOrder): readonly FaultPeer[] {
    return [...this.#peers].filter((peer) => peer.isMeant(order));
  }
}
