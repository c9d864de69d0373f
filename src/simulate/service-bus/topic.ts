import type { BusLog } from './bus-log.ts';
import { DuplicateHistory } from './duplicate-history.ts';
import type { QueueConfig, SubscriptionConfig, TopicConfig } from './emulator-config.ts';
import { Queue, type QueueOptions } from './queue.ts';
import type { RoomLimits } from './room.ts';
import { copiesFor, MessageProperties, type Rule, ruleFrom, trueRule } from './rule.ts';
import { Schedule, type Scheduled } from './schedule.ts';
import { quotaExceeded, type Refusal, sessionNeeded } from './settlement.ts';
import { heldBytes, type StoredMessage } from './stored-message.ts';
import { readMessage, sessionIdOf, type WireMessage } from './wire-message.ts';

export type Subscription = {
  readonly name: string;
  readonly queue: Queue;
  readonly rules: Map<string, Rule>;
};

/** A published transfer is taken whole or refused whole. Each message has its number; a swallowed one's names nothing. */
export type Publication =
  | { readonly ok: true; readonly sequences: readonly number[] }
  | { readonly ok: false; readonly refusal: Refusal };

type Placed = { readonly message: StoredMessage; readonly queues: readonly Queue[] };
type Reserved = { readonly queue: Queue; readonly message: StoredMessage };
type Arrival = Pick<WireMessage, 'ttlMs' | 'messageId' | 'annotations' | 'annotationCount' | 'bare'>;

/** Times past it, some thousand years from now, are never: the log keeps 48 bits. */
const latestMs = 2 ** 47;
/** Scheduled messages enqueued in one sweep, so that a great many due at once do not hold up everything else. */
const dueMax = 1_000;

/**
 * A topic or, with one queue and no rules, a queue as its senders see it: numbers messages, swallows repeated ids,
 * keeps what is scheduled, fans out to the subscriptions whose rules match.
 */
export class Topic {
  readonly path: string;
  readonly subscriptions = new Map<string, Subscription>();
  /** The one queue of a queue; undefined for a topic. */
  readonly queue: Queue | undefined;
  readonly schedule = new Schedule();
  readonly duplicates: DuplicateHistory | undefined;
  lastSequence = 0;
  accepted = 0;
  swallowed = 0;
  readonly #ttlMs: number;
  readonly #limits: RoomLimits;
  readonly #log: BusLog;

  constructor(config: TopicConfig | QueueConfig, limits: RoomLimits, log: BusLog) {
    this.path = config.Name;
    this.#limits = limits;
    this.#log = log;
    this.#ttlMs = config.Properties.DefaultMessageTimeToLive ?? Infinity;
    const { RequiresDuplicateDetection, DuplicateDetectionHistoryTimeWindow } = config.Properties;
    if (RequiresDuplicateDetection)
      this.duplicates = new DuplicateHistory(DuplicateDetectionHistoryTimeWindow);
    if ('Subscriptions' in config) for (const one of config.Subscriptions) this.#addSubscription(one);
    else this.queue = new Queue(this.path, queueOptions(config.Properties, limits), log);
  }

  /** Takes the messages of one transfer; `answer` runs when they are in the log, before anyone receives them. */
  publish(transferred: readonly Buffer[], answer: (publication: Publication) => void): void {
    const nowMs = Date.now();
    const wires = transferred.map(readMessage);
    if (this.queue?.sessions !== undefined && wires.some(({ bare }) => sessionIdOf(bare) === undefined)) {
      answer({ ok: false, refusal: sessionNeeded });
      return;
    }
    const repeats = this.#repeatsIn(wires, nowMs);
    const [placed, scheduled, sequences]: [Placed[], Scheduled[], number[]] = [[], [], []];
    const taken: Reserved[] = [];
    let last = this.lastSequence;
    let full: string | undefined;
    for (const wire of wires) {
      sequences.push(last + 1);
      if (repeats.has(wire)) last++;
      else if (wire.scheduledAtMs > nowMs) scheduled.push(postponed(wire, nowMs, ++last));
      else {
        // Room for one before the copies of the next are made: a batch and its rules could make far more than there is room for.
        const copies: Placed[] = [];
        last = this.#place(wire, nowMs, last, copies);
        full = reserve(copies, taken);
        if (full !== undefined) break;
        placed.push(...copies);
      }
    }
    full ??= this.#addScheduled(scheduled);
    if (full !== undefined) {
      giveBack(taken);
      answer({ ok: false, refusal: quotaExceeded(full) });
      return;
    }
    this.lastSequence = last;
    this.accepted += wires.length - repeats.size;
    this.swallowed += repeats.size;
    for (const { message } of scheduled) this.duplicates?.add(message.messageId, nowMs);
    for (const one of scheduled) this.#log.scheduled(this, one);
    for (const { message, queues } of placed) {
      this.duplicates?.add(message.messageId, nowMs);
      this.#log.stored(this, message, queues);
    }
    this.#log.whenWritten(() => {
      release(placed);
      answer({ ok: true, sequences });
    });
  }

  /** Takes scheduled messages back: all, or none and false when one of them is not scheduled. */
  cancel(sequences: readonly number[]): boolean {
    if (!sequences.every((sequence) => this.schedule.has(sequence))) return false;
    for (const sequence of sequences) this.#unschedule(sequence);
    return true;
  }

  /** Enqueues scheduled messages whose time has come, as if they were sent now, and forgets old message ids. */
  sweep(nowMs: number): void {
    this.duplicates?.forgetExpired(nowMs);
    const placed: Placed[] = [];
    for (let count = 0; count < dueMax; count++) {
      const due = this.schedule.firstDue(nowMs);
      if (due === undefined) break;
      const copies: Placed[] = [];
      const last = this.#place({ ...due.message, ttlMs: due.ttlMs }, nowMs, this.lastSequence, copies);
      // Where there is no room it stays scheduled and is tried again.
      const taken: Reserved[] = [];
      if (reserve(copies, taken) !== undefined) {
        giveBack(taken);
        break;
      }
      this.lastSequence = last;
      for (const { message, queues } of copies) this.#log.stored(this, message, queues);
      this.#unschedule(due.message.sequence);
      placed.push(...copies);
    }
    if (placed.length > 0) {
      this.#log.whenWritten(() => {
        release(placed);
      });
    }
  }

  #unschedule(sequence: number): void {
    this.schedule.remove(sequence);
    this.#log.unscheduled(this, sequence);
  }

  /** Messages to drop, as the service does, without a word: ids seen inside the window or earlier in the batch. */
  #repeatsIn(wires: readonly WireMessage[], nowMs: number): ReadonlySet<WireMessage> {
    const { duplicates } = this;
    if (duplicates === undefined) return noRepeats;
    const inBatch = new Set<string>();
    return new Set(
      wires.filter(({ messageId }) => {
        if (duplicates.has(messageId, nowMs) || inBatch.has(messageId)) return true;
        inBatch.add(messageId);
        return false;
      }),
    );
  }

  /**
   * Adds the copies of one message: itself, one for all who take it as it is, and one more for each rule that changes
   * it. Numbers them from `last` on and returns the last given.
   */
  #place(arrival: Arrival, nowMs: number, last: number, placed: Placed[]): number {
    const { ttlMs, messageId, annotations, annotationCount, bare } = arrival;
    const expiresAtMs = nowMs + Math.min(this.#ttlMs, ttlMs === 0 ? Infinity : ttlMs);
    let sequence = last + 1;
    const message: StoredMessage = {
      sequence,
      enqueuedAtMs: nowMs,
      expiresAtMs: expiresAtMs < latestMs ? expiresAtMs : 0,
      messageId,
      annotations,
      annotationCount,
      bare,
      deadLetterSource: '',
    };
    const queues: Queue[] = [];
    placed.push({ message, queues });
    if (this.queue !== undefined) {
      queues.push(this.queue);
      return sequence;
    }
    const properties = new MessageProperties(bare, nowMs);
    for (const { queue, rules } of this.subscriptions.values()) {
      const { isTaken, changed } = copiesFor(rules.values(), properties);
      if (isTaken) queues.push(queue);
      for (const copy of changed) {
        placed.push({ message: { ...message, sequence: ++sequence, bare: copy }, queues: [queue] });
      }
    }
    return sequence;
  }

  /** Keeps them all, or none and gives the path of the entity that has no room. */
  #addScheduled(scheduled: readonly Scheduled[]): string | undefined {
    const { messagesMax, bytesMax } = this.#limits;
    const scheduledBytes = scheduled.reduce((sum, { message }) => sum + heldBytes(message), 0);
    if (this.schedule.length + scheduled.length > messagesMax) return this.path;
    if (this.schedule.bytes + scheduledBytes > bytesMax) return this.path;
    for (const one of scheduled) this.schedule.add(one);
    return undefined;
  }

  #addSubscription(config: SubscriptionConfig): void {
    const path = `${this.path}/Subscriptions/${config.Name}`;
    const queue = new Queue(path, queueOptions(config.Properties, this.#limits), this.#log);
    const rules = config.Rules.length === 0 ? [trueRule] : config.Rules.map(ruleFrom);
    const named = new Map(rules.map((rule) => [rule.name, rule]));
    this.subscriptions.set(config.Name.toLowerCase(), { name: config.Name, queue, rules: named });
  }
}

const noRepeats: ReadonlySet<WireMessage> = new Set();

function queueOptions(properties: SubscriptionConfig['Properties'], limits: RoomLimits): QueueOptions {
  return {
    lockMs: properties.LockDuration,
    maxDeliveryCount: properties.MaxDeliveryCount,
    deadLettersExpired: properties.DeadLetteringOnMessageExpiration,
    ttlMs: properties.DefaultMessageTimeToLive ?? Infinity,
    requiresSession: properties.RequiresSession,
    ...limits,
  };
}

function postponed(wire: WireMessage, nowMs: number, sequence: number): Scheduled {
  const { ttlMs, scheduledAtMs, messageId, annotations, annotationCount, bare } = wire;
  const head = { sequence, enqueuedAtMs: nowMs, expiresAtMs: 0, deadLetterSource: '' };
  return {
    message: { ...head, messageId, annotations, annotationCount, bare },
    dueAtMs: Math.min(latestMs, scheduledAtMs),
    ttlMs: Math.min(latestMs, ttlMs),
  };
}

/** Takes room for each and notes it in `taken`; gives the path of the first entity without it. */
function reserve(placed: readonly Placed[], taken: Reserved[]): string | undefined {
  for (const { message, queues } of placed) {
    for (const queue of queues) {
      if (!queue.reserve(message)) return queue.path;
      taken.push({ queue, message });
    }
  }
  return undefined;
}

function giveBack(taken: readonly Reserved[]): void {
  for (const { queue, message } of taken) queue.release(message);
}

function release(placed: readonly Placed[]): void {
  const touched = new Set<Queue>();
  for (const { message, queues } of placed) {
    for (const queue of queues) {
      queue.add({ message, deliveryCount: 0 });
      touched.add(queue);
    }
  }
  for (const queue of touched) queue.pump();
}
