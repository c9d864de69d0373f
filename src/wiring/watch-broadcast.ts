import type { AcceptRecord, DeliverRecord } from '../audit/records.ts';
import { audienceMax, type BroadcastSeen, type Listener, type ListenerState } from '../board/picture.ts';
import { isStationLane, stationLane } from '../message/delivery.ts';

/** Listeners followed of one broadcast; the directory has fewer codes and stations than this. */
const LISTENERS_MAX = 5000;
/** Shown first: who does not have it. */
const ORDER: readonly ListenerState[] = ['dead', 'expired', 'waiting', 'unconfirmed', 'delivered'];

type Followed = { name: string; kind: Listener['kind']; state: ListenerState; afterMs: number | undefined };

/** Who has one broadcast and who waits for it, as the record says. */
export class Broadcast {
  readonly #accept: AcceptRecord;
  readonly #byDelivery = new Map<string, readonly Followed[]>();
  #seen: BroadcastSeen | undefined;

  constructor(accept: AcceptRecord) {
    this.#accept = accept;
    let count = 0;
    for (const { d, lane, dest, groups } of accept.deliveries) {
      const listeners = isStationLane(lane)
        ? [listener(lane.slice(stationLane('').length), 'station')]
        : (groups.length > 0 ? groups : [dest]).map((code) => listener(code, 'topic-code'));
      count += listeners.length;
      if (count > LISTENERS_MAX) return;
      this.#byDelivery.set(d, listeners);
    }
  }

  /** A delivery to groups: one a code on the topic, one a station. */
  static is({ deliveries }: AcceptRecord): boolean {
    return deliveries.some(({ groups }) => groups.length > 0);
  }

  get messageId(): string {
    return this.#accept.id;
  }

  settled({ d, o, st }: Pick<DeliverRecord, 'd' | 'o' | 'st'>): void {
    const state = STATES[o];
    this.#change(d, state, Math.max(0, st - this.#accept.t));
  }

  /** A dead letter was put back. */
  redriven(d: string): void {
    this.#change(d, 'waiting', undefined);
  }

  get seen(): BroadcastSeen {
    this.#seen ??= this.#see();
    return this.#seen;
  }

  #change(d: string, state: ListenerState, afterMs: number | undefined): void {
    this.#seen = undefined;
    for (const one of this.#byDelivery.get(d) ?? []) {
      one.state = state;
      one.afterMs = afterMs;
    }
  }

  #see(): BroadcastSeen {
    const { id, mke, ori, t } = this.#accept;
    const all = [...this.#byDelivery.values()].flat();
    const tally = { waiting: 0, delivered: 0, unconfirmed: 0, dead: 0, expired: 0 };
    for (const { state } of all) tally[state] += 1;
    const audience = all
      .toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))
      .slice(0, audienceMax)
      .map((one) => ({ ...one }));
    return { messageId: id, messageKey: mke, originatingOri: ori, acceptedAt: t, audience, tally };
  }
}

/** What was diverted is still on its way. */
const STATES = {
  delivered: 'delivered',
  sentUnconfirmed: 'unconfirmed',
  dead: 'dead',
  expired: 'expired',
  divertedOut: 'waiting',
} as const satisfies Record<DeliverRecord['o'], ListenerState>;

const listener = (name: string, kind: Listener['kind']): Followed => ({
  name,
  kind,
  state: 'waiting',
  afterMs: undefined,
});
