import type { Renewal } from '../bus/bus-client.ts';
import type { BusFault, CircuitState, LinkReason } from '../deliver/deliver.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { BusRecords } from './bus-records.ts';

const CIRCUIT_SHOWN = { closed: 0, halfOpen: 1, open: 2 } as const satisfies Record<CircuitState, number>;

/** What the courier decides about one topic, shown three times: metric, log event where it is rare, audit record. */
export class BusReport {
  readonly #lane: string;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #records: BusRecords;
  #renewal: Renewal = 'unchanged';

  constructor(lane: string, log: Log, metrics: Metrics, records: BusRecords) {
    this.#lane = lane;
    this.#log = log;
    this.#metrics = metrics;
    this.#records = records;
    metrics.busCircuit.set({ lane }, CIRCUIT_SHOWN.closed);
    for (const counter of [metrics.busSplits, metrics.busThrottled, metrics.busMute])
      counter.inc({ lane }, 0);
  }

  circuit(state: CircuitState, { code, busCode }: BusFault, tries: number): void {
    const lane = this.#lane;
    this.#metrics.busCircuit.set({ lane }, CIRCUIT_SHOWN[state]);
    if (state === 'open') {
      this.#log.event('bus.circuit-opened', { lane, code, busCode, tries });
      this.#record('circuit-opened', busCode);
    } else if (state === 'closed') {
      this.#log.event('bus.circuit-closed', { lane });
      this.#record('circuit-closed', busCode);
    }
  }

  /** A batch was refused for one of its messages and is sent in halves. */
  split({ busCode }: BusFault): void {
    this.#metrics.busSplits.inc({ lane: this.#lane });
    this.#record('batch-split', busCode);
  }

  throttled({ busCode }: BusFault, waitMs: number): void {
    const lane = this.#lane;
    this.#metrics.busThrottled.inc({ lane });
    this.#metrics.busThrottleSeconds.inc({ lane }, waitMs / 1000);
    this.#log.event('bus.throttled', { lane, waitMs: Math.round(waitMs) });
    this.#record('throttled', busCode);
  }

  /** A link was opened. The first of a topic's is no decision. */
  link(why: LinkReason): void {
    this.#metrics.busLinks.inc({ lane: this.#lane, what: why });
    if (why !== 'first') this.#record('link-remade', why);
  }

  mute(): void {
    const lane = this.#lane;
    this.#metrics.busMute.inc({ lane });
    this.#log.event('bus.connection-mute', { lane });
    this.#record('connection-dropped', 'mute');
  }

  renewal(outcome: Renewal): void {
    this.#metrics.busRenewals.inc({ outcome });
    this.#record('access-read', outcome);
    // A file that stays unreadable is tried at every hold.
    if (outcome !== this.#renewal) this.#log.event('bus.access-read', { outcome });
    this.#renewal = outcome;
  }

  #record(what: Parameters<BusRecords['add']>[1], code: string): void {
    this.#records.add(this.#lane, what, code, Date.now());
  }
}
