import type { Config } from '../config/config.ts';
import { redisUrl } from '../config/redis-url.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import type { BusClient } from '../bus/bus-client.ts';
import { type ReadyMessage, TopicBus } from '../deliver/deliver.ts';
import { stationLane, topicNames } from '../message/delivery.ts';
import { BodyStore, Doorbell, type OwnedLanes, type Queue, ServerClock, TimedWork } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Topology } from '../topology/topology.ts';
import type { BusOpener } from '../vault/bus-opener.ts';
import type { BusSealer } from '../vault/bus-sealer.ts';
import type { StorageVault } from '../vault/vault.ts';
import { BusRecords } from './bus-records.ts';
import { BusReport } from './bus-report.ts';
import { Collecting } from './collecting.ts';
import { Expiry } from './expiry.ts';
import { LaneDrive } from './lane-drive.ts';
import { closeChain, type LaneRecord, openLanes, signHeadIfDue } from './lane-record.ts';
import { LaneReport } from './lane-report.ts';
import { Notices } from './notices.ts';
import { ParcelMaker } from './parcel.ts';
import { loadForTopic, TopicWay } from './topic-way.ts';
import type { Writer } from './writer.ts';

export type OutboundParts = {
  readonly config: Config;
  readonly directory: Directory;
  readonly dialects: ReadonlyMap<string, Dialect>;
  readonly queue: Queue;
  readonly vault: StorageVault;
  readonly busSealer: BusSealer;
  readonly busOpener: BusOpener;
  readonly topology: Topology;
  /** The process's one client; whoever made it closes it. */
  readonly bus: BusClient;
  readonly writer: Writer;
  readonly log: Log;
  readonly metrics: Metrics;
};

type TopicLane = {
  readonly drive: LaneDrive<ReadyMessage>;
  readonly way: TopicWay;
  readonly busReport: BusReport;
};

const BELL_MS = 1000;
const SWEEP_MS = 1000;
/** Batches of a class held: one on its way and two behind it. */
const BATCHES_HELD = 3;

/**
 * From Redis to the bus: every topic lane, each driven on its own, woken by one doorbell, written in one chain. It keeps the slot's time
 * too: what waited too long is taken off, whoever's lane it is.
 */
export class Outbound {
  readonly #parts: OutboundParts;
  readonly #bus: TopicBus;
  readonly #busRecords = new BusRecords();
  readonly #clock: ServerClock;
  readonly #lanes: OwnedLanes<LaneRecord>;
  readonly #topics: ReadonlyMap<string, TopicLane>;
  readonly #expiry: Expiry;
  readonly #collecting: Collecting;
  #timed: TimedWork | undefined;
  #runs: readonly Promise<void>[] = [];
  #renewals: NodeJS.Timeout | undefined;
  #isStopping = false;
  #isRecordingBus = false;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
    const { config, queue, writer, vault, directory, dialects, log, metrics } = parts;
    this.#bus = this.#topicBus();
    this.#clock = new ServerClock((jumpMs) => {
      log.event('clock.jumped', { jumpMs });
    });
    this.#lanes = openLanes(config, queue, writer, this.#clock);
    const { gatewayOri, version: directoryVersion } = directory;
    const notices = new Notices({
      writer: writer.name.writer,
      vault,
      gatewayOri,
      dialects,
      directoryVersion,
    });
    this.#expiry = new Expiry({ queue, lanes: this.#lanes, clock: this.#clock, notices, metrics });
    // What expires on stations' lanes is counted here; a counter must be seen at 0 before it can be seen to rise.
    for (const station of directory.stations.keys())
      metrics.delivered.inc({ lane: stationLane(station), outcome: 'expired' }, 0);
    this.#topics = new Map(topicNames.map((lane) => [lane, this.#topicLane(lane, notices)]));
    this.#collecting = new Collecting({
      ...parts,
      opener: parts.busOpener,
      lanes: this.#lanes,
      notices,
      writer: writer.name.writer,
      isOwner: (topic) => !this.#isStopping && this.#topics.get(topic)?.drive.owned !== undefined,
      tokenOf: (topic) => this.#topics.get(topic)?.drive.owned?.token,
    });
  }

  #topicBus(): TopicBus {
    const { bus, config, metrics } = this.#parts;
    const options = {
      timeoutMs: config.BUS_TIMEOUT_MS,
      batchBytesMax: config.BUS_BATCH_BYTES_MAX,
      linkIdleMs: config.BUS_LINK_IDLE_MS,
      sendsMax: config.BUS_SENDS_MAX,
    };
    return new TopicBus(bus, options, {
      link: (topic, why) => this.#topics.get(topic)?.busReport.link(why),
      mute: (topic) => this.#topics.get(topic)?.busReport.mute(),
      renewal: (topic, outcome) => this.#topics.get(topic)?.busReport.renewal(outcome),
      out: (count) => {
        metrics.busBatchesOut.set(count);
      },
    });
  }

  #topicLane(lane: string, notices: Notices): TopicLane {
    const { config, vault, queue, busSealer, log, metrics } = this.#parts;
    const sender = this.#bus.topic(lane);
    const report = new LaneReport(lane, log, metrics, (parcels, nowMs) =>
      this.#collecting.settled(lane, parcels, nowMs),
    );
    const busReport = new BusReport(lane, log, metrics, this.#busRecords);
    const way = new TopicWay({
      lanes: this.#lanes,
      sender,
      report,
      busReport,
      config,
      retryLater: (ms) => {
        this.#timed?.retryLater(lane, ms);
      },
    });
    const bodies = new BodyStore(queue.side, queue.keys);
    const drive = new LaneDrive<ReadyMessage>({
      lane,
      lanes: this.#lanes,
      parcels: new ParcelMaker(vault, bodies, loadForTopic(busSealer, sender)),
      way,
      notices,
      clock: this.#clock,
      report,
      log,
      takeMax: config.TAKE_MESSAGES_MAX,
      classMax: config.TAKE_MESSAGES_MAX * BATCHES_HELD,
      sweepMs: SWEEP_MS,
    });
    return { drive, way, busReport };
  }

  /** Opens the chain and starts every lane. `onFault` is called once, if a lane ends by a fault no retry mends. */
  async start(onFault: (error: unknown) => void): Promise<void> {
    const { config, writer, log } = this.#parts;
    await this.#lanes.append([{ record: writer.opening }]);
    this.#timed = await TimedWork.open({
      url: redisUrl(config),
      slot: config.SLOT,
      role: 'courier',
      instance: config.INSTANCE,
      handlers: {
        retry: (lane) => {
          this.#topics.get(lane)?.way.retry();
        },
        expiry: () => this.#expiry.byDeadline(),
        sweep: () => this.#expiry.byHold(),
      },
      expiryMs: config.EXPIRY_MS,
      sweepMs: config.SWEEP_MS,
      onFault: (code) => {
        log.event('timed.fault', { code });
      },
    });
    this.#runs = this.#drives.map(async (drive) => {
      try {
        await drive.run();
      } catch (error) {
        onFault(error);
      }
    });
    this.#renewals = setInterval(() => {
      // Redis may be away: the next turn of each lane finds out, and the lease runs meanwhile.
      this.#renew().catch(() => undefined);
      signHeadIfDue(this.#parts.writer, this.#lanes).catch(onFault);
      this.#recordBus().catch(onFault);
      this.#showTimed();
    }, config.LEASE_MS / 3);
    this.#collecting.start(onFault);
    void this.#listenToBell();
  }

  get #drives(): readonly LaneDrive<ReadyMessage>[] {
    return [...this.#topics.values()].map(({ drive }) => drive);
  }

  get reasons(): readonly string[] {
    const reasons: string[] = [];
    if (this.#isStopping) reasons.push('DRAINING');
    if (this.#parts.queue.hot.isDown) reasons.push('REDIS_DOWN');
    for (const { lane, owned, isHolding } of this.#drives) {
      if (owned === undefined) reasons.push(`LANE_NOT_OWNED ${lane}`);
      if (isHolding) reasons.push(`LANE_HOLDING ${lane}`);
    }
    return reasons;
  }

  async #renew(): Promise<void> {
    // A lane that was lost meets the fence at its next turn and says so.
    await this.#lanes.renew(this.#drives.flatMap(({ owned }) => (owned === undefined ? [] : [owned])));
  }

  /** While Redis is away the one page that is on its way is enough: what comes meanwhile is counted. */
  async #recordBus(): Promise<void> {
    if (this.#isRecordingBus) return;
    this.#isRecordingBus = true;
    try {
      await this.#appendBus(this.#busRecords.take(Date.now()));
    } finally {
      this.#isRecordingBus = false;
    }
  }

  async #appendBus(due: ReturnType<BusRecords['take']>): Promise<void> {
    if (due.length > 0) await this.#lanes.append(due.map((record) => ({ record })));
  }

  #showTimed(): void {
    for (const [what, count] of Object.entries(this.#timed?.counts ?? {}))
      this.#parts.metrics.timedWork.set({ what }, count);
  }

  async #listenToBell(): Promise<void> {
    const bell = new Doorbell(this.#parts.queue.blocking(), this.#parts.queue.keys, 'courier');
    while (!this.#isStopping) {
      try {
        for (const [lane, classes] of await bell.wait(BELL_MS)) this.#topics.get(lane)?.drive.wake(classes);
      } catch {
        // A broken connection is made again by its client; meanwhile the lanes sweep by themselves each second.
        await new Promise((resolve) => setTimeout(resolve, BELL_MS));
      }
    }
  }

  /** SIGTERM: settle what is at the bus, give the lanes back, sign and close the chain. */
  async drain(): Promise<void> {
    this.#isStopping = true;
    for (const drive of this.#drives) drive.stop();
    await Promise.all(this.#runs);
    clearInterval(this.#renewals);
    await this.#timed?.close();
    await this.#collecting.stop();
    await this.#appendBus(this.#busRecords.take(Date.now(), true));
    await closeChain(this.#parts.writer, this.#lanes);
  }
}
