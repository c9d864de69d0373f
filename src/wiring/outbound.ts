import type { AuditRecord } from '../audit/records.ts';
import type { Config } from '../config/config.ts';
import { TopicBus } from '../deliver/deliver.ts';
import { topicNames } from '../message/delivery.ts';
import { Doorbell, OwnedLanes, type Queue } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { BusSealer } from '../vault/bus-sealer.ts';
import type { StorageVault } from '../vault/vault.ts';
import { LaneCourier } from './lane-courier.ts';
import { ParcelMaker } from './parcel.ts';
import type { Writer } from './writer.ts';

export type OutboundParts = {
  readonly config: Config;
  readonly queue: Queue;
  readonly vault: StorageVault;
  readonly busSealer: BusSealer;
  readonly connectionString: string;
  readonly writer: Writer;
  readonly log: Log;
  readonly metrics: Metrics;
};

const BELL_MS = 1000;
const NO_JOURNAL = Buffer.alloc(0);

/** From Redis to the bus: every topic lane, each driven on its own, woken by one doorbell, written in one chain. */
export class Outbound {
  readonly #parts: OutboundParts;
  readonly #bus: TopicBus;
  readonly #lanes: OwnedLanes<AuditRecord>;
  readonly #couriers: readonly LaneCourier[];
  #runs: readonly Promise<void>[] = [];
  #renewals: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
    const { config, queue, writer, vault, busSealer } = parts;
    this.#bus = new TopicBus({
      connectionString: parts.connectionString,
      timeoutMs: config.BUS_TIMEOUT_MS,
      batchBytesMax: config.BUS_BATCH_BYTES_MAX,
    });
    this.#lanes = new OwnedLanes<AuditRecord>({
      connection: queue.hot,
      keys: queue.keys,
      writer: writer.name,
      lease: { leaseMs: config.LEASE_MS, marginMs: config.LEASE_MARGIN_MS },
      deadMax: config.DEAD_MAX,
      build: (records) => writer.chain.build(records, NO_JOURNAL, Date.now()),
      commit: (page) => {
        writer.chain.commit({ ...page, writer: writer.name.writer });
      },
    });
    this.#couriers = topicNames.map((lane) => {
      const sender = this.#bus.topic(lane);
      const parcels = new ParcelMaker(vault, busSealer, sender);
      const { log, metrics } = parts;
      return new LaneCourier({ lane, lanes: this.#lanes, sender, parcels, config, log, metrics });
    });
  }

  /** Opens the chain and starts every lane. `onFault` is called once, if a lane ends by a fault no retry mends. */
  async start(onFault: (error: unknown) => void): Promise<void> {
    await this.#lanes.append([this.#parts.writer.opening]);
    this.#runs = this.#couriers.map(async (courier) => {
      try {
        await courier.run();
      } catch (error) {
        onFault(error);
      }
    });
    this.#renewals = setInterval(() => {
      for (const courier of this.#couriers) void courier.renew();
      this.#signHead().catch(onFault);
    }, this.#parts.config.LEASE_MS / 3);
    void this.#listenToBell();
  }

  get reasons(): readonly string[] {
    const reasons: string[] = [];
    if (this.#isStopping) reasons.push('DRAINING');
    if (this.#parts.queue.hot.isDown) reasons.push('REDIS_DOWN');
    for (const { lane, isOwner, isHolding } of this.#couriers) {
      if (!isOwner) reasons.push(`LANE_NOT_OWNED ${lane}`);
      if (isHolding) reasons.push(`LANE_HOLDING ${lane}`);
    }
    return reasons;
  }

  async #listenToBell(): Promise<void> {
    const bell = new Doorbell(this.#parts.queue.blocking(), this.#parts.queue.keys);
    while (!this.#isStopping) {
      try {
        const rung = await bell.wait(BELL_MS);
        for (const courier of this.#couriers) {
          if (rung.size === 0 || rung.has(courier.lane)) courier.wake();
        }
      } catch {
        // A broken connection is made again by its client; meanwhile the lanes sweep by themselves each second.
        await new Promise((resolve) => setTimeout(resolve, BELL_MS));
      }
    }
  }

  async #signHead(): Promise<void> {
    if (!this.#parts.writer.isHeadDue(Date.now())) return;
    const head = this.#parts.writer.head(Date.now());
    if (head === undefined) return;
    this.#parts.writer.signed(this.#parts.writer.chain.n, Date.now());
    await this.#lanes.append([head]);
  }

  /** SIGTERM: settle what is at the bus, give the lanes back, sign and close the chain. */
  async drain(): Promise<void> {
    this.#isStopping = true;
    for (const courier of this.#couriers) courier.stop();
    await Promise.all(this.#runs);
    clearInterval(this.#renewals);
    const head = this.#parts.writer.head(Date.now());
    await this.#lanes.append([...(head === undefined ? [] : [head]), { e: 'close' }]);
    await this.#bus.close();
  }
}
