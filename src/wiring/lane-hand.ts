import { type PriorityClass, priorityClasses } from '../message/delivery.ts';
import type { ServerClock, Take } from '../queue/queue.ts';
import type { Parcel } from './parcel.ts';

/** One of this many is served from the lowest class that has something (domain sheet 11). */
const GUARD = 16;

type ByClass<V> = Record<PriorityClass, V>;

/**
 * What a lane's owner has taken and not yet settled, by class. Service is strict by class with a guard against starvation: every 16th comes
 * from the lowest class. Within a class the order of the lane holds, always.
 */
export class LaneHand<C> {
  readonly #queues: ByClass<Parcel<C>[]> = { 0: [], 1: [], 2: [], 3: [], 4: [], 5: [], 6: [] };
  readonly #cursors: ByClass<number> = { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0 };
  readonly #mayHaveMore = new Set<PriorityClass>(priorityClasses);
  readonly #takeMax: number;
  readonly #classMax: number;
  readonly #sentUpTo = new Map<PriorityClass, number>();
  #served = 0;
  #size = 0;

  /** Takes at most `takeMax` of a class at once and holds at most `classMax` of it. `settled`: by class, where the lane stands. */
  constructor(takeMax: number, classMax: number, settled: (priorityClass: PriorityClass) => number) {
    this.#takeMax = takeMax;
    this.#classMax = classMax;
    for (const one of priorityClasses) {
      this.#cursors[one] = settled(one);
      this.#sentUpTo.set(one, settled(one));
    }
  }

  /** By class, the last laneSeq that may have reached the far end. */
  get sentUpTo(): ReadonlyMap<PriorityClass, number> {
    return this.#sentUpTo;
  }

  /** These are about to be sent: from now on they may have reached somebody. */
  sending(parcels: readonly Parcel<C>[]): void {
    for (const { priorityClass, seq } of parcels) {
      if (seq > (this.#sentUpTo.get(priorityClass) ?? 0)) this.#sentUpTo.set(priorityClass, seq);
    }
  }

  get size(): number {
    return this.#size;
  }

  /** These classes may have got something that we have not seen. */
  lookAgain(classes: Iterable<PriorityClass> = priorityClasses): void {
    for (const one of classes) this.#mayHaveMore.add(one);
  }

  /** What to take now: of classes that may have more, as far as there is room. Marks them as looked at. */
  takes(): readonly Take[] {
    const takes: Take[] = [];
    for (const priorityClass of this.#mayHaveMore) {
      const count = Math.min(this.#takeMax, this.#classMax - this.#queues[priorityClass].length);
      if (count > 0) takes.push({ priorityClass, after: this.#cursors[priorityClass], count });
    }
    for (const { priorityClass } of takes) this.#mayHaveMore.delete(priorityClass);
    return takes;
  }

  get canTake(): boolean {
    return [...this.#mayHaveMore].some((one) => this.#queues[one].length < this.#classMax);
  }

  /** A turn gave as many of this class as were asked for: there may be more. */
  sawMore(priorityClass: PriorityClass): void {
    this.#mayHaveMore.add(priorityClass);
  }

  /** Numbers skipped before `seq`: entries that expired without an owner. */
  gapBefore(priorityClass: PriorityClass, seq: number): number {
    return seq - this.#cursors[priorityClass] - 1;
  }

  add(parcel: Parcel<C>): void {
    this.#queues[parcel.priorityClass].push(parcel);
    this.#cursors[parcel.priorityClass] = parcel.seq;
    this.#size += 1;
  }

  /** The next to be sent, in order of service, at most `max`. A class ends at a parcel that cannot be sent. */
  front(max: number): readonly Parcel<C>[] {
    const at: ByClass<number> = { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0 };
    const next = (one: PriorityClass): Parcel<C> | undefined => {
      const parcel = this.#queues[one][at[one]];
      return parcel?.fate === undefined ? parcel : undefined;
    };
    const front: Parcel<C>[] = [];
    while (front.length < max) {
      const isGuard = (this.#served + front.length + 1) % GUARD === 0;
      const one = isGuard
        ? priorityClasses.findLast((each) => next(each) !== undefined)
        : priorityClasses.find((each) => next(each) !== undefined);
      const parcel = one === undefined ? undefined : next(one);
      if (one === undefined || parcel === undefined) break;
      front.push(parcel);
      at[one] += 1;
    }
    return front;
  }

  /** The next that can be sent besides this one, by class. */
  sendableBeside(parcel: Parcel<C>): Parcel<C> | undefined {
    for (const one of priorityClasses) {
      const found = this.#queues[one].find((each) => each !== parcel && each.fate === undefined);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * Takes out what leads its class and is done with: it cannot be sent, or its deadline is past. What is past its deadline further back is
   * marked too, so that it is not sent in the company of what stands before it.
   */
  shed(clock: ServerClock): readonly Parcel<C>[] {
    const done: Parcel<C>[] = [];
    for (const one of priorityClasses) {
      const queue = this.#queues[one];
      for (const parcel of queue) {
        if (mayExpire(parcel) && clock.isPast(parcel.deadlineMs))
          parcel.fate = { outcome: 'expired', code: expiredAs(parcel), busCode: '' };
      }
      const count = queue.findIndex(({ fate }) => fate === undefined);
      done.push(...this.#cut(one, count < 0 ? queue.length : count));
    }
    return done;
  }

  /** Takes these out, with whatever stands before them in their classes. */
  removeThrough(parcels: readonly Parcel<C>[]): readonly Parcel<C>[] {
    const removed: Parcel<C>[] = [];
    for (const one of priorityClasses) {
      const last = parcels.findLast(({ priorityClass }) => priorityClass === one);
      if (last !== undefined) removed.push(...this.#cut(one, this.#queues[one].indexOf(last) + 1));
    }
    this.#served += removed.length;
    return removed;
  }

  #cut(one: PriorityClass, count: number): readonly Parcel<C>[] {
    this.#size -= count;
    return count === 0 ? [] : this.#queues[one].splice(0, count);
  }
}

/** What is out may still be confirmed. */
const mayExpire = ({ fate, isOut }: Parcel<unknown>): boolean => fate === undefined && !isOut;

/** Of what may have been delivered nobody can say that it was not. */
const expiredAs = ({ isPossibleDuplicate }: Parcel<unknown>): 'DELIVER_EXPIRED' | 'DELIVER_UNCONFIRMED' =>
  isPossibleDuplicate ? 'DELIVER_UNCONFIRMED' : 'DELIVER_EXPIRED';
