import { performance } from 'node:perf_hooks';
import { type Direction, directionsOf, type FaultKind, type FaultOrder, faultKinds } from './fault-orders.ts';

/** Where an operation happens: at which entity, and which way it goes. */
export type Scope = { readonly path: string; readonly direction: Direction };

/** A switch that is set, and how often it struck. */
export type Armed = {
  readonly id: number;
  readonly order: FaultOrder;
  readonly struck: number;
  /** Strikes it has left; absent for one that goes on until its time is over or it is cleared. */
  readonly left?: number;
  readonly leftMs?: number;
};

type Live = {
  readonly id: number;
  readonly order: FaultOrder;
  readonly untilMs: number;
  /** Between 0 and 1, the same row for the same seed. */
  readonly draw: () => number;
  struck: number;
  left: number;
};

/** Switches set at one time. */
export const armedMax = 100;

/** Which operations go wrong: what is armed, for how long, and how often each struck. */
export class FaultPlan {
  readonly #struck = new Map<string, number>(
    [...Object.keys(faultKinds), 'throttle', 'left-out'].map((kind) => [kind, 0]),
  );
  #armed: readonly Live[] = [];
  #lastId = 0;

  /** How often each kind struck since the start; every kind is there. */
  get struck(): ReadonlyMap<string, number> {
    return this.#struck;
  }

  /** False while nothing is armed: what every operation asks first. */
  get isArmed(): boolean {
    return this.#armed.length > 0;
  }

  list(): readonly Armed[] {
    this.#forgetEnded();
    return this.#armed.map(({ id, order, struck, left, untilMs }) => ({
      id,
      order,
      struck,
      ...(left === Infinity ? {} : { left }),
      ...(untilMs === Infinity ? {} : { leftMs: Math.max(0, Math.round(untilMs - performance.now())) }),
    }));
  }

  /** Arms a switch for operations to come; undefined when too many are armed. */
  arm(order: FaultOrder): number | undefined {
    this.#forgetEnded();
    if (this.#armed.length >= armedMax) return undefined;
    const { afterTransfers, count, forMs, fault, share } = order;
    const isLasting = share !== undefined || forMs !== undefined || fault === 'pause' || fault === 'freeze';
    const live: Live = {
      id: ++this.#lastId,
      order,
      untilMs: forMs === undefined ? Infinity : performance.now() + forMs,
      draw: drawsOf(order.seed ?? this.#lastId),
      struck: 0,
      left: afterTransfers ?? count ?? (isLasting ? Infinity : 1),
    };
    this.#armed = [...this.#armed, live];
    return live.id;
  }

  /** Takes switches back: one by its id, those that `isMeant`, or all. Gives what they were. */
  clear(isMeant: (armed: { readonly id: number; readonly order: FaultOrder }) => boolean = () => true) {
    const cleared = this.#armed.filter(isMeant);
    this.#armed = this.#armed.filter((live) => !cleared.includes(live));
    return cleared.map(({ order }) => order);
  }

  /** The switch of these kinds that strikes this operation, counted; undefined when none does. The oldest goes first. */
  strike(kinds: readonly FaultKind[], scope?: Scope): FaultOrder | undefined {
    for (const live of this.#armed) {
      if (!kinds.includes(live.order.fault) || !covers(live.order, scope) || !isAlive(live)) continue;
      const { share } = live.order;
      if (share !== undefined && live.draw() >= share) continue;
      live.struck++;
      this.count(live.order.fault);
      if (--live.left <= 0) this.#armed = this.#armed.filter((one) => one !== live);
      return live.order;
    }
    return undefined;
  }

  /** The switch whose last transfer this was. */
  afterTransfer(scope: Scope): FaultOrder | undefined {
    for (const live of this.#armed) {
      if (live.order.afterTransfers === undefined || !covers(live.order, scope) || --live.left > 0) continue;
      this.#armed = this.#armed.filter((one) => one !== live);
      this.count(live.order.fault);
      return live.order;
    }
    return undefined;
  }

  /** True while a switch that is a state, such as a pause, holds here. */
  holds(kind: FaultKind, scope: Scope): boolean {
    return this.#armed.some(
      (live) => live.order.fault === kind && covers(live.order, scope) && isAlive(live),
    );
  }

  /** Counts a strike of something done at once. */
  count(kind: string, times = 1): void {
    this.#struck.set(kind, (this.#struck.get(kind) ?? 0) + times);
  }

  #forgetEnded(): void {
    this.#armed = this.#armed.filter(isAlive);
  }
}

/** Whether an order is for what happens here. An entity covers what lies under it: a topic its subscriptions. */
export function covers(order: FaultOrder, scope: Scope | undefined): boolean {
  if (scope === undefined) return order.entity === undefined;
  return directionsOf(order).includes(scope.direction) && coversPath(order, scope.path);
}

export function coversPath({ entity }: FaultOrder, path: string): boolean {
  if (entity === undefined) return true;
  const [wanted, there] = [plain(entity), plain(path)];
  return there === wanted || there.startsWith(`${wanted}/`);
}

const plain = (path: string): string => path.toLowerCase().replace(/^\/+|\/+$/g, '');

const isAlive = ({ untilMs }: Live): boolean => performance.now() < untilMs;

/** A row of numbers from 0 to 1 that depends on the seed alone: a linear congruence over 32 bits, its high bits mixed in. */
function drawsOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 16), 0x45d9_f3b5) >>> 0;
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 0x1_0000_0000;
  };
}
