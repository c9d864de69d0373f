import type { Config } from '../config/config.ts';
import { documentReceipt, mayBeReceipt, readReceipt, type Receipt } from '../deliver/receipt.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import type { FrameEvent } from '../frame/frame.ts';
import { type PriorityClass, stationLane } from '../message/delivery.ts';
import { parse } from '../parse/parse.ts';
import { BodyStore, Doorbell, type OwnedLanes, type Queue, ServerClock } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { StorageVault } from '../vault/vault.ts';
import type { Conversation } from './conversation.ts';
import { closeChain, type LaneRecord, openLanes, signHeadIfDue } from './lane-record.ts';
import { Notices } from './notices.ts';
import { ParcelMaker } from './parcel.ts';
import { StationCourier } from './station-courier.ts';
import { StationLink } from './station-link.ts';
import { loadForStation, type StationCargo } from './station-way.ts';
import type { Writer } from './writer.ts';

export type StationsParts = {
  readonly config: Config;
  readonly directory: Directory;
  readonly dialects: ReadonlyMap<string, Dialect>;
  readonly queue: Queue;
  readonly vault: StorageVault;
  readonly writer: Writer;
  readonly log: Log;
  readonly metrics: Metrics;
};

const BELL_MS = 1000;
/** How many times as much is held for a station on a line without confirmation. */
const TAKES_UNCONFIRMED = 8;

/**
 * From Redis to the stations' own lines, for the stations that have a session on this gateway: one lane each, owned while the station is
 * there, in a chain of this gateway's own beside that of its accepting. A station that is away leaves its lane to whoever it comes to.
 */
export class Stations {
  readonly #parts: StationsParts;
  readonly #lanes: OwnedLanes<LaneRecord>;
  readonly #clock: ServerClock;
  readonly #notices: Notices;
  readonly #parcels: ParcelMaker<StationCargo>;
  readonly #couriers = new Map<string, StationCourier>();
  readonly #links = new Map<Conversation, StationLink>();
  #onFault: (error: unknown) => void = () => undefined;
  #renewals: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(parts: StationsParts) {
    this.#parts = parts;
    const { config, queue, writer, vault, directory, dialects, log } = parts;
    this.#clock = new ServerClock((jumpMs) => {
      log.event('clock.jumped', { jumpMs });
    });
    this.#lanes = openLanes(config, queue, writer, this.#clock);
    const { gatewayOri, version: directoryVersion } = directory;
    this.#notices = new Notices({
      writer: writer.name.writer,
      vault,
      gatewayOri,
      dialects,
      directoryVersion,
    });
    const bodies = new BodyStore(queue.side, queue.keys);
    this.#parcels = new ParcelMaker(vault, bodies, loadForStation(dialects));
  }

  /** Opens the chain. `onFault` is called if a lane ends by a fault no retry mends. */
  async start(onFault: (error: unknown) => void): Promise<void> {
    this.#onFault = onFault;
    await this.#lanes.append([{ record: this.#parts.writer.opening }]);
    this.#renewals = setInterval(() => {
      // Redis may be away: the next turn of each lane finds out, and the lease runs meanwhile.
      this.#renew().catch(() => undefined);
      signHeadIfDue(this.#parts.writer, this.#lanes).catch(onFault);
    }, this.#parts.config.LEASE_MS / 3);
    void this.#listenToBell();
  }

  /** A session of a line has begun: its station can be delivered to. */
  opened(conversation: Conversation): void {
    if (this.#isStopping) return;
    const link = new StationLink(conversation);
    this.#links.set(conversation, link);
    const { station } = conversation.line;
    let courier = this.#couriers.get(station);
    if (courier === undefined) {
      courier = this.#courier(station);
      this.#couriers.set(station, courier);
      this.#parts.metrics.stations.set(this.#couriers.size);
    }
    courier.opened(link);
  }

  closed(conversation: Conversation): void {
    const link = this.#links.get(conversation);
    if (link === undefined) return;
    this.#links.delete(conversation);
    link.ended();
    this.#couriers.get(conversation.line.station)?.closed(link);
  }

  /** A refusal message was written on a session. */
  answered(conversation: Conversation): void {
    this.#links.get(conversation)?.answered();
  }

  /** True when an event on a session is a station's word about what it was sent: it is then no message. */
  takes(conversation: Conversation, event: FrameEvent): boolean {
    const link = this.#links.get(conversation);
    if (event.kind === 'control') {
      if (event.byte !== 'ENQ') link?.control(event.byte);
      return true;
    }
    const { line, dialect } = conversation;
    if (event.kind !== 'frame' || line.confirm !== 'application' || link === undefined) return false;
    const receipt = receiptIn(event.bytes, dialect, this.#parts.directory.gatewayOri);
    return receipt !== undefined && link.receipt(receipt.kind, receipt.sentCount);
  }

  #courier(station: string): StationCourier {
    const { config, log, metrics } = this.#parts;
    return new StationCourier({
      lane: stationLane(station),
      lanes: this.#lanes,
      parcels: this.#parcels,
      notices: this.#notices,
      clock: this.#clock,
      log,
      metrics,
      takeMax: config.STATION_TAKE_MAX * (this.#isUnconfirmed(station) ? TAKES_UNCONFIRMED : 1),
      sweepMs: config.SWEEP_MS,
      onFault: (error) => {
        this.#onFault(error);
      },
      onIdle: () => {
        this.#couriers.delete(station);
        metrics.stations.set(this.#couriers.size);
      },
    });
  }

  /** Without confirmation everything of the last seconds is in hand. */
  #isUnconfirmed(station: string): boolean {
    const { directory } = this.#parts;
    const lines = directory.stations.get(station)?.lines ?? [];
    return lines.some((line) => directory.lines.get(line)?.confirm === 'none');
  }

  async #renew(): Promise<void> {
    const couriers = [...this.#couriers.values()];
    const owned = couriers.flatMap((courier) => (courier.owned === undefined ? [] : [courier.owned]));
    if (owned.length === 0) return;
    const lost = new Set(await this.#lanes.renew(owned));
    // Whoever has the lane now may be sending: this socket must end at once (design 5.5). A lane that we gave back and claimed again
    // while the call was out is not the one that was lost.
    for (const courier of couriers)
      if (courier.owned !== undefined && lost.has(courier.owned)) courier.fenced();
  }

  async #listenToBell(): Promise<void> {
    const { queue } = this.#parts;
    const bell = new Doorbell(queue.blocking(), queue.keys, 'gateway');
    let sweptAt = 0;
    while (!this.#isStopping) {
      try {
        for (const [lane, classes] of await bell.wait(BELL_MS)) this.#wake(lane, classes);
        // A ring that was missed costs a second: lanes with something waiting are looked through.
        if (performance.now() - sweptAt < BELL_MS || this.#couriers.size === 0) continue;
        sweptAt = performance.now();
        for (const lane of await queue.side.smembers(queue.keys.ready)) this.#wake(lane);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, BELL_MS));
      }
    }
  }

  #wake(lane: string, classes?: ReadonlySet<PriorityClass>): void {
    this.#couriers.get(lane.slice(stationLane('').length))?.wake(classes);
  }

  /** Sends nothing new and waits for what is out. To be called while sessions are still read: confirmations come on them. */
  async stopSending(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#couriers.values()].map((courier) => courier.stop()));
    clearInterval(this.#renewals);
  }

  /** Signs and closes the chain. */
  async close(): Promise<void> {
    await closeChain(this.#parts.writer, this.#lanes);
  }
}

const receiptIn = (bytes: Buffer, dialect: Dialect, gatewayOri: string): Receipt | undefined => {
  if (dialect.header.form !== 'xml') return readReceipt(bytes, dialect, gatewayOri);
  if (!mayBeReceipt(bytes, dialect)) return undefined;
  const read = parse({ kind: 'frame', bytes }, dialect);
  return read.ok ? documentReceipt(read.value, dialect, gatewayOri) : undefined;
};
