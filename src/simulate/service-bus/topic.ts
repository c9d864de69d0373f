import type { BusLog } from './bus-log.ts';
import { DuplicateHistory } from './duplicate-history.ts';
import {
  canSend,
  lifeMs,
  type QueueSettings,
  type SubscriptionSettings,
  type TopicSettings,
} from './entity-settings.ts';
import { neverMs } from './duration.ts';
import { EntityTimes } from './entity-times.ts';
import { Links } from './links.ts';
import { type Placed, Placement, release } from './placement.ts';
import { Queue } from './queue.ts';
import { queueOptions } from './queue-options.ts';
import type { RoomLimits } from './room.ts';
import type { Rule } from './rule.ts';
import { Schedule, type Scheduled } from './schedule.ts';
import {
  entityDisabled,
  entityNotFound,
  messageTooLarge,
  quotaExceeded,
  type Refusal,
  sessionNeeded,
} from './settlement.ts';
import { heldBytes, type StoredMessage } from './stored-message.ts';
import { Subscription } from './subscription.ts';
import { readMessage, sessionIdOf, type WireMessage } from './wire-message.ts';

/** What is sent to: a topic, or a queue's sending side, with its settings. */
export type TopicDefinition =
  | { readonly kind: 'topic'; readonly settings: TopicSettings }
  | { readonly kind: 'queue'; readonly settings: QueueSettings };

/** A published transfer is taken whole or refused whole. Each message has its number; a swallowed one's names nothing. */
export type Publication =
  | { readonly ok: true; readonly sequences: readonly number[] }
  | { readonly ok: false; readonly refusal: Refusal };

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
  /** By name in lower case. */
  readonly subscriptions = new Map<string, Subscription>();
  /** The one queue of a queue; undefined for a topic. */
  readonly queue: Queue | undefined;
  readonly schedule = new Schedule();
  readonly duplicates: DuplicateHistory | undefined;
  /** Links that send to it. */
  readonly publishers = new Links();
  readonly times = new EntityTimes();
  lastSequence = 0;
  accepted = 0;
  swallowed = 0;
  #isGone = false;
  #definition: TopicDefinition;
  readonly #limits: RoomLimits;
  readonly #log: BusLog;

  /** `limits` are the most any entity may have; its own settings may narrow them. */
  constructor(path: string, definition: TopicDefinition, limits: RoomLimits, log: BusLog) {
    this.path = path;
    this.#definition = definition;
    this.#limits = limits;
    this.#log = log;
    const { settings } = definition;
    if (settings.RequiresDuplicateDetection)
      this.duplicates = new DuplicateHistory(settings.DuplicateDetectionHistoryTimeWindow);
    if (definition.kind === 'queue')
      this.queue = new Queue(path, queueOptions(definition.settings, this.#room()), log);
  }

  get definition(): TopicDefinition {
    return this.#definition;
  }

  /** False while its status lets nobody send. */
  get isSendable(): boolean {
    return canSend(this.#definition.settings.Status);
  }

  /** Bytes of one transfer it takes; Infinity where it sets no limit of its own. */
  get messageBytesMax(): number {
    return (this.#definition.settings.MaxMessageSizeInKilobytes ?? Infinity) * 1_024;
  }

  /** New settings at run time; a definition of the other kind changes nothing. */
  configure(definition: TopicDefinition): void {
    if (definition.kind !== this.#definition.kind) return;
    this.#definition = definition;
    const { settings } = definition;
    if (this.duplicates !== undefined)
      this.duplicates.windowMs = settings.DuplicateDetectionHistoryTimeWindow;
    if (definition.kind === 'queue') this.queue?.configure(queueOptions(definition.settings, this.#room()));
    for (const subscription of this.subscriptions.values())
      subscription.configure(subscription.settings, this.#room());
    if (!this.isSendable) this.publishers.detach(entityDisabled(this.path));
  }

  /** Adds a subscription; none of this name may be there. */
  addSubscription(name: string, settings: SubscriptionSettings, rules: Iterable<Rule>): Subscription {
    const path = `${this.path}/Subscriptions/${name}`;
    const subscription = new Subscription(path, name, settings, rules, this.#room(), this.#log);
    this.subscriptions.set(name.toLowerCase(), subscription);
    return subscription;
  }

  /** New settings of one of its subscriptions. */
  configureSubscription(subscription: Subscription, settings: SubscriptionSettings): void {
    subscription.configure(settings, this.#room());
  }

  /** The entity is deleted: links are told so, what it held is forgotten. */
  drop(): void {
    this.#isGone = true;
    this.publishers.detach(entityNotFound(this.path));
    this.schedule.clear();
    this.queue?.drop(entityNotFound(this.path));
    for (const subscription of this.subscriptions.values()) subscription.drop();
    this.subscriptions.clear();
  }

  /** Whether nobody used it for as long as its settings allow: sent, received, scheduled, or used a subscription. */
  isIdle(nowMs: number): boolean {
    const { AutoDeleteOnIdle } = this.#definition.settings;
    const links = [this.publishers, this.queue?.links, this.queue?.deadLetters?.links];
    const isUsed = links.some((some) => some !== undefined && some.size > 0) || this.schedule.length > 0;
    if (isUsed) this.times.touch(nowMs);
    if (AutoDeleteOnIdle >= neverMs) return false;
    const used = [this, ...this.subscriptions.values()].map(({ times }) => times.accessedAtMs);
    return used.every((atMs) => nowMs - atMs >= AutoDeleteOnIdle);
  }

  /** Takes the messages of one transfer; `answer` runs when they are in the log, before anyone receives them. */
  publish(transferred: readonly Buffer[], answer: (publication: Publication) => void): void {
    const nowMs = Date.now();
    this.times.touch(nowMs);
    const bytes = transferred.reduce((sum, { length }) => sum + length, 0);
    let refusal = this.#refusalOf(bytes);
    const wires = refusal === undefined ? transferred.map(readMessage) : [];
    if (this.queue?.sessions !== undefined && wires.some(({ bare }) => sessionIdOf(bare) === undefined))
      refusal = sessionNeeded;
    if (refusal !== undefined) {
      answer({ ok: false, refusal });
      return;
    }
    const repeats = this.#repeatsIn(wires, nowMs);
    const [scheduled, sequences]: [Scheduled[], number[]] = [[], []];
    const placement = new Placement(this, this.lastSequence, this.#limits.memory);
    let full: string | undefined;
    for (const wire of wires) {
      sequences.push(placement.last + 1);
      if (repeats.has(wire)) placement.last++;
      else if (wire.scheduledAtMs > nowMs) scheduled.push(postponed(wire, nowMs, ++placement.last));
      else full = placement.place(this.#messageOf(wire, nowMs));
      if (full !== undefined) break;
    }
    full ??= this.#addScheduled(scheduled);
    if (full !== undefined) {
      placement.giveBack();
      answer({ ok: false, refusal: quotaExceeded(full) });
      return;
    }
    this.lastSequence = placement.last;
    this.accepted += wires.length - repeats.size;
    this.swallowed += repeats.size;
    if (repeats.size > 0) this.#log.numbered(this, this.lastSequence);
    for (const { message } of scheduled) this.duplicates?.add(message.messageId, nowMs);
    for (const one of scheduled) this.#log.scheduled(this, one);
    for (const { message, queues } of placement.placed) {
      this.duplicates?.add(message.messageId, nowMs);
      this.#log.stored(this, message, queues);
    }
    this.#log.whenWritten(() => {
      release(placement.placed);
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
      // Where there is no room it stays scheduled and is tried again. The process holds it already.
      const placement = new Placement(this, this.lastSequence);
      if (placement.place(this.#messageOf({ ...due.message, ttlMs: due.ttlMs }, nowMs)) !== undefined) {
        placement.giveBack();
        break;
      }
      this.lastSequence = placement.last;
      // Its id counts as seen from the time it was scheduled.
      for (const { message, queues } of placement.placed) this.#log.stored(undefined, message, queues);
      this.#log.numbered(this, this.lastSequence);
      this.#unschedule(due.message.sequence);
      placed.push(...placement.placed);
    }
    if (placed.length > 0) {
      this.#log.whenWritten(() => {
        release(placed);
      });
    }
  }

  #refusalOf(bytes: number): Refusal | undefined {
    if (this.#isGone) return entityNotFound(this.path);
    if (bytes > this.messageBytesMax) return messageTooLarge;
    return undefined;
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

  #messageOf(arrival: Arrival, nowMs: number): Omit<StoredMessage, 'sequence'> {
    const { ttlMs, messageId, annotations, annotationCount, bare } = arrival;
    // A queue's own time to live is reckoned with where its messages lie, so that it can change.
    const ownMs = this.queue === undefined ? lifeMs(this.#definition.settings) : Infinity;
    const expiresAtMs = nowMs + Math.min(ownMs, ttlMs === 0 ? Infinity : ttlMs);
    return {
      enqueuedAtMs: nowMs,
      expiresAtMs: expiresAtMs < latestMs ? expiresAtMs : 0,
      messageId,
      annotations,
      annotationCount,
      bare,
      deadLetterSource: '',
    };
  }

  /** The limits of one of its queues: the size set for the entity, where that is less than the process allows. */
  #room(): RoomLimits {
    const ownMax = this.#definition.settings.MaxSizeInMegabytes * 1_024 * 1_024;
    return { ...this.#limits, bytesMax: Math.min(this.#limits.bytesMax, ownMax) };
  }

  /** Keeps them all, or none and gives the path of the entity that has no room. */
  #addScheduled(scheduled: readonly Scheduled[]): string | undefined {
    if (scheduled.length === 0) return undefined;
    const { messagesMax, bytesMax, memory } = this.#room();
    const scheduledBytes = scheduled.reduce((sum, { message }) => sum + heldBytes(message), 0);
    if (this.schedule.length + scheduled.length > messagesMax) return this.path;
    if (this.schedule.bytes + scheduledBytes > bytesMax) return this.path;
    if (memory?.hasRoom(scheduledBytes) === false) return this.path;
    memory?.add(scheduledBytes);
    for (const one of scheduled) this.schedule.add(one);
    return undefined;
  }
}

const noRepeats: ReadonlySet<WireMessage> = new Set();

function postponed(wire: WireMessage, nowMs: number, sequence: number): Scheduled {
  const { ttlMs, scheduledAtMs, messageId, annotations, annotationCount, bare } = wire;
  const head = { sequence, enqueuedAtMs: nowMs, expiresAtMs: 0, deadLetterSource: '' };
  return {
    message: { ...head, messageId, annotations, annotationCount, bare },
    dueAtMs: Math.min(latestMs, scheduledAtMs),
    ttlMs: Math.min(latestMs, ttlMs),
  };
}
