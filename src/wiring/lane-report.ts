import type { DeliveryOutcome } from '../audit/records.ts';
import type { BusFault } from '../deliver/deliver.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Fate, Parcel } from './parcel.ts';

/** What keeps a lane from going on; `busCode` is what the far end called it, empty for a station. */
type Trouble = Pick<BusFault, 'busCode'> & { readonly code: string };

type OnSettled = (parcels: readonly Parcel<unknown>[], nowMs: number) => Promise<unknown> | undefined;

/** What one lane shows of itself: metrics of all it does, log events only of what is out of the ordinary. */
export class LaneReport {
  readonly #lane: string;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #onSettled: OnSettled | undefined;
  #isHolding = false;

  /** `onSettled` hears of what the lane is done with, just before it is settled, and may have that wait. */
  constructor(lane: string, log: Log, metrics: Metrics, onSettled?: OnSettled) {
    this.#onSettled = onSettled;
    this.#lane = lane;
    this.#log = log;
    this.#metrics = metrics;
    // A counter that begins with its first 1 has not risen for Prometheus, and nobody would be told of a lane's first dead letter.
    for (const outcome of ['dead', 'expired'] as const) metrics.delivered.inc({ lane, outcome }, 0);
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

  holding({ code, busCode }: Trouble, tries: number): void {
    if (!this.#isHolding) this.#log.event('lane.holding', { lane: this.#lane, code, busCode, tries });
    this.#setHolding(true);
  }

  flowing(): void {
    if (this.#isHolding) this.#log.event('lane.flowing', { lane: this.#lane });
    this.#setHolding(false);
  }

  /** The lane is no longer ours: whoever has it now tells whether it holds, and how much waits. */
  left(): void {
    this.waiting(0);
    this.#setHolding(false);
  }

  /** Resolves when they may be settled; undefined: at once. */
  settled<C>(parcels: readonly Parcel<C>[], nowMs: number): Promise<unknown> | undefined {
    if (parcels.length === 0) return undefined;
    const noted = this.#onSettled?.(parcels, nowMs);
    const lane = this.#lane;
    const counts = new Map<DeliveryOutcome, number>();
    for (const { fate, delivery } of parcels) {
      const outcome = fate?.outcome ?? 'delivered';
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      if (outcome === 'delivered')
        this.#metrics.deliverSeconds.observe((nowMs - (delivery?.receivedAtMs ?? nowMs)) / 1000);
      else if (outcome === 'dead') this.#dead(delivery?.deliveryId ?? '', fate);
    }
    for (const [outcome, count] of counts) this.#metrics.delivered.inc({ lane, outcome }, count);
    this.#metrics.lastProgress.set({ link: lane }, nowMs / 1000);
    return noted;
  }

  #dead(deliveryId: string, fate: Fate | undefined): void {
    const { code = '', busCode = '' } = fate ?? {};
    this.#log.event('letter.dead', { lane: this.#lane, deliveryId, code, busCode });
  }

  #setHolding(isHolding: boolean): void {
    this.#isHolding = isHolding;
    this.#metrics.laneHolding.set({ lane: this.#lane }, isHolding ? 1 : 0);
  }
}
