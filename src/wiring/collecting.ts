import { setTimeout as sleep } from 'node:timers/promises';
import type { BusClient } from '../bus/bus-client.ts';
import { type BusLetter, returnCodes, type Round, Sweep, type Visited, visit } from '../collect/collect.ts';
import type { Config } from '../config/config.ts';
import type { Directory } from '../directory/directory.ts';
import { Fault, type FaultCode } from '../message/codes.ts';
import type { TopicName } from '../message/delivery.ts';
import { type OwnedLanes, type Queue, ReturnedLetters, SampledBooks } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ALL, type Topology } from '../topology/topology.ts';
import type { BusOpener } from '../vault/bus-opener.ts';
import type { StorageVault } from '../vault/vault.ts';
import { CollectingLetters } from './collecting-letters.ts';
import { TopicSample } from './collecting-samples.ts';
import type { LaneRecord } from './lane-record.ts';
import type { Notices } from './notices.ts';
import type { Parcel } from './parcel.ts';

export type CollectingParts = {
  readonly config: Config;
  readonly directory: Directory;
  readonly topology: Topology;
  readonly queue: Queue;
  readonly vault: StorageVault;
  readonly opener: BusOpener;
  readonly notices: Notices;
  readonly lanes: OwnedLanes<LaneRecord>;
  readonly writer: string;
  readonly bus: BusClient;
  /** The lane of this topic is ours: of several couriers, one collects. */
  readonly isOwner: (topic: TopicName) => boolean;
  /** What it was claimed with, as long as it may settle anything. */
  readonly tokenOf: (topic: TopicName) => number | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
};

/** A batch is opened, sealed and written at once: few, for bodies may be long. */
const LETTERS_A_BATCH = 16;
const LETTER_BATCHES_MAX = 64;
const SAMPLES_A_BATCH = 500;
const SAMPLE_BATCHES_MAX = 200;
/** Faults of the chain and its scripts, which no retry mends. */
const FATAL: ReadonlySet<FaultCode> = new Set<FaultCode>(['GAP', 'SCRIPT_REFUSED', 'STATE_ROLLED_BACK']);

/** What comes back from the bus (docs/decisions/0014): dead letters of every subscription, and what `all` shows of what was sent. */
export class Collecting {
  readonly #parts: CollectingParts;
  readonly #letters: CollectingLetters;
  readonly #sweep: Sweep;
  readonly #books: SampledBooks;
  readonly #samples: ReadonlyMap<string, TopicSample>;
  readonly #stopping = new AbortController();
  #onFault: (error: unknown) => void = () => undefined;
  #sampling: readonly Promise<void>[] = [];
  #isHolding = false;
  /** In this round. */
  #hasHeld = false;

  constructor(parts: CollectingParts) {
    this.#parts = parts;
    const { config, queue, topology, bus, metrics } = parts;
    const letters = new ReturnedLetters(queue.side, queue.keys, {
      spanMs: config.COLLECT_REMEMBER_MS,
      spanMax: config.COLLECT_REMEMBER_MAX,
    });
    this.#letters = new CollectingLetters({ ...parts, letters });
    metrics.collectHolding.set(0);
    for (const { name: lane } of topology.topics)
      for (const code of returnCodes) metrics.busReturned.inc({ lane, code }, 0);
    this.#sweep = new Sweep({
      client: () => bus.sdk,
      queues: () => this.#queues(),
      visitorsMax: config.COLLECT_VISITORS_MAX,
      roundMs: config.COLLECT_ROUND_MS,
      limits: {
        batchMax: LETTERS_A_BATCH,
        batchesMax: LETTER_BATCHES_MAX,
        waitMs: config.COLLECT_WAIT_MS,
        timeoutMs: config.BUS_TIMEOUT_MS,
      },
      keep: (from, messages) => this.#keep(from, messages),
      onRound: (round) => {
        this.#show(round);
      },
    });
    this.#books = new SampledBooks(queue.side, queue.keys);
    this.#samples = new Map(this.#topicSamples());
  }

  /** Of the topics that have an `all`. One that nobody reads is told, too: it fills its topic. */
  #topicSamples(): readonly (readonly [TopicName, TopicSample])[] {
    const parts = { ...this.#parts, books: this.#books };
    const isOn = parts.config.SAMPLE === 'on';
    return parts.topology.topics.flatMap(({ name: topic, subscriptions }) => {
      const all = subscriptions.find(({ name }) => name === ALL)?.settings;
      if (isOn !== (all !== undefined))
        parts.log.event(isOn ? 'sample.no-all' : 'sample.unread', { lane: topic });
      if (!isOn || all === undefined) return [];
      const [keptMs, lockMs] = [all.timeToLiveSeconds * 1000, all.lockSeconds * 1000];
      return [[topic, new TopicSample({ ...parts, topic, keptMs, lockMs })] as const];
    });
  }

  /** `onFault` is called if the chain is broken. */
  start(onFault: (error: unknown) => void): void {
    this.#onFault = onFault;
    this.#sweep.start();
    this.#sampling = Array.from(this.#samples, ([topic, sample]) => this.#watch(topic as TopicName, sample));
    // Redis may be away: a book that stays is read by who samples again, and tells of holes that are none.
    for (const { name } of this.#parts.topology.topics)
      if (!this.#samples.has(name)) this.#books.forget(name).catch(() => undefined);
  }

  /** A lane is done with these. Resolves when it may be settled; undefined: at once. */
  settled(lane: string, parcels: readonly Parcel<unknown>[], nowMs: number): Promise<unknown> | undefined {
    const sample = this.#samples.get(lane);
    return sample?.settled(parcels, this.#parts.tokenOf(lane as TopicName), nowMs);
  }

  /** Before the chain is closed: what was seen is recorded. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#sweep.stop(), ...this.#sampling]);
  }

  /** Every dead-letter queue of the topics whose lanes are ours. */
  #queues(): readonly Visited[] {
    const { topology, isOwner } = this.#parts;
    return topology.topics
      .filter(({ name }) => isOwner(name))
      .flatMap(({ name: topic, subscriptions }) =>
        subscriptions.map(({ name: subscription }) => ({
          topic,
          subscription,
          queue: 'deadLetter' as const,
        })),
      );
  }

  async #keep(from: Visited, messages: readonly BusLetter[]): Promise<'kept' | 'hold'> {
    try {
      const kept = await this.#letters.keep(from, messages);
      if (kept === 'hold') this.#hold('DEAD_FULL');
      return kept;
    } catch (error) {
      this.#mayBeFatal(error);
      this.#hold(error instanceof Fault ? error.code : 'UNKNOWN');
      return 'hold';
    }
  }

  #hold(code: string): void {
    this.#hasHeld = true;
    if (this.#isHolding) return;
    this.#isHolding = true;
    const { log, metrics } = this.#parts;
    metrics.collectHolding.set(1);
    log.event('collect.holding', { code });
  }

  #flow(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    const { log, metrics } = this.#parts;
    metrics.collectHolding.set(0);
    log.event('collect.flowing', {});
  }

  #show({ ms, absent, fault }: Round): void {
    const { metrics } = this.#parts;
    metrics.collectRoundSeconds.set(ms / 1000);
    // A queue that ends each round is one that cannot be read as well.
    metrics.collectAbsent.set(fault === '' ? absent : absent + 1);
    // Batches that need less room may pass while others wait: it flows when a whole round held nothing.
    if (fault === '' && !this.#hasHeld) this.#flow();
    this.#hasHeld = false;
  }

  async #watch(topic: TopicName, sample: TopicSample): Promise<void> {
    const { config, tokenOf } = this.#parts;
    const { signal } = this.#stopping;
    for (;;) {
      await sleep(config.SAMPLE_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      const token = tokenOf(topic);
      if (token !== undefined) await this.#look(topic, sample, token);
    }
    // Where another one has the lane by now, it has the book, and nothing is written.
    await sample.record().catch((error: unknown) => {
      this.#mayBeFatal(error);
    });
  }

  async #look(topic: TopicName, sample: TopicSample, token: number): Promise<void> {
    const { bus, config } = this.#parts;
    const limits = {
      batchMax: SAMPLES_A_BATCH,
      batchesMax: SAMPLE_BATCHES_MAX,
      waitMs: config.COLLECT_WAIT_MS,
      timeoutMs: config.BUS_TIMEOUT_MS,
      signal: this.#stopping.signal,
    };
    try {
      await sample.own(token);
      const all = { topic, subscription: ALL, queue: 'messages' } as const;
      const { emptyAt } = await visit(bus.sdk, all, limits, (messages) => sample.keep(messages));
      if (emptyAt !== undefined) await sample.judge(emptyAt);
    } catch (error) {
      // The bus or Redis is away, or the process ends: the next look has it all.
      sample.interrupted();
      this.#mayBeFatal(error);
    }
  }

  #mayBeFatal(error: unknown): void {
    if (error instanceof Fault && FATAL.has(error.code)) this.#onFault(error);
  }
}
