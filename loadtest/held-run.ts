import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Site } from '../src/simulate/site/site.ts';
import { cpuBetween, cpuSnapshot } from './cpu-time.ts';
import { Forked } from './forked.ts';
import type { HeldOptions } from './held-options.ts';
import type { DrainReport, FillReport, HeldSenderOrder, HeldStationOrder } from './held-parts.ts';
import { type AwayStation, sendingLine, writeHeldDirectory } from './held-site.ts';
import { writeBusConfig } from './installation.ts';
import { readKeys } from './key-files.ts';
import { reconcile, type Reconciled } from './reconcile.ts';
import { RedisLook } from './redis-use.ts';

const WINDOW_MAX = 50_000;
const DRAIN_PART_MAX = 100_000;
/** In the end the deep lane and the small ones take turns, so that all three are measured at the same age of everything. */
const TURNS = 5;
const ORDER_MS_MAX = 2 * 60 * 60 * 1000;
/** The recorder takes the last pages, and Redis frees them: longer where there are more, ms. */
const settleMs = (held: number): number => 200 + Math.min(2_800, held / 20);
/** What one lane is allowed by default, and with how many bytes a message we reckon. */
const LANE_MESSAGES_DEFAULT = 2_000_000;
const LANE_BYTES_A_MESSAGE = 2_048;

type Cpu = ReturnType<typeof cpuBetween>;
type Drained = DrainReport & Reconciled & { readonly cpu: Cpu };
export type HeldResult = Awaited<ReturnType<typeof runHeld>>;

/** A lane that grows deep while its station is away, then drains, beside lanes that stay small. Ends everything it started. */
export const runHeld = async (options: HeldOptions, folder: string) => {
  const site = await Site.start({
    folder: join(folder, 'site'),
    fsync: options.durability === 'fsync' ? 'always' : 'everysec',
    directory: writeHeldDirectory(folder, options.lines),
    busConfig: writeBusConfig(folder),
    settings: laneSettings(options.held),
  });
  const look = new RedisLook(site.redis.port);
  const run = new HeldRun(options, folder, site);
  try {
    if (!options.isRewriting) await look.stopRewriting();
    await run.connect();
    return await run.measure(look);
  } finally {
    run.stop();
    look.close();
    await site.stop();
  }
};

const laneSettings = (held: number): Record<string, string> =>
  held * 2 <= LANE_MESSAGES_DEFAULT
    ? {}
    : {
        TENFOUR_LANE_MESSAGES_MAX: String(held * 2),
        TENFOUR_LANE_BYTES_MAX: String(held * LANE_BYTES_A_MESSAGE),
      };

class HeldRun {
  readonly #options: HeldOptions;
  readonly #folder: string;
  readonly #site: Site;
  readonly #forked: Forked[] = [];
  /** Accepted so far, by station. */
  readonly #counts = new Map<AwayStation, number>();

  constructor(options: HeldOptions, folder: string, site: Site) {
    this.#options = options;
    this.#folder = folder;
    this.#site = site;
  }

  async connect(): Promise<void> {
    this.#forked.push(await Forked.start('held-sender'));
    const { lines, window } = this.#options;
    const ports = Array.from({ length: lines }, (_, at) => this.#site.linePorts.get(sendingLine(at)) ?? 0);
    await this.#ask({ do: 'connect', baseNs: String(process.hrtime.bigint()), ports, window });
  }

  stop(): void {
    for (const each of this.#forked) each.stop();
  }

  async measure(look: RedisLook) {
    const { held } = this.#options;
    const window = Math.min(WINDOW_MAX, Math.floor(held / 5));
    // Programs and connections come up to speed on a lane that nobody looks at again.
    await this.#fill('warm-up', window);
    await sleep(settleMs(held));
    const before = await look.use();
    const growing = await this.#grow(held - window, window);
    await sleep(settleMs(held));
    const full = await look.use();
    const turns = await this.#takeTurns(window);
    const most = await look.use();
    const part = Math.min(DRAIN_PART_MAX, Math.floor(held / 4));
    const smallBefore = await this.#drain('small-before', window);
    const deep = await this.#drain('deep', part);
    const smallAfter = await this.#drain('small-after', window);
    await sleep(settleMs(held));
    const after = await look.use();
    const empty = (turns['small-before'] + turns['small-after']) / 2;
    const drains = { 'small-before': smallBefore, deep, 'small-after': smallAfter };
    const sum = (what: 'lost' | 'duplicates' | 'strays' | 'outOfOrder' | 'unreadable' | 'markedDuplicates') =>
      Object.values(drains).reduce((all, each) => all + each[what], 0);
    return {
      summary: {
        held,
        acceptFirstPerSecond: growing.first.rate,
        acceptLastPerSecond: growing.last.rate,
        acceptDeepPerSecond: turns.deep,
        acceptEmptyPerSecond: Math.round(empty),
        acceptRatio: ratio(turns.deep, empty),
        acceptLastToFirst: ratio(growing.last.rate, growing.first.rate),
        drainFirstPerSecond: Math.round(deep.firstPart),
        drainLastPerSecond: Math.round(deep.lastPart),
        drainSmallBeforePerSecond: Math.round(smallBefore.firstPart),
        drainSmallAfterPerSecond: Math.round(smallAfter.firstPart),
        drainFirstRatio: ratio(deep.firstPart, smallBefore.firstPart),
        drainLastRatio: ratio(deep.lastPart, smallAfter.firstPart),
        memoryBytesPerMessage: Math.round((full.usedMemoryBytes - before.usedMemoryBytes) / (held - window)),
        lost: sum('lost'),
        duplicates: sum('duplicates'),
        outOfOrder: sum('outOfOrder'),
      },
      settings: this.#settings(window, part),
      details: {
        received: deep.received,
        markedDuplicates: sum('markedDuplicates'),
        strays: sum('strays'),
        unreadable: sum('unreadable'),
        acceptByWindow: growing.rates,
        drainByPart: deep.parts,
        drainSeconds: Number(deep.seconds.toFixed(1)),
        firstDeliveryAfterMs: Object.fromEntries(
          Object.entries(drains).map(([name, { firstAfterMs }]) => [name, Math.round(firstAfterMs)]),
        ),
        redis: { before, full, most, after },
        cpu: {
          acceptFirst: growing.first.cpu,
          acceptLast: growing.last.cpu,
          drainSmallBefore: smallBefore.cpu,
          drainDeep: deep.cpu,
          drainSmallAfter: smallAfter.cpu,
        },
      },
    };
  }

  /** Fills the deep lane window by window. */
  async #grow(count: number, window: number) {
    const windows: { rate: number; cpu: Cpu }[] = [];
    for (let left = count; left > 0; left -= window) {
      const from = this.#cpu();
      const accepted = Math.min(window, left);
      const rate = await this.#fill('deep', accepted);
      // A rest smaller than a window is sent but tells no rate.
      if (accepted === window) windows.push({ rate, cpu: cpuBetween(from, this.#cpu(), accepted) });
    }
    const [first, last] = [windows[0], windows.at(-1)];
    if (first === undefined || last === undefined) throw new Error('no whole window: hold more');
    return { first, last, rates: windows.map(({ rate }) => rate) };
  }

  /** One window more for each of the three lanes, in turns. Messages a second by lane. */
  async #takeTurns(window: number) {
    const names = ['deep', 'small-before', 'small-after'] as const;
    const seconds = { deep: 0, 'small-before': 0, 'small-after': 0 };
    for (let turn = 0; turn < TURNS; turn += 1) {
      const count = Math.floor((window * (turn + 1)) / TURNS) - Math.floor((window * turn) / TURNS);
      // Each lane is first, second and third in its turn about as often.
      for (let place = 0; place < names.length; place += 1) {
        const name = names[(turn + place) % names.length] ?? 'deep';
        seconds[name] += count / (await this.#fill(name, count, false));
      }
    }
    const rate = (name: (typeof names)[number]): number => Math.round(window / seconds[name]);
    return { deep: rate('deep'), 'small-before': rate('small-before'), 'small-after': rate('small-after') };
  }

  /** Messages a second. */
  async #fill(to: AwayStation, count: number, isRounded = true): Promise<number> {
    const { accepted, seconds } = await this.#ask<FillReport>({ do: 'fill', to, count });
    this.#counts.set(to, (this.#counts.get(to) ?? 0) + accepted);
    const rate = accepted / seconds;
    return isRounded ? Math.round(rate) : rate;
  }

  /** The station comes, takes everything, and goes; compared with what was accepted for it. */
  async #drain(name: AwayStation, part: number): Promise<Drained> {
    const file = (what: string): string => join(this.#folder, `${name}-${what}`);
    await this.#ask({ do: 'write', to: name, file: file('accepted') });
    const station = await Forked.start('held-station');
    this.#forked.push(station);
    const from = this.#cpu(station.pid);
    const order: HeldStationOrder = {
      do: 'drain',
      port: this.#site.linePorts.get(name) ?? 0,
      count: this.#counts.get(name) ?? 0,
      part,
      plainFile: file('plain'),
      markedFile: file('marked'),
    };
    const report = await station.ask<DrainReport>(order, ORDER_MS_MAX);
    const cpu = cpuBetween(from, this.#cpu(station.pid), report.received);
    station.stop();
    const found = reconcile(
      readKeys([file('accepted')]),
      readKeys([order.plainFile]),
      readKeys([order.markedFile]),
    );
    return { ...report, ...found, cpu };
  }

  #ask<T>(order: HeldSenderOrder): Promise<T> {
    const [sender] = this.#forked;
    if (sender === undefined) throw new Error('no sender');
    return sender.ask<T>(order, ORDER_MS_MAX);
  }

  #cpu(stationPid?: number) {
    const { gateway, courier, recorder, redis } = this.#site;
    return cpuSnapshot({
      ...{ gateway: gateway.pid, courier: courier.pid, recorder: recorder.pid, redis: redis.pid },
      sender: this.#forked[0]?.pid ?? 0,
      ...(stationPid === undefined ? {} : { station: stationPid }),
    });
  }

  #settings(window: number, part: number) {
    const { held, lines, window: unanswered, durability, isRewriting } = this.#options;
    return {
      ...{ held, lines, window: unanswered, durability, aofRewrite: isRewriting },
      frameBytes: 400,
      key: 'AM',
      confirm: 'link',
      acceptWindow: window,
      drainPart: part,
      ...laneSettings(held),
    };
  }
}

const ratio = (one: number, other: number): number => (other === 0 ? 0 : Number((one / other).toFixed(3)));
