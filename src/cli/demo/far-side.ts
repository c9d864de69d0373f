import { setTimeout as sleep } from 'node:timers/promises';
import { exampleSeats, MdtFleet } from '../../simulate/mdt/mdt-fleet.ts';
import type { Site } from '../../simulate/site/site.ts';
import { startSiteSwitch } from '../../simulate/switch/site-switch.ts';
import type { StateSwitch } from '../../simulate/switch/state-switch.ts';
import { confirmOf } from '../demo-send.ts';
import { Books } from './books.ts';
import { DemoSender } from './sender.ts';
import { DemoStation } from './station.ts';
import {
  floodOf,
  officerSafety,
  type Outgoing,
  type SenderLine,
  senderLines,
  STATE_SYSTEM,
  trafficOf,
} from './traffic.ts';

const MESSAGES_PER_SECOND = 20;
/** How often what the cars got is put into the books. */
const READ_MS = 20;
/** Time for answers on their way, and for a copy too many to show itself. */
const SETTLE_MS = 300;

const stationsOfExample = [
  { line: 'nv-patrol', ori: 'NV0990400', confirm: 'link' },
  { line: 'or-sheriff', ori: 'OR0990500', confirm: 'application' },
  { line: 'az-police', ori: 'AZ0990600', confirm: 'none' },
] as const;
/** The one whose plug is pulled. */
export const UNPLUGGED = 'nv-patrol';

/** Everybody the switch serves in the demo: CAD systems that send, stations, a state's switch and cars that receive, and their books. */
export class FarSide {
  readonly books = new Books();
  readonly #fleet: MdtFleet;
  readonly #senders: ReadonlyMap<SenderLine, DemoSender>;
  readonly #stations: readonly DemoStation[];
  readonly #reading: NodeJS.Timeout;
  readonly #site: Site;
  #stateSwitch: StateSwitch | undefined;
  #floods = 0;
  #bulletins = 0;

  constructor(site: Site) {
    this.#site = site;
    const port = (line: string): number => site.linePorts.get(line) ?? 0;
    const pauseMs = (1000 * senderLines.length) / MESSAGES_PER_SECOND;
    this.#senders = new Map(
      senderLines.map((line) => {
        const way = { line, port: port(line), confirm: confirmOf(line) };
        const options = { ...way, traffic: trafficOf(line), pauseMs };
        return [line, new DemoSender(options, this.books)];
      }),
    );
    this.#stations = stationsOfExample.map(
      (station) => new DemoStation({ ...station, port: port(station.line) }, this.books),
    );
    this.#fleet = new MdtFleet(site.busConnectionString, site.busKeyFile, exampleSeats, undefined);
    this.#reading = setInterval(() => {
      this.#read();
    }, READ_MS);
  }

  async start(): Promise<void> {
    this.#fleet.start();
    this.#stateSwitch = await startSiteSwitch(this.#site, {
      onEvent: (event) => {
        if (event.kind !== 'received' || event.message.isNotice) return;
        this.books.got(event.message.control, STATE_SYSTEM, event.message.isMarked, Date.now());
      },
    });
    for (const station of this.#stations) station.plug();
    for (const sender of this.#senders.values()) sender.start();
  }

  /** The station that `u` unplugs. */
  get station(): DemoStation {
    const found = this.#stations.find(({ line }) => line === UNPLUGGED);
    if (found === undefined) throw new RangeError('the example has no such station');
    return found;
  }

  /** Resolves when no sender waits for an answer. */
  async pause(): Promise<void> {
    await Promise.all([...this.#senders.values()].map((sender) => sender.pause()));
  }

  resume(): void {
    for (const sender of this.#senders.values()) sender.resume();
  }

  /** Waits until no promised copy is missing; false when some still are after `msMax`. */
  async arrived(msMax: number): Promise<boolean> {
    const deadline = performance.now() + msMax;
    while (this.books.account.missing > 0 && performance.now() < deadline) await sleep(READ_MS);
    await sleep(SETTLE_MS);
    return this.books.account.missing === 0;
  }

  /** So many messages at once on one line. */
  async flood(messages: number): Promise<readonly Outgoing[]> {
    this.#floods += 1;
    const flood = floodOf(this.#floods, messages);
    await this.#dispatch.burst(flood);
    return flood;
  }

  async officerSafety(): Promise<Outgoing> {
    this.#bulletins += 1;
    const bulletin = officerSafety(this.#bulletins);
    await this.#dispatch.burst([bulletin]);
    return bulletin;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#senders.values()].map((sender) => sender.stop()));
    await Promise.all(this.#stations.map((station) => station.unplug()));
    await this.#stateSwitch?.stop();
    await this.#fleet.stop();
    clearInterval(this.#reading);
    this.#read();
  }

  get #dispatch(): DemoSender {
    const sender = this.#senders.get('ca-dispatch');
    if (sender === undefined) throw new RangeError('the example has no such line');
    return sender;
  }

  #read(): void {
    for (const { id, isMarked, receivedAt } of this.#fleet.got.splice(0)) {
      const [control = '', place = ''] = id.split('/');
      this.books.got(control, place, isMarked, performance.timeOrigin + receivedAt);
    }
  }
}
