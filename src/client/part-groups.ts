import type { PartText } from './part-text.ts';
import type { Received } from './received.ts';
import { RecentIds } from './recent-ids.ts';

/** A message that came in several parts, in their order. Its texts are criminal justice information: do not log them. */
export type Whole = {
  readonly parts: readonly Received[];
  /** The parts' texts one after the other, each on a line of its own, their markers left where they stand. */
  readonly text: Buffer;
  readonly of: number;
  /** Numbers of the parts that did not come in time, or did not fit. */
  readonly missing: readonly number[];
  /** False: show it as incomplete. */
  readonly isComplete: boolean;
  /** Parts of another message may stand in it, as two came at once that nothing tells apart: then it is never complete. */
  readonly isMixed: boolean;
};

export type GroupLimits = {
  /** Counted from the first part that came. */
  readonly withinMs: number;
  readonly groupsMax: number;
  readonly bytesMax: number;
};

type Held = { readonly message: Received; readonly text: Buffer };
type Group = {
  readonly of: number;
  readonly endsMs: number;
  readonly held: Map<number, Held>;
  bytes: number;
  isMixed: boolean;
};

/** Deliveries already taken, so that one that comes again opens no group of its own. */
const takenWindowMs = 3_600_000;
const takenMax = 20_000;
const lineEnd = Buffer.from('\r\n');

/**
 * Parts by what belongs together: message key, sender, destination, the sender's reference, and how many there are. It takes no clock and
 * holds no timer. Past a limit the oldest group is handed over as it is: nothing is dropped.
 */
export class PartGroups {
  readonly #limits: GroupLimits;
  /** In the order of their first parts, so the first ends first. */
  readonly #groups = new Map<string, Group>();
  readonly #taken = new RecentIds(takenWindowMs, takenMax);
  /** Groups under which two messages came at once, until they were quiet for a while. */
  readonly #mixed: RecentIds;
  #bytes = 0;

  constructor(limits: GroupLimits) {
    this.#limits = limits;
    this.#mixed = new RecentIds(limits.withinMs, takenMax);
  }

  /** When the oldest group ends; undefined where none is open. */
  get endsMs(): number | undefined {
    return this.#groups.values().next().value?.endsMs;
  }

  /** One part; what it made whole, or what had to go for it. A delivery that comes again changes nothing. */
  take(message: Received, { part, control, text }: PartText, nowMs: number): readonly Whole[] {
    if (this.#taken.has(message.deliveryId, nowMs)) return [];
    this.#taken.add(message.deliveryId, nowMs);
    const { messageKey, originOri, destination } = message.properties;
    const key = JSON.stringify([messageKey, originOri, destination, control, part.of]);
    const done: Whole[] = [];
    const same = this.#groups.get(key)?.held.get(part.number);
    if (same !== undefined) {
      if (same.text.equals(text)) return [];
      // The same number with another text begins the next message of this kind. Whose the parts after it are nobody can tell.
      this.#mixed.add(key, nowMs);
      done.push(...this.#handOver(key, true));
    }
    const group = this.#groupOf(key, part.of, nowMs);
    if (this.#mixed.has(key, nowMs)) {
      this.#mixed.add(key, nowMs);
      group.isMixed = true;
    }
    group.held.set(part.number, { message, text });
    group.bytes += message.body.length;
    this.#bytes += message.body.length;
    if (group.held.size === group.of) done.push(...this.#handOver(key));
    return [...done, ...this.#overLimits()];
  }

  /** The groups whose time is over. */
  expired(nowMs: number): readonly Whole[] {
    const done: Whole[] = [];
    for (const [key, { endsMs }] of this.#groups) {
      if (endsMs > nowMs) break;
      done.push(...this.#handOver(key));
    }
    return done;
  }

  /** Every open group, as it is. */
  all(): readonly Whole[] {
    return [...this.#groups.keys()].flatMap((key) => this.#handOver(key));
  }

  #groupOf(key: string, of: number, nowMs: number): Group {
    const open = this.#groups.get(key);
    if (open !== undefined) return open;
    const endsMs = nowMs + this.#limits.withinMs;
    const group: Group = { of, endsMs, held: new Map(), bytes: 0, isMixed: false };
    this.#groups.set(key, group);
    return group;
  }

  #overLimits(): readonly Whole[] {
    const done: Whole[] = [];
    for (const key of this.#groups.keys()) {
      if (this.#groups.size <= this.#limits.groupsMax && this.#bytes <= this.#limits.bytesMax) break;
      done.push(...this.#handOver(key));
    }
    return done;
  }

  #handOver(key: string, isMixed = false): readonly Whole[] {
    const group = this.#groups.get(key);
    if (group === undefined) return [];
    this.#groups.delete(key);
    this.#bytes -= group.bytes;
    return [wholeOf({ ...group, isMixed: group.isMixed || isMixed })];
  }
}

function wholeOf({ of, held, isMixed }: Group): Whole {
  const numbers = Array.from({ length: of }, (_none, at) => at + 1);
  const there = numbers.flatMap((number) => held.get(number) ?? []);
  return {
    parts: there.map(({ message }) => message),
    text: Buffer.concat(there.flatMap(({ text }, at) => (at === 0 ? [text] : [lineEnd, text]))),
    of,
    missing: numbers.filter((number) => !held.has(number)),
    isComplete: there.length === of && !isMixed,
    isMixed,
  };
}
