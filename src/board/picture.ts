/**
 * What a dispatcher may see at a glance: the state of one slot at one moment. No bodies and no field values; destinations, keys, ids and
 * counts only. Times are milliseconds since 1970, UTC, by Redis' clock.
 */
export type Picture = {
  readonly at: number;
  /** How long ago it was taken, by the clock of whoever shows it; more than an interval only while Redis is away. */
  readonly ageMs: number;
  /**
   * Why the picture is old or incomplete, or what is amiss with the slot, as codes; none when all is well. `REDIS_DOWN`: this is the last
   * picture there was. `PAGES_MISSED`: pages of the last minute were not seen, so hops may lack. `RECORDER_SILENT`: nothing will be
   * accepted soon. `LANES_CUT`: more lanes than are looked at.
   */
  readonly warnings: readonly string[];
  readonly books: Books;
  readonly rates: Rates;
  /** Topics first, then stations by id. */
  readonly lanes: readonly LaneState[];
  readonly stations: readonly StationState[];
  /** Newest first, at most `hopsMax`. */
  readonly hops: readonly HopSeen[];
  /** Newest first, at most `broadcastsMax`. */
  readonly broadcasts: readonly BroadcastSeen[];
  readonly record: RecordState;
};

/** How the audit record stands, and how much of it was seen. */
export type RecordState = {
  /** Not yet on the recorder's disk. */
  readonly pagesWaiting: number;
  /** Undefined when no recorder was ever there. */
  readonly recorderSeenAt: number | undefined;
  /** Deliveries in the dead stream, to be redriven. */
  readonly deadLetters: number;
  /** Pages read since the watch began, and those that went by unread and were not found on disk either. */
  readonly pagesSeen: number;
  readonly pagesMissed: number;
  /** When that was last found out: of what was accepted before, the end may have gone by. */
  readonly missedAt?: number | undefined;
};

export const hopsMax = 50;
export const broadcastsMax = 10;
/** Of one broadcast as shown; its tally counts all. */
export const audienceMax = 100;

/** Sums over all lanes; `imbalance` is 0 as long as nothing vanished (promise P2). */
export type Books = {
  readonly in: number;
  readonly waiting: number;
  readonly delivered: number;
  readonly sentUnconfirmed: number;
  readonly dead: number;
  readonly expired: number;
  readonly divertedOut: number;
  readonly imbalance: number;
};

/**
 * A second, over the last whole interval between two pictures. `accepted` and `delivered` are copies, from the lanes' counters, and exact;
 * `delivered` includes what was sent without confirmation. `messages` and `refused` are messages, from the audit pages that were seen.
 */
export type Rates = {
  readonly accepted: number;
  readonly refused: number;
  readonly delivered: number;
  readonly messages: number;
  /** Refusals since the watch began, by code; at most one entry a code of the table. */
  readonly refusedByCode: Readonly<Record<string, number>>;
};

export type LaneState = {
  readonly lane: string;
  readonly end: 'topic' | 'station';
  readonly waiting: number;
  /** Waiting messages of class 0 to 6. */
  readonly waitingByClass: readonly number[];
  /** Of the oldest waiting message; 0 when nothing waits. */
  readonly oldestAgeMs: number;
  readonly in: number;
  readonly delivered: number;
  readonly sentUnconfirmed: number;
  readonly dead: number;
  readonly expired: number;
  /** Whether somebody holds its lease now. */
  readonly isOwned: boolean;
};

/**
 * connected: a gateway holds a session and nothing is late. late: connected, but something waits longer than `lateMs`. away: no session.
 * never: it was not seen since the slot exists.
 */
export type StationWord = 'connected' | 'late' | 'away' | 'never';

export type StationState = {
  readonly station: string;
  readonly agency: string;
  readonly title: string;
  readonly lines: readonly string[];
  readonly word: StationWord;
  readonly waiting: number;
  readonly oldestAgeMs: number;
  /** Last message accepted from its lines, and last delivered to it; undefined when none was seen. */
  readonly lastFromAt: number | undefined;
  readonly lastToAt: number | undefined;
};

export const lateMs = 10_000;

/** One thing that happened to one message, read from the audit pages. */
export type HopSeen = {
  readonly at: number;
  readonly messageId: string;
  readonly what:
    | 'accepted'
    | 'refused'
    | 'delivered'
    | 'unconfirmed'
    | 'diverted'
    | 'dead'
    | 'expired'
    | 'notice'
    | 'returned'
    | 'redriven'
    | 'duplicate';
  readonly messageKey: string;
  /** Line for accepted and refused, lane for the others. */
  readonly where: string;
  /** Of a refusal, dead letter or expiry. */
  readonly code: string | undefined;
  /** Since the acceptance, where it was seen. */
  readonly afterMs: number | undefined;
};

export type BroadcastSeen = {
  readonly messageId: string;
  readonly messageKey: string;
  readonly originatingOri: string;
  readonly acceptedAt: number;
  /** One a code reached by the topic, one a station; those who do not have it first, at most `audienceMax`. */
  readonly audience: readonly Listener[];
  /** All of the audience, by state. */
  readonly tally: Readonly<Record<ListenerState, number>>;
};

export type ListenerState = 'waiting' | 'delivered' | 'unconfirmed' | 'dead' | 'expired';

export type Listener = {
  readonly name: string;
  readonly kind: 'topic-code' | 'station';
  readonly state: ListenerState;
  /** From the acceptance until it was settled. */
  readonly afterMs: number | undefined;
};
