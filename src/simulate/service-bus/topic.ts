import type { BusLog } from './bus-log.ts';
import { DuplicateHistory } from './duplicate-history.ts';
import type { SubscriptionConfig, TopicConfig } from './emulator-config.ts';
import { Queue } from './queue.ts';
import { isMatched, MessageProperties, type Rule, ruleFrom, trueRule } from './rule.ts';
import { heldBytes, type StoredMessage } from './stored-message.ts';
import { readMessage, type WireMessage } from './wire-message.ts';

/** What one subscription may hold, its dead letters included. */
export type QueueLimits = { readonly messagesMax: number; readonly bytesMax: number };

export type Subscription = {
  readonly name: string;
  readonly queue: Queue;
  readonly rules: Map<string, Rule>;
};

/** A published transfer is taken whole or refused whole; `full` names the subscription without room. */
export type Publication = { readonly ok: true } | { readonly ok: false; readonly full: string };

type Placed = { readonly message: StoredMessage; readonly queues: readonly Queue[] };

/** A topic: numbers messages, swallows repeated ids, fans out to the subscriptions whose rules match. */
export class Topic {
  readonly path: string;
  readonly subscriptions = new Map<string, Subscription>();
  readonly duplicates: DuplicateHistory | undefined;
  lastSequence = 0;
  accepted = 0;
  swallowed = 0;
  readonly #ttlMs: number;
  readonly #subscriptionTtlMs = new Map<Queue, number>();
  readonly #log: BusLog;

  constructor(config: TopicConfig, limits: QueueLimits, log: BusLog) {
    this.path = config.Name;
    this.#log = log;
    this.#ttlMs = config.Properties.DefaultMessageTimeToLive ?? Number.POSITIVE_INFINITY;
    const { RequiresDuplicateDetection, DuplicateDetectionHistoryTimeWindow } = config.Properties;
    if (RequiresDuplicateDetection)
      this.duplicates = new DuplicateHistory(DuplicateDetectionHistoryTimeWindow);
    for (const subscription of config.Subscriptions) this.#addSubscription(subscription, limits);
  }

  /** Takes the messages of one transfer; `answer` runs when they are in the log, before anyone receives them. */
  publish(transferred: readonly Buffer[], answer: (publication: Publication) => void): void {
    const nowMs = Date.now();
    const wires = this.#withoutRepeats(transferred.map(readMessage), nowMs);
    const placed = wires.map((wire, at) => this.#place(wire, nowMs, this.lastSequence + 1 + at));
    const full = reserveAll(placed);
    if (full !== undefined) {
      answer({ ok: false, full });
      return;
    }
    this.lastSequence += placed.length;
    this.accepted += placed.length;
    this.swallowed += transferred.length - placed.length;
    for (const { message, queues } of placed) {
      this.duplicates?.add(message.messageId, nowMs);
      this.#log.stored(this, message, queues);
    }
    this.#log.whenWritten(() => {
      this.#release(placed);
      answer({ ok: true });
    });
  }

  #release(placed: readonly Placed[]): void {
    const touched = new Set<Queue>();
    for (const { message, queues } of placed) {
      for (const queue of queues) {
        queue.add({ message, deliveryCount: 0 });
        touched.add(queue);
      }
    }
    for (const queue of touched) queue.pump();
  }

  /** Drops ids seen inside the window or earlier in the same batch, as the service does: without a word. */
  #withoutRepeats(wires: readonly WireMessage[], nowMs: number): readonly WireMessage[] {
    const { duplicates } = this;
    if (duplicates === undefined) return wires;
    const inBatch = new Set<string>();
    return wires.filter(({ messageId }) => {
      if (duplicates.has(messageId, nowMs) || inBatch.has(messageId)) return false;
      inBatch.add(messageId);
      return true;
    });
  }

  #place(wire: WireMessage, nowMs: number, sequence: number): Placed {
    const properties = new MessageProperties(wire.bare);
    const queues: Queue[] = [];
    let ttlMs = Math.min(this.#ttlMs, wire.ttlMs === 0 ? Number.POSITIVE_INFINITY : wire.ttlMs);
    for (const { queue, rules } of this.subscriptions.values()) {
      if (!isMatched(rules.values(), properties)) continue;
      queues.push(queue);
      // One stored message serves all its queues, so the shortest life among them holds for every copy.
      ttlMs = Math.min(ttlMs, this.#subscriptionTtlMs.get(queue) ?? Number.POSITIVE_INFINITY);
    }
    const message: StoredMessage = {
      sequence,
      enqueuedAtMs: nowMs,
      expiresAtMs: Number.isSafeInteger(nowMs + ttlMs) ? nowMs + ttlMs : 0,
      messageId: wire.messageId,
      annotations: wire.annotations,
      annotationCount: wire.annotationCount,
      bare: wire.bare,
      deadLetterSource: '',
    };
    return { message, queues };
  }

  #addSubscription(config: SubscriptionConfig, limits: QueueLimits): void {
    const { LockDuration, MaxDeliveryCount, DeadLetteringOnMessageExpiration, DefaultMessageTimeToLive } =
      config.Properties;
    const options = {
      lockMs: LockDuration,
      maxDeliveryCount: MaxDeliveryCount,
      deadLettersExpired: DeadLetteringOnMessageExpiration,
      ...limits,
    };
    const queue = new Queue(`${this.path}/Subscriptions/${config.Name}`, options, this.#log);
    const rules = config.Rules.length === 0 ? [trueRule] : config.Rules.map(ruleFrom);
    if (DefaultMessageTimeToLive !== undefined) this.#subscriptionTtlMs.set(queue, DefaultMessageTimeToLive);
    const named = new Map(rules.map((rule) => [rule.name, rule]));
    this.subscriptions.set(config.Name.toLowerCase(), { name: config.Name, queue, rules: named });
  }
}

/** Takes room for every copy, or none at all and the path of the first queue without it. */
function reserveAll(placed: readonly Placed[]): string | undefined {
  const taken: { readonly queue: Queue; readonly bytes: number }[] = [];
  for (const { message, queues } of placed) {
    const bytes = heldBytes(message);
    for (const queue of queues) {
      if (queue.reserve(bytes)) {
        taken.push({ queue, bytes });
        continue;
      }
      for (const reserved of taken) reserved.queue.release(reserved.bytes);
      return queue.path;
    }
  }
  return undefined;
}
