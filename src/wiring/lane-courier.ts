import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../audit/records.ts';
import { type BusFault, classifyBusFault, HoldPolicy, type TopicSender } from '../deliver/deliver.ts';
import { Fault } from '../message/codes.ts';
import type { OwnedLane, OwnedLanes, Settlement } from '../queue/queue.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { markRepeated, type Parcel, type ParcelMaker } from './parcel.ts';
import { settle } from './settlement.ts';

export type LaneCourierParts = {
  readonly lane: string;
  readonly lanes: OwnedLanes<AuditRecord>;
  readonly sender: TopicSender;
  readonly parcels: ParcelMaker;
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
};

const SWEEP_MS = 1000;
const CLAIM_POLL_MS_MAX = 1000;

/**
 * One lane from Redis to its topic: take, send one batch, settle, in order. While a batch is at the bus the one before is settled and
 * the next is taken, so there is one unacknowledged batch (design 6.4) and no idle wait between. A failing bus makes the lane hold;
 * other lanes do not notice (P5).
 */
export class LaneCourier {
  readonly #parts: LaneCourierParts;
  readonly #policy: HoldPolicy;
  #owned: OwnedLane | undefined;
  #parcels: Parcel[] = [];
  #cursor = 0;
  #mayHaveMore = true;
  #isAlone = false;
  #isStopping = false;
  #wake: (() => void) | undefined;
  #isHolding = false;

  constructor(parts: LaneCourierParts) {
    this.#parts = parts;
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
    return this.#isHolding;
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
        // Whoever has the lane now tells whether it holds.
        this.#isHolding = false;
        this.#parts.metrics.laneHolding.set({ lane: this.lane }, 0);
      }
    }
  }

  /** The lane may have something: read it now rather than at the next sweep. */
  wake(): void {
    this.#mayHaveMore = true;
    this.#wake?.();
  }

  /** Ends after what is at the bus is settled, and gives the lane back. */
  stop(): void {
    this.#isStopping = true;
    this.#wake?.();
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
      await this.#pause(Math.min(heldForMs, CLAIM_POLL_MS_MAX));
      return undefined;
    }
    const { lane, token, handedBefore } = claimed;
    this.#parts.log.event('lane.claimed', { lane, token, repeatsUpTo: handedBefore });
    this.#owned = claimed;
    this.#cursor = claimed.settledAtClaim;
    this.#mayHaveMore = true;
    return claimed;
  }

  async #drive(owned: OwnedLane): Promise<void> {
    let done: Settlement<AuditRecord> | undefined;
    for (;;) {
      const hasWork = this.#parcels.length > 0 && !this.#isStopping;
      if (!hasWork && done === undefined && !this.#mayHaveMore && !this.#isStopping)
        await this.#pause(SWEEP_MS);
      if (this.#isStopping && done === undefined) break;
      const sending = hasWork ? this.#send(owned) : undefined;
      const turning = this.#turn(owned, done);
      // Both are awaited whatever becomes of either, so that neither is left running behind a thrown fence.
      const [sent, turned] = await Promise.allSettled([sending, turning]);
      if (turned.status === 'rejected') throw turned.reason;
      if (sent.status === 'rejected') throw sent.reason;
      done = sent.value;
    }
    await this.#parts.lanes.release(owned);
  }

  async #turn(owned: OwnedLane, done: Settlement<AuditRecord> | undefined): Promise<void> {
    const room = this.#isStopping ? 0 : this.#parts.config.TAKE_MESSAGES_MAX * 2 - this.#parcels.length;
    this.#mayHaveMore = false;
    const { waiting, taken } = await this.#parts.lanes.turn(owned, done, {
      after: this.#cursor,
      count: Math.max(0, Math.min(room, this.#parts.config.TAKE_MESSAGES_MAX)),
    });
    const handedAtMs = Date.now();
    for (const { seq, entry } of taken) {
      this.#parcels.push(this.#parts.parcels.make(seq, entry, seq <= owned.handedBefore, handedAtMs));
      this.#cursor = seq;
    }
    const known = this.#parcels.length;
    if (waiting > known && room > 0) this.#mayHaveMore = true;
    this.#parts.metrics.laneWaiting.set({ lane: this.lane }, waiting);
  }

  /** Sends from the front until something can be settled. Undefined only when stopping while the lane holds. */
  async #send(owned: OwnedLane): Promise<Settlement<AuditRecord> | undefined> {
    const { lanes, sender, config } = this.#parts;
    while (!this.#isStopping || this.#policy.failures === 0) {
      const dead = this.#leadingFailures();
      if (dead.length > 0) return this.#settled(dead, dead.length);
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
        return this.#settled(parcels, 0);
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
    const { metrics } = this.#parts;
    metrics.busFaults.inc({ lane: this.lane, code: fault.code });
    for (const parcel of batch) markRepeated(parcel);
    const advice = this.#policy.failed(fault.class, batch.length, performance.now());
    const first = batch[0];
    if (advice.do === 'dead' && first !== undefined) {
      first.failure = { code: fault.code, busCode: fault.busCode };
      this.#isAlone = false;
      return undefined;
    }
    this.#isAlone = advice.do !== 'wait' || this.#isAlone;
    if (advice.waitMs > 0) {
      this.#holding(fault);
      await this.#pause(advice.waitMs);
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
    } catch {
      markRepeated(next);
      return undefined;
    }
    first.failure = { code: fault.code, busCode: fault.busCode };
    this.#passed();
    return this.#settled(this.#parcels.slice(0, at + 1), at);
  }

  #leadingFailures(): readonly Parcel[] {
    const end = this.#parcels.findIndex(({ failure }) => failure === undefined);
    return this.#parcels.slice(0, end < 0 ? this.#parcels.length : end);
  }

  #settled(parcels: readonly Parcel[], deadCount: number): Settlement<AuditRecord> {
    this.#parcels.splice(0, parcels.length);
    const { log, metrics } = this.#parts;
    metrics.delivered.inc({ lane: this.lane, outcome: 'delivered' }, parcels.length - deadCount);
    if (deadCount > 0) metrics.delivered.inc({ lane: this.lane, outcome: 'dead' }, deadCount);
    const nowMs = Date.now();
    for (const { failure, delivery } of parcels) {
      if (failure === undefined) {
        metrics.deliverSeconds.observe((nowMs - (delivery?.receivedAtMs ?? nowMs)) / 1000);
        continue;
      }
      log.event('letter.dead', {
        lane: this.lane,
        deliveryId: delivery?.deliveryId ?? '',
        code: failure.code,
        busCode: failure.busCode,
      });
    }
    metrics.lastProgress.set({ link: this.lane }, nowMs / 1000);
    return settle(this.lane, parcels, nowMs);
  }

  #holding(fault: BusFault): void {
    const { code, busCode } = fault;
    if (!this.#isHolding) {
      this.#parts.log.event('lane.holding', { lane: this.lane, code, busCode, tries: this.#policy.failures });
    }
    this.#isHolding = true;
    this.#parts.metrics.laneHolding.set({ lane: this.lane }, 1);
  }

  #passed(): void {
    this.#policy.passed();
    this.#isAlone = false;
    if (this.#isHolding) this.#parts.log.event('lane.flowing', { lane: this.lane });
    this.#isHolding = false;
    this.#parts.metrics.laneHolding.set({ lane: this.lane }, 0);
  }

  /** Waits, unless woken or stopped before. A hold is not cut short by new messages: only a stop wakes it then. */
  async #pause(ms: number): Promise<void> {
    if (this.#isStopping) return;
    const isHold = this.#isHolding;
    const gone = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake = () => {
        if (!isHold || this.#isStopping) resolve();
      };
    });
    await Promise.race([sleep(ms, undefined, { signal: gone.signal }).catch(() => undefined), woken]);
    gone.abort();
    this.#wake = undefined;
    this.#mayHaveMore = true;
  }
}
