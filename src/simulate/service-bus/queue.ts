import type { BusLog } from './bus-log.ts';
import { type Consumer, Consumers } from './consumer.ts';
import { encodeDelivered } from './delivered-bytes.ts';
import { Locks } from './locks.ts';
import { SequenceQueue } from './sequence-queue.ts';
import type { Settlement } from './settlement.ts';
import { type Held, heldBytes } from './stored-message.ts';
import { withApplicationProperties } from './wire-message.ts';

export type QueueOptions = {
  readonly lockMs: number;
  readonly maxDeliveryCount: number;
  readonly deadLettersExpired: boolean;
  readonly messagesMax: number;
  readonly bytesMax: number;
};

/** Handed out in one turn of the event loop, so that one deep queue does not hold up everything else. */
const burstMessages = 512;
const burstBytes = 4 * 1024 * 1024;

/**
 * A subscription's queue, or its dead-letter sub-queue: hands messages out under locks or for good, takes
 * settlements, gives expired locks back, buries what was tried too often.
 */
export class Queue {
  readonly path: string;
  readonly deadLetters: Queue | undefined;
  readonly #options: QueueOptions;
  readonly #log: BusLog;
  readonly #waiting = new SequenceQueue();
  readonly #locks: Locks;
  readonly #consumers = new Consumers();
  #isPumpDue = false;
  #messages = 0;
  #bytes = 0;
  #sent = 0;
  #delivered = 0;

  constructor(path: string, options: QueueOptions, log: BusLog, isDeadLetters = false) {
    this.path = path;
    this.#options = options;
    this.#log = log;
    this.#locks = new Locks(options.lockMs);
    if (!isDeadLetters) this.deadLetters = new Queue(`${path}/$DeadLetterQueue`, options, log, true);
  }

  get stats() {
    return {
      active: this.#waiting.length,
      locked: this.#locks.size,
      sent: this.#sent,
      delivered: this.#delivered,
    };
  }

  get room() {
    return { messages: this.#messages, bytes: this.#bytes };
  }

  /** Takes room for one message, or answers false when the queue is full. Its dead letters count too. */
  reserve(bytes: number): boolean {
    const { messagesMax, bytesMax } = this.#options;
    const dead = this.deadLetters?.room ?? { messages: 0, bytes: 0 };
    if (this.#messages + dead.messages >= messagesMax) return false;
    if (this.#bytes + dead.bytes + bytes > bytesMax) return false;
    this.#count(1, bytes);
    return true;
  }

  /** Gives back what `reserve` took. */
  release(bytes: number): void {
    this.#count(-1, -bytes);
  }

  /** Adds a message whose room is reserved and whose record is written. */
  add(held: Held): void {
    this.#sent++;
    this.#waiting.add(held);
  }

  /** Adds a message read back from the log. */
  restore(held: Held): void {
    this.#count(1, heldBytes(held.message));
    this.#putBack(held);
  }

  attach(consumer: Consumer): void {
    this.#consumers.add(consumer);
  }

  /** Locks outlive the link that took them, as on the service: they end by time or through `$management`. */
  detach(consumer: Consumer): void {
    this.#consumers.remove(consumer);
  }

  /** Hands out what waits to who can take it. */
  pump(): void {
    let messagesLeft = burstMessages;
    let bytesLeft = burstBytes;
    const nowMs = Date.now();
    while (this.#waiting.length > 0) {
      const turn = this.#consumers.next();
      if (turn === undefined) return;
      for (let share = turn.share; share > 0 && messagesLeft > 0 && bytesLeft > 0; share--) {
        const held = this.#waiting.shift();
        if (held === undefined) return;
        messagesLeft--;
        bytesLeft -= this.#handOut(held, turn.consumer, nowMs);
      }
      if (messagesLeft === 0 || bytesLeft <= 0) {
        this.#pumpLater();
        return;
      }
    }
  }

  /** Ends a lock; false when it is not held any more. */
  settle(key: number, settlement: Settlement): boolean {
    const held = this.#locks.end(key);
    if (held === undefined) return false;
    if (settlement.kind === 'complete') this.#remove(held);
    else if (settlement.kind === 'abandon') this.#returnTried(held);
    else this.#bury(held, settlement.properties);
    return true;
  }

  /** New end of a lock in milliseconds; undefined when it is not held any more. */
  renew(key: number): number | undefined {
    return this.#locks.renew(key, Date.now());
  }

  /** Gives back expired locks and drops expired messages from the front; called on a timer. */
  sweep(nowMs: number): void {
    for (const held of this.#locks.endExpired(nowMs)) this.#returnTried(held);
    for (
      let held = this.#waiting.first();
      held !== undefined && isExpired(held, nowMs);
      held = this.#waiting.first()
    ) {
      this.#waiting.shift();
      this.#expire(held);
    }
    if (this.#waiting.length > 0) this.pump();
    this.deadLetters?.sweep(nowMs);
  }

  /** Up to `count` messages from a sequence number on, waiting or locked, in order. */
  peek(fromSequence: number, count: number): readonly Held[] {
    const found = this.#waiting.from(fromSequence, count);
    for (const held of this.#locks.held()) if (held.message.sequence >= fromSequence) found.push(held);
    return found.sort((a, b) => a.message.sequence - b.message.sequence).slice(0, count);
  }

  /** Everything the log must keep: waiting and locked. */
  *held(): Generator<{ readonly held: Held; readonly isLocked: boolean }> {
    for (const held of this.#waiting) yield { held, isLocked: false };
    for (const held of this.#locks.held()) yield { held, isLocked: true };
  }

  #handOut(held: Held, consumer: Consumer, nowMs: number): number {
    if (isExpired(held, nowMs)) {
      this.#expire(held);
      return 0;
    }
    this.#delivered++;
    const { sequence } = held.message;
    if (consumer.isPresettled) {
      const bytes = encodeDelivered(held.message, held.deliveryCount, 0);
      consumer.send(bytes, undefined);
      this.#remove(held);
      return bytes.length;
    }
    const lock = this.#locks.take(held, nowMs);
    // Counted before it leaves: after a kill a locked message comes back as tried once more.
    this.#log.counted(this, sequence, held.deliveryCount + 1);
    const bytes = encodeDelivered(held.message, held.deliveryCount, lock.untilMs);
    consumer.send(bytes, lock);
    return bytes.length;
  }

  #returnTried(held: Held): void {
    held.deliveryCount++;
    this.#putBack(held);
    this.#pumpLater();
  }

  #putBack(held: Held): void {
    const { maxDeliveryCount } = this.#options;
    if (this.deadLetters === undefined || held.deliveryCount < maxDeliveryCount) this.#waiting.add(held);
    else {
      const description = `Message could not be consumed after ${String(maxDeliveryCount)} delivery attempts.`;
      this.#bury(held, reasons('MaxDeliveryCountExceeded', description));
    }
  }

  #expire(held: Held): void {
    if (this.deadLetters === undefined || !this.#options.deadLettersExpired) this.#remove(held);
    else this.#bury(held, reasons('TTLExpiredException', 'The message expired and was dead lettered.'));
  }

  #bury(held: Held, properties: ReadonlyMap<string, string>): void {
    const { deadLetters } = this;
    // A dead letter cannot die again: the service refuses it, we keep it where it is.
    if (deadLetters === undefined) {
      this.#waiting.add(held);
      return;
    }
    const bare = withApplicationProperties(held.message.bare, properties);
    const message = { ...held.message, bare, expiresAtMs: 0, deadLetterSource: this.path };
    deadLetters.#count(1, heldBytes(message));
    // Stored there before removed here: a torn log then shows it twice, never not at all.
    this.#log.stored(deadLetters, message, [deadLetters]);
    this.#log.counted(deadLetters, message.sequence, held.deliveryCount);
    this.#remove(held);
    deadLetters.add({ message, deliveryCount: held.deliveryCount });
    deadLetters.#pumpLater();
  }

  #remove(held: Held): void {
    this.#count(-1, -heldBytes(held.message));
    this.#log.removed(this, held.message.sequence);
  }

  #count(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
  }

  #pumpLater(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      this.pump();
    });
  }
}

function isExpired(held: Held, nowMs: number): boolean {
  return held.message.expiresAtMs !== 0 && held.message.expiresAtMs <= nowMs;
}

function reasons(reason: string, description: string): ReadonlyMap<string, string> {
  return new Map([
    ['DeadLetterReason', reason],
    ['DeadLetterErrorDescription', description],
  ]);
}
