import type { BusFault } from '../deliver/deliver.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Parcel } from './parcel.ts';

/** What one lane shows of itself: metrics of all it does, log events only of what is out of the ordinary. */
export class LaneReport {
  readonly #lane: string;
  readonly #log: Log;
  readonly #metrics: Metrics;
  #isHolding = false;

  constructor(lane: string, log: Log, metrics: Metrics) {
    this.#lane = lane;
    this.#log = log;
    this.#metrics = metrics;
  }

  get isHolding(): boolean {
    return this.#isHolding;
  }

  waiting(count: number): void {
    this.#metrics.laneWaiting.set({ lane: this.#lane }, count);
  }

  busFault({ code }: BusFault): void {
    this.#metrics.busFaults.inc({ lane: this.#lane, code });
  }

  holding({ code, busCode }: BusFault, tries: number): void {
    if (!this.#isHolding) this.#log.event('lane.holding', { lane: this.#lane, code, busCode, tries });
    this.#setHolding(true);
  }

  flowing(): void {
    if (this.#isHolding) this.#log.event('lane.flowing', { lane: this.#lane });
    this.#setHolding(false);
  }

  /** The lane is no longer ours: whoever has it now tells whether it holds. */
  left(): void {
    this.#setHolding(false);
  }

  settled(parcels: readonly Parcel[], nowMs: number): void {
    const lane = this.#lane;
    let delivered = 0;
    for (const { failure, delivery } of parcels) {
      if (failure === undefined) {
        delivered += 1;
        this.#metrics.deliverSeconds.observe((nowMs - (delivery?.receivedAtMs ?? nowMs)) / 1000);
        continue;
      }
      const { code, busCode } = failure;
      this.#log.event('letter.dead', { lane, deliveryId: delivery?.deliveryId ?? '', code, busCode });
    }
    this.#metrics.delivered.inc({ lane, outcome: 'delivered' }, delivered);
    if (delivered < parcels.length) {
      this.#metrics.delivered.inc({ lane, outcome: 'dead' }, parcels.length - delivered);
    }
    this.#metrics.lastProgress.set({ link: lane }, nowMs / 1000);
  }

  #setHolding(isHolding: boolean): void {
    this.#isHolding = isHolding;
    this.#metrics.laneHolding.set({ lane: this.#lane }, isHolding ? 1 : 0);
  }
}
