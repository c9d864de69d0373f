import type { PriorityClass } from '../message/delivery.ts';
import type { OwnedLane, OwnedLanes, ServerClock } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { LaneDrive } from './lane-drive.ts';
import type { LaneRecord } from './lane-record.ts';
import { LaneReport } from './lane-report.ts';
import type { Notices } from './notices.ts';
import type { ParcelMaker } from './parcel.ts';
import type { StationLink } from './station-link.ts';
import { type StationCargo, StationWay } from './station-way.ts';

export type StationCourierParts = {
  readonly lane: string;
  readonly lanes: OwnedLanes<LaneRecord>;
  readonly parcels: ParcelMaker<StationCargo>;
  readonly notices: Notices;
  readonly clock: ServerClock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly takeMax: number;
  readonly sweepMs: number;
  readonly onFault: (error: unknown) => void;
  /** The station is away and its lane given back. */
  readonly onIdle: () => void;
};

/** Taken of a class and held: what is sent one by one, and the next of it. */
const TAKES_HELD = 2;

/**
 * One station's lane while the station has a session here. The oldest open session is the way out; when it ends the next one is. With the
 * last session the lane is given back, so that the station finds it wherever it comes again.
 */
export class StationCourier {
  readonly #parts: StationCourierParts;
  readonly #report: LaneReport;
  #links: StationLink[] = [];
  #drive: LaneDrive<StationCargo> | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: StationCourierParts) {
    this.#parts = parts;
    this.#report = new LaneReport(parts.lane, parts.log, parts.metrics);
  }

  get lane(): string {
    return this.#parts.lane;
  }

  get owned(): OwnedLane | undefined {
    return this.#drive?.owned;
  }

  opened(link: StationLink): void {
    this.#links.push(link);
    this.#running ??= this.#run();
  }

  closed(link: StationLink): void {
    this.#links = this.#links.filter((one) => one !== link);
    if (this.#links.length === 0) this.#drive?.stop();
  }

  wake(classes?: ReadonlySet<PriorityClass>): void {
    this.#drive?.wake(classes);
  }

  /** The lane is another's: nothing more may leave on this socket. */
  fenced(): void {
    for (const link of this.#links) link.close('FENCED');
  }

  /** Ends once what is out is confirmed, or its time is over. */
  async stop(): Promise<void> {
    this.#links = [];
    this.#drive?.stop();
    await this.#running;
  }

  /** A station that comes back while its lane is being given back is served again after that. */
  async #run(): Promise<void> {
    try {
      while (this.#links.length > 0) {
        this.#drive = this.#newDrive();
        await this.#drive.run();
      }
    } catch (error) {
      this.#parts.onFault(error);
    } finally {
      this.#drive = undefined;
      this.#running = undefined;
      this.#parts.onIdle();
    }
  }

  #newDrive(): LaneDrive<StationCargo> {
    const { lane, lanes, parcels, notices, clock, log, takeMax, sweepMs } = this.#parts;
    // While stopping there are no links any more, but what is out is still waited for on its own.
    const way = new StationWay(lanes, this.#report, () => this.#links.find(({ isOpen }) => isOpen));
    return new LaneDrive<StationCargo>({
      lane,
      lanes,
      parcels,
      way,
      notices,
      clock,
      report: this.#report,
      log,
      takeMax,
      classMax: takeMax * TAKES_HELD,
      sweepMs,
      onFenced: () => {
        this.fenced();
      },
    });
  }
}
