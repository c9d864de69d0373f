import type { AuditRecord, DeliverRecord } from '../audit/records.ts';
import { type BroadcastSeen, broadcastsMax, type HopSeen, hopsMax } from '../board/picture.ts';
import { isStationLane, stationLane } from '../message/delivery.ts';
import { Broadcast } from './watch-broadcast.ts';

/** Messages whose acceptance is remembered, to say how long after it something happened. */
const ACCEPTED_MAX = 20_000;
/** Codes are a closed table; a record of another version may know others. */
const CODES_MAX = 256;

type Accepted = { readonly at: number; readonly messageKey: string };

/** What the audit record told: the last hops, the last broadcasts and their audience, when each station was last heard of. */
export class HopsSeen {
  readonly #stations: ReadonlySet<string>;
  readonly #hops: HopSeen[] = [];
  readonly #broadcasts: Broadcast[] = [];
  readonly #accepted = new Map<string, Accepted>();
  readonly #lastFromAt = new Map<string, number>();
  readonly #lastToAt = new Map<string, number>();
  readonly #refusedByCode = new Map<string, number>();
  /** Since the watch began; what was on disk before does not count. */
  messages = 0;
  refused = 0;

  /** `stations`: those of the directory; others are not kept. */
  constructor(stations: Iterable<string>) {
    this.#stations = new Set(stations);
  }

  /** `isHistory`: it happened before the watch began. */
  take(record: AuditRecord, isHistory: boolean): void {
    switch (record.e) {
      case 'accept': {
        const { id, t: at, mke: messageKey, line: where } = record;
        this.#remember(id, { at, messageKey });
        if (Broadcast.is(record)) keepNewest(this.#broadcasts, new Broadcast(record), broadcastsMax);
        later(this.#lastFromAt, this.#stations, record.station, at);
        if (!isHistory) this.messages += 1;
        this.#hop({
          at,
          messageId: id,
          what: 'accepted',
          messageKey,
          where,
          code: undefined,
          afterMs: undefined,
        });
        return;
      }
      case 'refuse': {
        const { id = '', t: at, mke: messageKey = '', line: where, codes } = record;
        if (!isHistory)
          this.#refuse(
            codes.map(({ code }) => code),
            1,
          );
        this.#hop({
          at,
          messageId: id,
          what: 'refused',
          messageKey,
          where,
          code: codes[0]?.code,
          afterMs: undefined,
        });
        return;
      }
      case 'refused-count':
        if (!isHistory) this.#refuse([record.code], record.n);
        return;
      case 'duplicate': {
        const { id, t: at, mke: messageKey, line: where } = record;
        later(this.#lastFromAt, this.#stations, record.station, at);
        this.#hop({
          at,
          messageId: id,
          what: 'duplicate',
          messageKey,
          where,
          code: undefined,
          afterMs: undefined,
        });
        return;
      }
      case 'deliver':
        this.#deliver(record);
        return;
      case 'notice':
        this.#after('notice', messageOf(record.of), record.t, record.lane, record.code);
        return;
      case 'returned':
        if (record.d !== '') this.#after('returned', messageOf(record.d), record.t, record.lane, record.code);
        return;
      case 'redrive':
        this.#broadcast(messageOf(record.d))?.redriven(record.d);
        this.#after('redriven', messageOf(record.d), record.t, record.lane, undefined);
        return;
      default:
    }
  }

  /** Newest first by their own times; writers' clocks may differ a little. */
  get hops(): readonly HopSeen[] {
    return this.#hops.toSorted((a, b) => b.at - a.at);
  }

  get broadcasts(): readonly BroadcastSeen[] {
    return this.#broadcasts.map(({ seen }) => seen);
  }

  get refusedByCode(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#refusedByCode);
  }

  lastFromAt(station: string): number | undefined {
    return this.#lastFromAt.get(station);
  }

  lastToAt(station: string): number | undefined {
    return this.#lastToAt.get(station);
  }

  #deliver(record: DeliverRecord): void {
    const { d, lane, o, st, code } = record;
    const id = messageOf(d);
    this.#broadcast(id)?.settled(record);
    const hasReached = o === 'delivered' || o === 'sentUnconfirmed';
    if (hasReached && isStationLane(lane))
      later(this.#lastToAt, this.#stations, lane.slice(stationLane('').length), st);
    this.#after(WHAT[o], id, st, lane, code);
  }

  #after(
    what: HopSeen['what'],
    messageId: string,
    at: number,
    where: string,
    code: string | undefined,
  ): void {
    const accepted = this.#accepted.get(messageId);
    const afterMs = accepted === undefined ? undefined : Math.max(0, at - accepted.at);
    this.#hop({ at, messageId, what, messageKey: accepted?.messageKey ?? '', where, code, afterMs });
  }

  /** Of those shown alone: their audiences are too large to be remembered with every acceptance. */
  #broadcast(id: string): Broadcast | undefined {
    return this.#broadcasts.find(({ messageId }) => messageId === id);
  }

  #hop(hop: HopSeen): void {
    keepNewest(this.#hops, hop, hopsMax);
  }

  #remember(id: string, accepted: Accepted): void {
    this.#accepted.set(id, accepted);
    if (this.#accepted.size <= ACCEPTED_MAX) return;
    const [oldest = ''] = this.#accepted.keys();
    this.#accepted.delete(oldest);
  }

  #refuse(codes: readonly string[], count: number): void {
    this.refused += count;
    for (const code of codes) {
      const known = this.#refusedByCode.get(code);
      if (known !== undefined || this.#refusedByCode.size < CODES_MAX)
        this.#refusedByCode.set(code, (known ?? 0) + count);
    }
  }
}

const WHAT = {
  delivered: 'delivered',
  sentUnconfirmed: 'unconfirmed',
  dead: 'dead',
  expired: 'expired',
  divertedOut: 'diverted',
} as const satisfies Record<DeliverRecord['o'], HopSeen['what']>;

/** A delivery's id is its message's with a number behind it. */
const messageOf = (deliveryId: string): string => deliveryId.replace(/-\d+$/, '');

const keepNewest = <T>(list: T[], one: T, max: number): void => {
  list.unshift(one);
  if (list.length > max) list.pop();
};

const later = (
  times: Map<string, number>,
  stations: ReadonlySet<string>,
  station: string,
  at: number,
): void => {
  if (stations.has(station) && at > (times.get(station) ?? 0)) times.set(station, at);
};
