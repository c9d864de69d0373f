import type { AuditRecord } from '../audit/records.ts';
import { type BusFault, classifyBusFault, HoldPolicy } from '../deliver/deliver.ts';
import { Fault } from '../message/codes.ts';
import type { OwnedLane, Settlement } from '../queue/queue.ts';
import { LaneReport } from './lane-report.ts';
import type { LaneCourierParts } from './lane-courier-parts.ts';
import { markTried, type Parcel } from './parcel.ts';
import { Pause } from './pause.ts';
import { joined, settle } from './settlement.ts';

const SWEEP_MS = 1000;
const CLAIM_POLL_MS_MAX = 1000;

/**
 * One lane from Redis to its topic: take, send one batch, settle, in order. While a batch is at the bus those before are settled and
 * the next are taken, so there is one unacknowledged batch (design 6.4) and no idle wait between. A failing bus makes the lane hold;
 * other lanes do not notice (P5).
 */
export class LaneCourier {
  readonly #parts: LaneCourierParts;
  readonly #policy: HoldPolicy;
  readonly #report: LaneReport;
  #owned: OwnedLane | undefined;
  #parcels: Parcel[] = [];
  #cursor = 0;
  #mayHaveMore = true;
  #isAlone = false;
  #isStopping = false;
  readonly #pause = new Pause();

  constructor(parts: LaneCourierParts) {
    this.#parts = parts;
    this.#report = new LaneReport(parts.lane, parts.log, parts.metrics);
    const { HOLD_BACKOFF_MS_MAX, UNKNOWN_TRIES_MAX, UNKNOWN_TRIES_MS } = parts.config;
    this.#policy = new HoldPolicy({
      backoffMsMax: HOLD_BACKOFF_MS_MAX,
      unknownTriesMax: UNKNOWN_TRIES_MAX,
      unknownTriesMs: UNKNOWN_TRIES_MS,
    });
  }

  get lane(): string {
    return this.#parts.lane;
  }

  get isOwner(): boolean {
    return this.#owned !== undefined;
  }

  get isHolding(): boolean {
    return this.#report.isHolding;
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
        this.#parcels = [];
        this.#report.left();
      }
    }
  }

  /** The lane may have something: read it now rather than at the next sweep. A hold is not cut short by new messages. */
  wake(): void {
    this.#mayHaveMore = true;
    if (!this.isHolding) this.#pause.end();
  }

  /** Ends after what is at the bus is settled, and gives the lane back. */
  stop(): void {
    this.#isStopping = true;
    this.#pause.end();
  }

  /** Keeps the lease while the lane is idle, holding, or waiting for the bus. */
  async renew(): Promise<void> {
    const owned = this.#owned;
    if (owned === undefined) return;
    try {
      await this.#parts.lanes.renew(owned);
    } catch {
      // The next turn of this lane meets the same fence and says so.
    }
  }

  async #claim(): Promise<OwnedLane | undefined> {
    const claimed = await this.#parts.lanes.claim(this.lane);
    if ('heldForMs' in claimed) {
      const { heldForMs } = claimed;
      this.#parts.log.event('lane.waiting', { lane: this.lane, heldForMs });
      await this.#wait(Math.min(heldForMs, CLAIM_POLL_MS_MAX));
      return undefined;
    }
    const { lane, token, handedBefore } = claimed;
    this.#parts.log.event('lane.claimed', { lane, token, repeatsUpTo: handedBefore });
    this.#owned = claimed;
    this.#cursor = claimed.settledAtClaim;
    this.#mayHaveMore = true;
    return claimed;
  }

  /**
   * Two things side by side, neither waiting for the other: the next batch is sent as soon as the bus has the one before, and a turn
   * settles what the bus has and takes more. At most two batches wait taken behind the one at the bus.
   */
  async #drive(owned: OwnedLane): Promise<void> {
    const done: Settlement<AuditRecord>[] = [];
    let sending: Promise<void> | undefined;
    let turning: Promise<void> | undefined;
    try {
      for (;;) {
        if (this.#parcels.length > 0 && !this.#isStopping) {
          sending ??= this.#send(owned).then((settlement) => {
            if (settlement !== undefined) done.push(settlement);
            sending = undefined;
          });
        }
        if (done.length > 0 || (this.#mayHaveMore && this.#room > 0)) {
          turning ??= this.#turn(owned, joined(done.splice(0))).then(() => {
            turning = undefined;
          });
        }
        const underWay = [sending, turning].filter((step) => step !== undefined);
        if (underWay.length > 0) await Promise.race(underWay);
        else if (this.#isStopping) break;
        else await this.#wait(SWEEP_MS);
      }
    } catch (error) {
      // Neither is left running behind a thrown fence.
      await Promise.allSettled([sending, turning]);
      throw error;
    }
    await this.#parts.lanes.release(owned);
  }

  get #room(): number {
    const { TAKE_MESSAGES_MAX } = this.#parts.config;
    return this.#isStopping ? 0 : Math.min(TAKE_MESSAGES_MAX, TAKE_MESSAGES_MAX * 3 - this.#parcels.length);
  }

  async #turn(owned: OwnedLane, done: Settlement<AuditRecord> | undefined): Promise<void> {
    const count = Math.max(0, this.#room);
    this.#mayHaveMore = false;
    const { waiting, taken } = await this.#parts.lanes.turn(owned, done, { after: this.#cursor, count });
    const handedAtMs = Date.now();
    for (const { seq, entry } of taken) {
      this.#parcels.push(this.#parts.parcels.make(seq, entry, seq <= owned.handedBefore, handedAtMs));
      this.#cursor = seq;
    }
    // A turn that took fewer took all there was; what comes later is taken with the next settlement, or rings.
    if (taken.length === count) this.#mayHaveMore = true;
    this.#report.waiting(waiting);
  }

  /** Sends from the front until something can be settled. Undefined only when stopping while the lane holds. */
  async #send(owned: OwnedLane): Promise<Settlement<AuditRecord> | undefined> {
    const { lanes, sender, config } = this.#parts;
    while (!this.#isStopping || this.#policy.failures === 0) {
      const dead = this.#leadingFailures();
      if (dead.length > 0) return this.#settled(dead);
      const sendable = this.#parcels.slice(0, this.#isAlone ? 1 : config.TAKE_MESSAGES_MAX);
      const stop = sendable.findIndex(({ failure }) => failure !== undefined);
      const ready = (stop < 0 ? sendable : sendable.slice(0, stop)).flatMap(({ ready: r }) =>
        r === undefined ? [] : [r],
      );
      const batch = ready.slice(0, sender.fitting(ready));
      if (!lanes.mayAct(owned)) await lanes.renew(owned);
      const parcels = this.#parcels.slice(0, batch.length);
      try {
        await sender.send(batch);
        this.#passed();
        return this.#settled(parcels);
      } catch (error) {
        const settled = await this.#failed(classifyBusFault(error), parcels, owned);
        if (settled !== undefined) return settled;
      }
    }
    return undefined;
  }

  async #failed(
    fault: BusFault,
    batch: readonly Parcel[],
    owned: OwnedLane,
  ): Promise<Settlement<AuditRecord> | undefined> {
    this.#report.busFault(fault);
    for (const parcel of batch) markTried(parcel, fault.class);
    const advice = this.#policy.failed(fault.class, batch.length, performance.now());
    const first = batch[0];
    if (advice.do === 'dead' && first !== undefined) {
      first.failure = { code: fault.code, busCode: fault.busCode };
      this.#isAlone = false;
      return undefined;
    }
    this.#isAlone = advice.do !== 'wait' || this.#isAlone;
    if (advice.waitMs > 0) {
      this.#report.holding(fault, this.#policy.failures);
      await this.#wait(advice.waitMs);
    }
    return advice.do === 'probe' && !this.#isStopping ? await this.#probe(fault, owned) : undefined;
  }

  /** The first message failed for no known reason, often enough: if the next one passes, the first was the poison. */
  async #probe(fault: BusFault, owned: OwnedLane): Promise<Settlement<AuditRecord> | undefined> {
    // Those between that cannot be sent at all are dead with the first one, or wait with it.
    const at = this.#parcels.findIndex(({ failure }, index) => index > 0 && failure === undefined);
    const [first, next] = [this.#parcels[0], this.#parcels[at]];
    if (first === undefined || next?.ready === undefined) return undefined;
    if (!this.#parts.lanes.mayAct(owned)) await this.#parts.lanes.renew(owned);
    try {
      await this.#parts.sender.send([next.ready]);
    } catch (error) {
      markTried(next, classifyBusFault(error).class);
      return undefined;
    }
    const tried = await this.#lastTry(first);
    if (tried === 'held') {
      // It is there, and will be sent again.
      markTried(next, 'link');
      return undefined;
    }
    if (tried === 'dead') first.failure = { code: fault.code, busCode: fault.busCode };
    this.#passed();
    return this.#settled(this.#parcels.slice(0, at + 1));
  }

  /** The bus is well, for the next message passed; it may have been ill at each of this one's tries, so this one gets another. */
  async #lastTry(first: Parcel): Promise<'delivered' | 'dead' | 'held'> {
    try {
      await this.#parts.sender.send(first.ready === undefined ? [] : [first.ready]);
      return 'delivered';
    } catch (error) {
      const { class: faultClass } = classifyBusFault(error);
      return faultClass === 'unknown' || faultClass === 'message' ? 'dead' : 'held';
    }
  }

  #leadingFailures(): readonly Parcel[] {
    const end = this.#parcels.findIndex(({ failure }) => failure === undefined);
    return this.#parcels.slice(0, end < 0 ? this.#parcels.length : end);
  }

  #settled(parcels: readonly Parcel[]): Settlement<AuditRecord> {
    this.#parcels.splice(0, parcels.length);
    const nowMs = Date.now();
    this.#report.settled(parcels, nowMs);
    return settle(this.lane, parcels, nowMs);
  }

  #passed(): void {
    this.#policy.passed();
    this.#isAlone = false;
    this.#report.flowing();
  }

  /** Waits, unless woken or stopped before. */
  async #wait(ms: number): Promise<void> {
    if (this.#isStopping) return;
    await this.#pause.wait(ms);
    this.#mayHaveMore = true;
  }
}
