import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { clientFor, type BusAccess } from './bus-access.ts';
import { cutOff } from './cut-off.ts';
import { Handling, type Outcome } from './handling.ts';
import { inTime } from './in-time.ts';
import type { KeySource } from './key-source.ts';
import { idOf, type Received } from './received.ts';

export type SubscriberOptions = BusAccess & {
  readonly topic: string;
  readonly subscription: string;
  readonly keys: KeySource;
  /**
   * Your work. When it resolves the message is taken off the bus; when it rejects the message comes again. It must end
   * within the subscription's lock duration (30 s to 5 min, set on the bus).
   */
  onMessage(message: Received): Promise<void>;
  /** What the subscriber noticed: for your log. It never holds message content. */
  onNotice?(notice: Notice): void;
  /** How many `onMessage` may run at once; default 1, which keeps the order of the lane. */
  readonly concurrentMax?: number;
  /** Messages asked for at once, so locked at once; default 32. Lower it when `onMessage` takes seconds. */
  readonly batchMax?: number;
  /** Times a message is offered to `onMessage` before it goes to the dead letters; default 10. */
  readonly attemptsMax?: number;
  /** Without any answer from the bus for this long the receiver is made anew; default 30,000. */
  readonly silenceMs?: number;
  /** Without any message for this long it is made anew as well, for receivers that answer but get nothing; default 600,000. */
  readonly idleRenewMs?: number;
};

type Reason = 'silent' | 'failed' | 'idle';
export type Notice =
  | { readonly kind: 'receiver-renewed'; readonly reason: Reason }
  | {
      readonly kind: 'repeat' | 'rejected' | 'lock-lost' | 'settle-failed';
      readonly messageId: string;
    }
  | { readonly kind: 'dead-lettered'; readonly messageId: string; readonly reason: string };

/** An idle poll ends after this part of `silenceMs`, so that several fit before silence is believed. */
const idlePart = 3;
/** How long a half-full batch waits for more while messages are coming. */
const batchWaitMs = 50;
const renewPauseMinMs = 250;
const renewPauseMaxMs = 10_000;
/** Between looks whether handlers that do not end have ended. */
const stuckPauseMs = 1_000;
const closeTimeoutMs = 2_000;
/** Failures in a row after which a connection of our own is made anew too; after a silence it is at once. */
const failuresPerClient = 3;
class Silence extends Error {}

/**
 * Receives one subscription: unseals each message, drops repeats (24 h, 200,000 ids), calls `onMessage`, and settles
 * by what became of it. At least once: after a crash a message comes again, marked `possibleDuplicate`.
 *
 * One message at a time is awaited when idle, so that it is handed over at once; while messages come they are taken in
 * batches. The SDK's receivers are known to go silent without an error, so every poll has a deadline, and a receiver
 * that misses it is replaced.
 */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #handling: Handling;
  readonly #stopping = new AbortController();
  #client: ServiceBusClient;
  #running: Promise<void> | undefined;
  #lastMessageAt = performance.now();

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#handling = new Handling(options.keys, options.attemptsMax ?? 10, (message) =>
      options.onMessage(message),
    );
    this.#client = clientFor(options);
  }

  /** Begins to receive; a second call changes nothing. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Takes nothing new, lets the messages in hand finish and settles them, then closes what it opened. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    if (!('client' in this.#options)) await inTime(closeTimeoutMs, this.#client.close());
  }

  async #run(): Promise<void> {
    let receiver = this.#open();
    let failures = 0;
    let wanted = 1;
    while (!this.#isStopping()) {
      if (this.#handling.isStuck) {
        await this.#pause(stuckPauseMs);
        continue;
      }
      try {
        const messages = await this.#poll(receiver, wanted);
        failures = 0;
        wanted = messages.length === 0 ? 1 : (this.#options.batchMax ?? 32);
        await this.#handle(receiver, messages);
        if (messages.length > 0) this.#lastMessageAt = performance.now();
        else if (performance.now() - this.#lastMessageAt > (this.#options.idleRenewMs ?? 600_000)) {
          receiver = await this.#renew(receiver, 'idle', 0);
        }
      } catch (error) {
        if (this.#isStopping()) break;
        // Whatever it was, a new receiver is the remedy; ours is the only patience, for the SDK gives up at once when
        // a connection is refused.
        failures += 1;
        receiver = await this.#renew(receiver, error instanceof Silence ? 'silent' : 'failed', failures);
      }
    }
    await closed(receiver);
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #poll(receiver: ServiceBusReceiver, wanted: number): Promise<ServiceBusReceivedMessage[]> {
    const silenceMs = this.#options.silenceMs ?? 30_000;
    const polled = receiver.receiveMessages(wanted, {
      maxWaitTimeInMs: wanted === 1 ? silenceMs / idlePart : batchWaitMs,
      abortSignal: this.#stopping.signal,
    });
    const messages = await inTime(silenceMs, polled);
    if (messages === undefined) throw new Silence();
    return messages;
  }

  /**
   * Handlers start in the order of the batch when one runs at a time; several start as their bodies are opened, which is done on other
   * threads and ends in any order. Completions run beside them; every other settlement waits until they are
   * through and then goes alone, because rhea 3.0.5 sends two settlements of one tick as one, with the outcome of the
   * first, if they are neighbours (session.js, write_dispositions): an abandoned message would be completed, so lost.
   */
  async #handle(receiver: ServiceBusReceiver, messages: readonly ServiceBusReceivedMessage[]): Promise<void> {
    const completing: Promise<void>[] = [];
    const others: (readonly [ServiceBusReceivedMessage, Outcome])[] = [];
    // Workers share one iterator: each takes the next message when it is free.
    const next = messages.values();
    const worker = async () => {
      for (const message of next) {
        const outcome = await this.#handling.outcomeOf(message);
        if (isDone(outcome)) completing.push(this.#settle(receiver, message, outcome));
        else others.push([message, outcome]);
      }
    };
    await Promise.all(Array.from({ length: this.#options.concurrentMax ?? 1 }, worker));
    await Promise.all(completing);
    for (const [message, outcome] of others) await this.#settle(receiver, message, outcome);
  }

  async #settle(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    outcome: Outcome,
  ): Promise<void> {
    const messageId = idOf(message);
    if (outcome.kind === 'dead') this.#notice({ kind: 'dead-lettered', messageId, reason: outcome.reason });
    else if (outcome.kind !== 'handled') this.#notice({ kind: outcome.kind, messageId });
    try {
      if (isDone(outcome)) await receiver.completeMessage(message);
      else if (outcome.kind === 'rejected') await receiver.abandonMessage(message);
      else if (outcome.kind === 'dead') {
        await receiver.deadLetterMessage(message, {
          deadLetterReason: outcome.reason,
          deadLetterErrorDescription: '',
        });
      }
    } catch {
      // The bus sends it again; if it was handled, its id is remembered and the repeat is taken off then.
      this.#notice({ kind: 'settle-failed', messageId });
    }
  }

  #open(): ServiceBusReceiver {
    return this.#client.createReceiver(this.#options.topic, this.#options.subscription, {
      receiveMode: 'peekLock',
      // Renewal costs a sixth of the throughput and is keyed by message id inside the SDK; the lock duration is the limit.
      maxAutoLockRenewalDurationInMs: 0,
      // Else a body in JSON form arrives as an object.
      skipParsingBodyAsJson: true,
    });
  }

  async #renew(old: ServiceBusReceiver, reason: Reason, failures: number) {
    this.#notice({ kind: 'receiver-renewed', reason });
    const isSuspect = reason === 'silent' || (failures > 0 && failures % failuresPerClient === 0);
    if (isSuspect && !('client' in this.#options)) {
      const cut = cutOff(this.#client);
      // Closing a client closes its receivers; a silent peer never answers it.
      await inTime(closeTimeoutMs, this.#client.close()).catch(() => undefined);
      cut();
      this.#client = clientFor(this.#options);
    } else await closed(old);
    if (failures > 0) await this.#pause(Math.min(renewPauseMinMs * 2 ** (failures - 1), renewPauseMaxMs));
    this.#lastMessageAt = performance.now();
    return this.#open();
  }

  /** Ends early when the subscriber is stopped. */
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  #notice(notice: Notice): void {
    try {
      this.#options.onNotice?.(notice);
    } catch {
      // A log that fails must not stop the messages.
    }
  }
}

const isDone = ({ kind }: Outcome): boolean => kind === 'handled' || kind === 'repeat';

/** A receiver that failed may fail to close, too; it is of no more use either way. */
async function closed(receiver: ServiceBusReceiver): Promise<void> {
  await inTime(closeTimeoutMs, receiver.close()).catch(() => undefined);
}
