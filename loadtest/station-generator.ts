import { setTimeout as sleep } from 'node:timers/promises';
import { type Backlog, followDrainer } from './backlog.ts';
import { RunClock } from './identity.ts';
import { writeKeys } from './key-files.ts';
import { Latency } from './latency.ts';
import {
  endWithParent,
  type StationsReceived,
  type GeneratorReport,
  type StationsOrder,
  tell,
} from './parts.ts';
import { senderPicks } from './sender-picks.ts';
import { StationClient } from './station-client.ts';
import { StationMix } from './station-mix.ts';
import { type Agency, stationProfile } from './station-profile.ts';
import { StationTally } from './station-tally.ts';

type OrderTo<D extends StationsOrder['do']> = Extract<StationsOrder, { do: D }>;

const ANSWERS_MS_MAX = 10_000;
const REPORT_MS = 4;
/** Connections being opened at once: below the backlog of no line, but kind to the gateway's one thread. */
const OPENING_MAX = 100;
const BUSY_TURN = 64;
/** Connections stay open so long before the run begins. */
const STEADY_MS = 500;

/**
 * Some of the stations of a load run, in one process: every one holds its connection, sends when it is its turn, and confirms what it is
 * sent. All generators walk the same table of senders and each sends for its own stations.
 */
class StationGenerator {
  readonly #order: OrderTo<'connect'>;
  readonly #clock: RunClock;
  readonly #tally = new StationTally();
  readonly #lateness = new Latency();
  readonly #picks: Uint16Array;
  readonly #backlog: Backlog;
  readonly #clients = new Map<number, StationClient>();
  #onHeard: () => void = () => undefined;
  #next = 0;
  #isOpening = true;
  #turnedAway = 0;

  private constructor(order: OrderTo<'connect'>, backlog: Backlog) {
    this.#order = order;
    this.#backlog = backlog;
    this.#clock = new RunClock(BigInt(order.baseNs));
    this.#picks = senderPicks(order.stations);
  }

  static async connect(order: OrderTo<'connect'>): Promise<StationGenerator> {
    const generator = new StationGenerator(order, await followDrainer(order.drainedPort));
    await generator.#open();
    return generator;
  }

  async #open(): Promise<void> {
    const { stations, byStationPercent, ports, generators, generator } = this.#order;
    const profile = stationProfile(stations, byStationPercent);
    const mix = new StationMix(profile);
    const left = profile.agencies.filter(({ at }) => at < stations && at % generators === generator);
    const openOne = async (agency: Agency): Promise<void> => {
      const port = ports[agency.at] ?? 0;
      const parts = { agency, port, profile, mix, clock: this.#clock, tally: this.#tally };
      const client = await StationClient.open(
        parts,
        () => {
          this.#onHeard();
        },
        () => {
          if (!this.#isOpening) throw new Error('the gateway closed a line');
          left.push(agency);
        },
      );
      this.#clients.set(agency.at, client);
    };
    const openNext = async (): Promise<void> => {
      for (let agency = left.pop(); agency !== undefined; agency = left.pop()) await openOne(agency);
    };
    // A gateway that all stations come to at once turns some away; they come again, as stations do.
    while (left.length > 0) {
      this.#turnedAway += this.#clients.size === 0 ? 0 : left.length;
      await Promise.all(Array.from({ length: OPENING_MAX }, openNext));
      await sleep(STEADY_MS);
    }
    this.#isOpening = false;
    let told = -1;
    setInterval(() => {
      const { expected, withdrawn, received } = this.#tally;
      const waiting = expected.length - withdrawn.length;
      if (waiting + received === told) return;
      told = waiting + received;
      this.#backlog.tell(waiting, received);
    }, REPORT_MS);
  }

  async run(order: OrderTo<'run'>): Promise<void> {
    const tally = this.#tally;
    const { startUs, endUs, rate, window, lag, expectedFile } = order;
    Object.assign(tally, { startUs, endUs });
    if (rate > 0) await this.#sendByClock(order);
    else await this.#sendByAnswers(window, lag, endUs);
    const deadline = performance.now() + ANSWERS_MS_MAX;
    while (this.#unanswered() > 0 && performance.now() < deadline) await sleep(2);
    // A refusal text may follow the last ACK in a packet of its own.
    await sleep(50);
    const expected = tally.finallyExpected();
    writeKeys(expectedFile, expected);
    const { accepted, refused, acceptedInTime, refusedInTime, surprises } = tally;
    tell({
      ...{ accepted, refused, acceptedInTime, refusedInTime, surprises },
      unanswered: this.#unanswered(),
      expectedDeliveries: expected.length,
      acks: tally.acks.encoded(),
      lateness: this.#lateness.encoded(),
    } satisfies GeneratorReport);
  }

  #unanswered(): number {
    return [...this.#clients.values()].reduce((sum, { unanswered }) => sum + unanswered, 0);
  }

  /** Message k is meant to leave at first + k / rate, whoever's it is; the first is the same µs in every generator. */
  async #sendByClock({ rate, firstUs, startUs, endUs }: OrderTo<'run'>): Promise<void> {
    const dueUs = (k: number): number => firstUs + (k * 1_000_000) / rate;
    for (let k = 0; dueUs(k) < endUs; ) {
      await sleep(Math.max(0, Math.floor((dueUs(k) - this.#clock.nowUs()) / 1000)));
      const nowUs = this.#clock.nowUs();
      for (let sent = 0; dueUs(k) <= nowUs && dueUs(k) < endUs && sent < BUSY_TURN; k += 1) {
        const client = this.#clients.get(this.#picks[k % this.#picks.length] ?? 0);
        if (client === undefined) continue;
        client.send(k, dueUs(k));
        sent += 1;
        if (dueUs(k) >= startUs) this.#lateness.record(nowUs - dueUs(k));
      }
    }
  }

  /** Keeps `window` messages un-acked, whoever's they are, while not too many deliveries are under way. */
  async #sendByAnswers(window: number, lag: number, endUs: number): Promise<void> {
    const tally = this.#tally;
    let unanswered = 0;
    let answered = 0;
    const refill = (): void => {
      unanswered -= tally.accepted + tally.refused - answered;
      answered = tally.accepted + tally.refused;
      const waiting = tally.expected.length - tally.withdrawn.length - tally.received;
      if (this.#clock.nowUs() >= endUs || waiting - this.#backlog.covered > lag) return;
      for (; unanswered < window; unanswered += 1) this.#sendNext();
    };
    this.#onHeard = refill;
    this.#backlog.onReport = refill;
    refill();
    await sleep(Math.max(0, (endUs - this.#clock.nowUs()) / 1000));
    this.#onHeard = () => undefined;
    this.#backlog.onReport = () => undefined;
  }

  #sendNext(): void {
    let client: StationClient | undefined;
    while (client === undefined) {
      client = this.#clients.get(this.#picks[this.#next % this.#picks.length] ?? 0);
      this.#next += 1;
    }
    client.send(this.#next - 1, this.#clock.nowUs());
  }

  /** Everything has come, or is not waited for any longer. */
  finish({ plainFile, markedFile }: OrderTo<'finish'>): void {
    const tally = this.#tally;
    writeKeys(plainFile, tally.plain.sorted());
    writeKeys(markedFile, tally.marked.sorted());
    const { received, deliveredInTime, unreadable, notices } = tally;
    tell({
      ...{ received, deliveredInTime, unreadable, notices, turnedAway: this.#turnedAway },
      endToEnd: tally.endToEnd.encoded(),
    } satisfies StationsReceived);
    for (const client of this.#clients.values()) client.end();
  }
}

let generator: StationGenerator | undefined;
endWithParent();
process.on('message', (order: StationsOrder) => {
  switch (order.do) {
    case 'connect':
      void StationGenerator.connect(order).then((connected) => {
        generator = connected;
        tell({ connected: true });
      });
      return;
    case 'run':
      void generator?.run(order);
      return;
    case 'finish':
      generator?.finish(order);
  }
});
tell({ ready: true });
