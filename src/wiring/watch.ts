import {
  type Books,
  lateMs,
  type LaneState,
  type Picture,
  type Rates,
  type StationState,
} from '../board/picture.ts';
import type { Directory } from '../directory/directory.ts';
import { isStationLane, stationLane, topicNames } from '../message/delivery.ts';
import { imbalance, type LaneLook, SlotLook, type SlotSight } from '../queue/queue.ts';
import { HopsSeen } from './watch-hops.ts';
import { PagesSeen } from './watch-pages.ts';

export type WatchOptions = {
  readonly redisUrl: string;
  readonly slot: string;
  readonly directory: Directory;
  readonly everyMs?: number;
  readonly recordFolder?: string;
};

const EVERY_MS = 1000;
/** How long a page that went by unread is told of. */
const MISSED_MS = 60_000;
/** A recorder says that it lives several times a second; acceptance stops after a minute without. */
const RECORDER_SILENT_MS = 10_000;

type Totals = {
  readonly at: number;
  readonly in: number;
  readonly out: number;
  readonly messages: number;
  readonly refused: number;
};

/**
 * One slot, seen again and again by somebody who takes no part in it: lanes and counters by one pipelined read each `everyMs` (1 s), hops
 * and broadcasts by following the audit pages. Goes on by itself when Redis comes back. Reads only; holds ids, codes and counts.
 */
export class Watch {
  readonly #directory: Directory;
  readonly #slot: SlotLook;
  readonly #hops: HopsSeen;
  readonly #pages: PagesSeen;
  readonly #everyMs: number;
  readonly #listeners = new Set<(picture: Picture) => void>();
  #picture: Picture = nothing;
  #takenAt = performance.now();
  #totals: Totals | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isStopped = false;

  private constructor({ redisUrl, slot, directory, everyMs, recordFolder }: WatchOptions) {
    this.#directory = directory;
    this.#everyMs = everyMs ?? EVERY_MS;
    const stations = [...directory.stations.keys()];
    this.#slot = new SlotLook(redisUrl, slot, [...topicNames, ...stations.map(stationLane)]);
    const hops = new HopsSeen(stations);
    this.#hops = hops;
    this.#pages = new PagesSeen({
      slot: this.#slot,
      recordFolder,
      onRecord: (record, isHistory) => {
        hops.take(record, isHistory);
      },
    });
  }

  /** Resolves with the first picture taken; without Redis with an empty one that says so. */
  static async open(options: WatchOptions): Promise<Watch> {
    const watch = new Watch(options);
    await watch.#slot.connect();
    await watch.#pages.start();
    await watch.#tick();
    return watch;
  }

  picture(): Picture {
    return this.#picture;
  }

  /** Called for each picture, also while Redis is away. Answers how to end that. A listener that throws ends nothing but its own call. */
  onPicture(listener: (picture: Picture) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    // Ends the read that blocks.
    this.#slot.close();
    await Promise.all([this.#looking, this.#pages.stop()]);
    this.#listeners.clear();
  }

  async #tick(): Promise<void> {
    const startedAt = performance.now();
    this.#looking = this.#look();
    await this.#looking;
    if (this.#isStopped) return;
    for (const listener of this.#listeners) {
      try {
        listener(this.#picture);
      } catch {
        // Whoever shows pictures may fail; the others still get theirs.
      }
    }
    const nextMs = Math.max(0, this.#everyMs - (performance.now() - startedAt));
    this.#timer = setTimeout(() => void this.#tick(), nextMs);
  }

  async #look(): Promise<void> {
    try {
      const sight = await this.#slot.look();
      this.#takenAt = performance.now();
      this.#picture = this.#pictureOf(sight);
    } catch {
      // Foreign error texts stay here; that there is no answer is all there is to know.
      const ageMs = Math.round(performance.now() - this.#takenAt);
      this.#picture = {
        ...this.#picture,
        ageMs,
        warnings: ['REDIS_DOWN'],
        rates: { ...noRates, refusedByCode: this.#hops.refusedByCode },
      };
    }
  }

  #pictureOf(sight: SlotSight): Picture {
    const { atMs: at, deadLetters, auditPages: pagesWaiting, recorderSeenAtMs } = sight;
    const looks = new Map(sight.lanes.map((look) => [look.lane, look]));
    const lanes = sight.lanes.map((look) => laneState(look, at)).toSorted(topicsFirst);
    const { seen: pagesSeen, missed: pagesMissed, missedAt } = this.#pages;
    return {
      at,
      ageMs: 0,
      warnings: this.#warnings(sight),
      books: booksOf(sight.lanes),
      rates: this.#rates(sight),
      lanes,
      stations: this.#stations(looks, at),
      hops: this.#hops.hops,
      broadcasts: this.#hops.broadcasts,
      record: {
        pagesWaiting,
        recorderSeenAt: recorderSeenAtMs === 0 ? undefined : recorderSeenAtMs,
        deadLetters,
        pagesSeen,
        pagesMissed,
        missedAt: pagesMissed === 0 ? undefined : Math.round(at - (performance.now() - missedAt)),
      },
    };
  }

  #warnings({ atMs, recorderSeenAtMs, isCut }: SlotSight): readonly string[] {
    return [
      ...(performance.now() - this.#pages.missedAt < MISSED_MS ? ['PAGES_MISSED'] : []),
      ...(atMs - recorderSeenAtMs > RECORDER_SILENT_MS ? ['RECORDER_SILENT'] : []),
      ...(isCut ? ['LANES_CUT'] : []),
    ];
  }

  #rates({ atMs: at, lanes }: SlotSight): Rates {
    const { messages, refused } = this.#hops;
    const totals = {
      at,
      in: lanes.reduce((sum, look) => sum + look.in, 0),
      out: lanes.reduce((sum, look) => sum + look.delivered + look.sentUnconfirmed, 0),
      messages,
      refused,
    };
    const before = this.#totals;
    this.#totals = totals;
    const { refusedByCode } = this.#hops;
    const seconds = (at - (before?.at ?? at)) / 1000;
    if (before === undefined || seconds <= 0) return { ...noRates, refusedByCode };
    // A slot that was emptied counts from 0 again.
    const rate = (of: 'in' | 'out' | 'messages' | 'refused'): number =>
      Math.max(0, Math.round(((totals[of] - before[of]) / seconds) * 10) / 10);
    return {
      accepted: rate('in'),
      delivered: rate('out'),
      messages: rate('messages'),
      refused: rate('refused'),
      refusedByCode,
    };
  }

  #stations(looks: ReadonlyMap<string, LaneLook>, atMs: number): readonly StationState[] {
    const { stations, agencies } = this.#directory;
    const states = [...stations.values()].map(({ id, agency, lines }): StationState => {
      const look = looks.get(stationLane(id));
      const oldestAgeMs = look === undefined ? 0 : ageOf(look, atMs);
      return {
        station: id,
        agency,
        title: agencies.get(agency)?.title ?? agency,
        lines,
        word: wordOf(look, oldestAgeMs),
        waiting: look?.waiting ?? 0,
        oldestAgeMs,
        lastFromAt: this.#hops.lastFromAt(id),
        lastToAt: this.#hops.lastToAt(id),
      };
    });
    return states.toSorted((a, b) => (a.station < b.station ? -1 : 1));
  }
}

const wordOf = (look: LaneLook | undefined, oldestAgeMs: number): StationState['word'] => {
  if (look?.isOwned === true) return oldestAgeMs > lateMs ? 'late' : 'connected';
  return look?.wasOwned === true ? 'away' : 'never';
};

const ageOf = ({ oldestAtMs }: LaneLook, atMs: number): number =>
  oldestAtMs === 0 ? 0 : Math.max(0, atMs - oldestAtMs);

const laneState = (look: LaneLook, atMs: number): LaneState => ({
  lane: look.lane,
  end: isStationLane(look.lane) ? 'station' : 'topic',
  waiting: look.waiting,
  waitingByClass: look.waitingByClass,
  oldestAgeMs: ageOf(look, atMs),
  in: look.in,
  delivered: look.delivered,
  sentUnconfirmed: look.sentUnconfirmed,
  dead: look.dead,
  expired: look.expired,
  isOwned: look.isOwned,
});

const topicsFirst = (a: LaneState, b: LaneState): number => {
  if (a.end !== b.end) return a.end === 'topic' ? -1 : 1;
  return a.end === 'topic' || a.lane < b.lane ? -1 : 1;
};

const booksOf = (lanes: readonly LaneLook[]): Books => {
  const sum = (of: (look: LaneLook) => number): number => lanes.reduce((total, look) => total + of(look), 0);
  return {
    in: sum((look) => look.in),
    waiting: sum(({ waiting }) => waiting),
    delivered: sum(({ delivered }) => delivered),
    sentUnconfirmed: sum(({ sentUnconfirmed }) => sentUnconfirmed),
    dead: sum(({ dead }) => dead),
    expired: sum(({ expired }) => expired),
    divertedOut: sum(({ divertedOut }) => divertedOut),
    // By lane: two that are off by as much must not make up for each other.
    imbalance: sum((look) => Math.abs(imbalance(look))),
  };
};

const noRates = { accepted: 0, refused: 0, delivered: 0, messages: 0 };

const nothing: Picture = {
  at: 0,
  ageMs: 0,
  warnings: ['REDIS_DOWN'],
  books: booksOf([]),
  rates: { ...noRates, refusedByCode: {} },
  lanes: [],
  stations: [],
  hops: [],
  broadcasts: [],
  record: {
    pagesWaiting: 0,
    recorderSeenAt: undefined,
    deadLetters: 0,
    pagesSeen: 0,
    pagesMissed: 0,
    missedAt: undefined,
  },
};
