import { Fault } from '../message/codes.ts';
import type { PriorityClass } from '../message/delivery.ts';
import type { OwnedLane, OwnedLanes, ServerClock } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import { LaneHand } from './lane-hand.ts';
import type { LaneRecord } from './lane-record.ts';
import type { LaneReport } from './lane-report.ts';
import type { Notices } from './notices.ts';
import type { Parcel, ParcelMaker } from './parcel.ts';
import { Pause } from './pause.ts';
import { settlementOf } from './settlement.ts';

/** What a lane ends at: a topic, a station's line. */
export type Way<C> = {
  /**
   * One attempt to send from the front of the hand. Answers what can be settled: parcels with their fates, taken out of the hand in the
   * order of their classes. Empty after a failure; it has then waited as long as it saw fit.
   */
  send(hand: LaneHand<C>, owned: OwnedLane): Promise<readonly Parcel<C>[]>;
  /** Ends a hold inside the `send` that is under way, because the drive is to stop. The next `send`, if there is one, begins anew. */
  stop(): void;
  /** The hand got more while `send` may be waiting. */
  added?(): void;
};

export type LaneDriveParts<C> = {
  readonly lane: string;
  readonly lanes: OwnedLanes<LaneRecord>;
  readonly parcels: ParcelMaker<C>;
  readonly way: Way<C>;
  readonly notices: Notices;
  readonly clock: ServerClock;
  readonly report: LaneReport;
  readonly log: Log;
  /** Entries of a class taken at once, and held at most. */
  readonly takeMax: number;
  readonly classMax: number;
  /** How often a lane is looked at that nobody rang for. */
  readonly sweepMs: number;
  /** Another process has the lane now. */
  readonly onFenced?: () => void;
};

const CLAIM_POLL_MS_MAX = 1000;
/** What is done waits this long for company when nothing else is to do: the next ring's turn then settles it as well. */
const LINGER_MS = 4;

/**
 * One lane from Redis to where it ends: take, send, settle, in order. While one batch is on its way those before are settled and the next
 * are taken, so nothing is idle for want of a round trip. What fails holds this lane; others do not notice (P5).
 */
export class LaneDrive<C> {
  readonly #parts: LaneDriveParts<C>;
  readonly #pause = new Pause();
  readonly #claiming = new Pause();
  #owned: OwnedLane | undefined;
  #hand: LaneHand<C> | undefined;
  #isStopping = false;
  #hasLingered = false;
  #sweptAt = 0;

  constructor(parts: LaneDriveParts<C>) {
    this.#parts = parts;
  }

  get lane(): string {
    return this.#parts.lane;
  }

  get owned(): OwnedLane | undefined {
    return this.#owned;
  }

  get isHolding(): boolean {
    return this.#parts.report.isHolding;
  }

  /** Runs until stopped. Rejects only with a fault that no retry mends. */
  async run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        const owned = await this.#claim();
        if (owned !== undefined) await this.#drive(owned);
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'FENCED') throw error;
        this.#parts.log.event('lane.fenced', { lane: this.lane, code: error.code });
      } finally {
        this.#owned = undefined;
        this.#hand = undefined;
        this.#parts.report.left();
      }
    }
  }

  /** These classes of the lane may have something, or any: read it now rather than at the next sweep. */
  wake(classes?: ReadonlySet<PriorityClass>): void {
    this.#hand?.lookAgain(classes);
    this.#pause.end();
  }

  /** Ends after what is on its way is settled, and gives the lane back. */
  stop(): void {
    this.#isStopping = true;
    this.#parts.way.stop();
    this.#claiming.end();
    this.#pause.end();
  }

  async #claim(): Promise<OwnedLane | undefined> {
    const { lane, lanes, log } = this.#parts;
    const claimed = await lanes.claim(lane);
    if ('heldForMs' in claimed) {
      const { heldForMs } = claimed;
      log.event('lane.waiting', { lane, heldForMs });
      // Only its end is worth waking for: rings are for whoever owns the lane.
      if (!this.#isStopping) await this.#claiming.wait(Math.min(heldForMs, CLAIM_POLL_MS_MAX));
      return undefined;
    }
    log.event('lane.claimed', { lane, token: claimed.token });
    this.#owned = claimed;
    return claimed;
  }

  /**
   * Two things side by side, neither waiting for the other: the way sends the next as soon as it has settled what is before, and a turn
   * settles what is done and takes more.
   */
  async #drive(owned: OwnedLane): Promise<void> {
    const { takeMax, classMax, way, clock, sweepMs } = this.#parts;
    const hand = new LaneHand<C>(takeMax, classMax, (one) => owned.classes[one].settled);
    this.#hand = hand;
    const done: Parcel<C>[] = [];
    let sending: Promise<void> | undefined;
    let turning: Promise<void> | undefined;
    try {
      for (;;) {
        this.#sweep(hand);
        if (sending === undefined) done.push(...hand.shed(clock));
        if (hand.size > 0 && !this.#isStopping) {
          sending ??= way.send(hand, owned).then((parcels) => {
            done.push(...parcels);
            sending = undefined;
          });
        }
        const isTaking = hand.canTake && !this.#isStopping;
        if (isTaking || (done.length > 0 && !this.#mayLinger(hand, sending))) {
          turning ??= this.#turn(owned, hand, done.splice(0)).then(() => {
            turning = undefined;
          });
        }
        const underWay = [sending, turning].filter((step) => step !== undefined);
        if (underWay.length > 0) await this.#pause.wait(sweepMs, ...underWay);
        else if (done.length > 0) await this.#linger();
        else if (this.#isStopping) break;
        else await this.#pause.wait(sweepMs);
      }
    } catch (error) {
      // At once: what is out may take its time, and whoever has the lane now may be sending.
      if (error instanceof Fault && error.code === 'FENCED') this.#parts.onFenced?.();
      // Neither is left running behind a thrown fence.
      this.#parts.way.stop();
      await Promise.allSettled([sending, turning]);
      throw error;
    }
    this.#owned = undefined;
    await this.#parts.lanes.release(owned, sentUpTo(hand, owned));
  }

  /** Once for what is done: after that it is settled whether or not something else is to do. */
  #mayLinger(hand: LaneHand<C>, sending: Promise<void> | undefined): boolean {
    return !this.#isStopping && sending === undefined && hand.size === 0 && !this.#hasLingered;
  }

  async #linger(): Promise<void> {
    await this.#pause.wait(LINGER_MS);
    this.#hasLingered = true;
  }

  /** A ring that was missed costs a second, never a message (design 5.6). */
  #sweep(hand: LaneHand<C>): void {
    const now = performance.now();
    if (now - this.#sweptAt < this.#parts.sweepMs) return;
    this.#sweptAt = now;
    hand.lookAgain();
  }

  async #turn(owned: OwnedLane, hand: LaneHand<C>, done: readonly Parcel<C>[]): Promise<void> {
    const { lane, lanes, parcels, notices, report } = this.#parts;
    this.#hasLingered = false;
    const takes = this.#isStopping ? [] : hand.takes();
    const nowMs = Date.now();
    const noted = report.settled(done, nowMs);
    if (noted !== undefined) await noted;
    const settlement = done.length === 0 ? undefined : settlementOf(lane, done, notices, nowMs);
    const { waiting, taken } = await lanes.turn(owned, settlement, takes);
    const bodies = await parcels.sharedBodies(taken);
    const handedAtMs = Date.now();
    for (const entry of taken) {
      const { priorityClass, seq } = entry;
      const gap = hand.gapBefore(priorityClass, seq);
      const isPossibleDuplicate = seq <= owned.classes[priorityClass].handedBefore;
      hand.add(parcels.make(entry, { gap, isPossibleDuplicate, handedAtMs }, bodies));
    }
    // A turn that took fewer took all there was; what comes later rings.
    const counts = Map.groupBy(taken, ({ priorityClass }) => priorityClass);
    for (const { priorityClass, count } of takes)
      if (counts.get(priorityClass)?.length === count) hand.sawMore(priorityClass);
    report.waiting(waiting);
    if (taken.length > 0) this.#parts.way.added?.();
  }
}

/** By class, the last laneSeq that may have reached anybody, at least what an earlier owner may have sent. */
const sentUpTo = <C>(hand: LaneHand<C>, owned: OwnedLane): ReadonlyMap<PriorityClass, number> =>
  new Map(
    [...hand.sentUpTo].map(([one, seq]) => [one, Math.max(seq, owned.classes[one].handedBefore)] as const),
  );
