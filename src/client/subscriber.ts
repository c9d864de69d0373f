import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { closeClient, type Connected } from '../bus/bus-client.ts';
import { ConnectionRemains } from '../bus/connection-remains.ts';
import { idOf } from '../bus/receiving-batch.ts';
import {
  EntityReceiver,
  type ReceivingNotice,
  type RenewReason,
  type SessionInHand,
  type SessionOptions,
  type Settle,
} from '../bus/receiving.ts';
import { clientFor, type BusAccess } from './bus-access.ts';
import { Handling, type Outcome } from './handling.ts';
import type { KeySource } from './key-source.ts';
import type { Received } from './received.ts';

export type SubscriberOptions = BusAccess & {
  readonly topic: string;
  readonly subscription: string;
  readonly keys: KeySource;
  /**
   * Your work. When it resolves the message is taken off the bus; when it rejects the message comes again. It must end
   * within the subscription's lock duration (30 s to 5 min, set on the bus), or within `lockRenewalMs`. `session` is there
   * when `sessions` is set.
   */
  onMessage(message: Received, session?: SessionInHand): Promise<void>;
  /** What the subscriber noticed: for your log. It never holds message content. */
  onNotice?(notice: Notice): void;
  /** How many `onMessage` may run at once; default 1, which keeps the order of the lane. With sessions it is 1 in each session. */
  readonly concurrentMax?: number;
  /** Messages asked for at once, so locked at once; default 32. Lower it when `onMessage` takes seconds. */
  readonly batchMax?: number;
  /** Times a message is offered to `onMessage` before it goes to the dead letters; default 10. */
  readonly attemptsMax?: number;
  /** For a subscription that requires sessions: so many at once, each in order, each handed back when it is idle. */
  readonly sessions?: SessionOptions;
  /** For so long after a batch came its locks are renewed, for handlers that take longer; default 0, with sessions 300,000. */
  readonly lockRenewalMs?: number;
  /** Without any answer from the bus for this long the receiver is made anew; default 6,000. */
  readonly silenceMs?: number;
  /** Without any message for this long it is made anew as well, for receivers that answer but get nothing; default 600,000. */
  readonly idleRenewMs?: number;
};

export type Notice =
  | { readonly kind: 'receiver-renewed'; readonly reason: RenewReason }
  | {
      readonly kind: 'repeat' | 'rejected' | 'lock-lost' | 'settle-failed' | 'keys-unavailable';
      readonly messageId: string;
    }
  | { readonly kind: 'session-accepted' | 'session-lost' | 'session-released' }
  | { readonly kind: 'dead-lettered'; readonly messageId: string; readonly reason: string };

/** Between looks whether handlers that do not end have ended. */
const stuckPauseMs = 1_000;

/**
 * Receives one subscription: unseals each message, drops repeats (24 h, 200,000 ids), calls `onMessage`, and settles
 * by what became of it. At least once: after a crash a message comes again, marked `possibleDuplicate`.
 *
 * While its keys cannot be asked for it takes nothing new and keeps what it has; no message is given up for that.
 */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #handling: Handling;
  readonly #receiver: EntityReceiver;
  #connected: Connected;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#connected = connect(options);
    this.#handling = new Handling({
      keys: options.keys,
      attemptsMax: options.attemptsMax ?? 10,
      onMessage: (message, session) => options.onMessage(message, session),
      onKeysUnavailable: (messageId) => {
        this.#notice({ kind: 'keys-unavailable', messageId });
      },
    });
    const { topic, subscription, sessions, batchMax, lockRenewalMs, silenceMs, idleRenewMs } = options;
    this.#receiver = new EntityReceiver({
      client: () => this.#connected.sdk,
      ...('client' in options ? {} : { renewClient: () => this.#renewClient() }),
      source: { topic, subscription },
      onBatch: (messages, settle) => this.#handle(messages, settle),
      onNotice: (notice) => {
        this.#pass(notice);
      },
      ...{ sessions, batchMax, lockRenewalMs, silenceMs, idleRenewMs },
    });
  }

  /** Begins to receive; a second call changes nothing. */
  start(): void {
    this.#receiver.start();
  }

  /**
   * Takes nothing new, lets the messages in hand finish and settles them, then closes what it opened. What has not finished after
   * `withinMs` (default 30,000) goes back to the bus.
   */
  async stop(withinMs?: number): Promise<void> {
    await this.#receiver.stop(withinMs);
    if ('client' in this.#options) return;
    await closeClient(this.#connected);
  }

  async #handle(messages: readonly ServiceBusReceivedMessage[], settle: Settle): Promise<void> {
    if (settle.session === undefined) await this.#handleTogether(messages, settle);
    else await this.#handleInOrder(messages, settle);
    while (this.#handling.isStuck && !settle.leaving.aborted)
      await sleep(stuckPauseMs, undefined, { signal: settle.leaving }).catch(() => undefined);
  }

  /**
   * Handlers start in the order of the batch when one runs at a time; several start as their bodies are opened, which is done on other
   * threads and ends in any order. Completions run beside them; every other settlement waits until they are through.
   */
  async #handleTogether(messages: readonly ServiceBusReceivedMessage[], settle: Settle): Promise<void> {
    const completing: Promise<void>[] = [];
    const others: (readonly [ServiceBusReceivedMessage, Outcome])[] = [];
    // Workers share one iterator: each takes the next message when it is free.
    const next = messages.values();
    const worker = async () => {
      for (const message of next) {
        const outcome = await this.#handling.outcomeOf(message, settle);
        if (isDone(outcome)) completing.push(this.#settle(settle, message, outcome));
        else others.push([message, outcome]);
      }
    };
    await Promise.all(Array.from({ length: this.#options.concurrentMax ?? 1 }, worker));
    await Promise.all(completing);
    for (const [message, outcome] of others) await this.#settle(settle, message, outcome);
  }

  /** One after the other. What is rejected is tried again here: given back to the bus, it would come after those behind it. */
  async #handleInOrder(messages: readonly ServiceBusReceivedMessage[], settle: Settle): Promise<void> {
    for (const [index, message] of messages.entries()) {
      let outcome = await this.#handling.outcomeOf(message, settle);
      for (let tries = 1; outcome.kind === 'rejected' && !settle.leaving.aborted; tries += 1) {
        this.#notice({ kind: 'rejected', messageId: idOf(message) });
        outcome = await this.#handling.outcomeOf(message, settle, tries);
      }
      await this.#settle(settle, message, outcome);
      if (isDone(outcome) || outcome.kind === 'dead') continue;
      for (const behind of messages.slice(index + 1)) await settle.abandon(behind);
      return;
    }
  }

  async #settle(settle: Settle, message: ServiceBusReceivedMessage, outcome: Outcome): Promise<void> {
    const messageId = idOf(message);
    if (outcome.kind === 'dead') this.#notice({ kind: 'dead-lettered', messageId, reason: outcome.reason });
    // That its keys cannot be had was said when they were asked for.
    else if (outcome.kind !== 'handled' && outcome.kind !== 'keys-unavailable')
      this.#notice({ kind: outcome.kind, messageId });
    // Where it takes no effect the bus sends it again; if it was handled, its id is remembered and the repeat is taken off then.
    if (isDone(outcome)) await settle.complete(message);
    else if (outcome.kind === 'rejected' || outcome.kind === 'keys-unavailable')
      await settle.abandon(message);
    else if (outcome.kind === 'dead') await settle.deadLetter(message, outcome.reason);
  }

  async #renewClient(): Promise<void> {
    const old = this.#connected;
    // First: a silent peer answers no close, and while it is waited for nothing is received.
    old.remains.drop();
    this.#connected = connect(this.#options);
    // Not before the SDK has seen the drop, else it waits for ever.
    await setImmediate();
    void closeClient(old);
  }

  /** What is only to be counted stays here: a subscriber's notices are for a log. */
  #pass(notice: ReceivingNotice): void {
    switch (notice.kind) {
      case 'settle-failed':
        this.#notice({ kind: notice.kind, messageId: notice.messageId });
        break;
      case 'lock-lost':
      case 'receiver-renewed':
      case 'session-accepted':
      case 'session-lost':
      case 'session-released':
        this.#notice(notice);
    }
  }

  #notice(notice: Notice): void {
    try {
      this.#options.onNotice?.(notice);
    } catch {
      // A log that fails must not stop the messages.
    }
  }
}

const connect = (options: SubscriberOptions): Connected => {
  const sdk = clientFor(options);
  return { sdk, remains: new ConnectionRemains(sdk) };
};

const isDone = ({ kind }: Outcome): boolean => kind === 'handled' || kind === 'repeat';
