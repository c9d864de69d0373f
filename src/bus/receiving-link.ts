import type {
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
  ServiceBusSessionReceiver,
} from '@azure/service-bus';
import { guarded } from './guarded-signal.ts';
import { inTime } from './in-time.ts';
import { Batch, idOf } from './receiving-batch.ts';
import { MessageLocks, orLost, type SessionLock } from './receiving-locks.ts';
import { SettleTurns } from './receiving-turns.ts';
import { silenceDefaultMs, type Receiving, type SessionInHand } from './receiving-terms.ts';

/** No answer within the deadline of a poll, or to a settlement. */
export class Silence extends Error {}

/** An idle poll ends after this part of `silenceMs`; the rest of it is for the bus to say so, and at first to open the link. */
const idlePart = 3;
/** How long a half-full batch waits for more while messages are coming. */
const batchWaitMs = 50;
const closeTimeoutMs = 2_000;
const batchDefault = 32;
/** The SDK's buffers for one receiver end at 2,047. */
const batchLimit = 2_000;
const failPauseMinMs = 250;
const failPauseMaxMs = 10_000;

export const receiveOptions = {
  receiveMode: 'peekLock',
  // Ours is in receiving-locks.ts.
  maxAutoLockRenewalDurationInMs: 0,
  // Else a body in JSON form arrives as an object.
  skipParsingBodyAsJson: true,
} as const;

/** An SDK receiver, of an entity or of one of its sessions, and the batch it gave out last. */
export class Link {
  readonly #receiving: Receiving;
  readonly #receiver: ServiceBusReceiver;
  readonly #session: { readonly lock: SessionLock; readonly inHand: SessionInHand } | undefined;
  readonly #turns = new SettleTurns();
  readonly #leaving: AbortSignal;
  /** Ends the turn that is under way. */
  #giveUp: () => void = () => undefined;
  #batch: Batch | undefined;
  #wanted = 1;
  /** By which the deadline is longer until the first answer. */
  #patience: number;
  #failures = 0;
  #lastMessageAt = performance.now();

  private constructor(
    receiving: Receiving,
    receiver: ServiceBusReceiver,
    lock: SessionLock | undefined,
    patience: number,
  ) {
    this.#receiving = receiving;
    this.#receiver = receiver;
    this.#patience = patience;
    this.#session =
      lock === undefined
        ? undefined
        : { lock, inHand: inHand(receiver as ServiceBusSessionReceiver, lock.lost) };
    const { stopping } = receiving;
    this.#leaving = lock === undefined ? stopping : AbortSignal.any([stopping, lock.lost]);
    receiving.links.add(this);
  }

  static open(receiving: Receiving, patience: number): Link {
    const { client, source, subQueue } = receiving.options;
    const options = {
      ...receiveOptions,
      ...(subQueue === undefined ? {} : { subQueueType: subQueue }),
    };
    const receiver =
      'queue' in source
        ? client().createReceiver(source.queue, options)
        : client().createReceiver(source.topic, source.subscription, options);
    return new Link(receiving, receiver, undefined, patience);
  }

  static ofSession(receiving: Receiving, receiver: ServiceBusSessionReceiver, lock: SessionLock): Link {
    return new Link(receiving, receiver, lock, 1);
  }

  /** Since the last message. */
  get idleMs(): number {
    return performance.now() - this.#lastMessageAt;
  }

  /** One poll and, if something came, its hand-over. Rejects when the receiver is of no more use. */
  async turn(waitMs = Infinity): Promise<void> {
    const { options, notice, stopping } = this.#receiving;
    const messages = await this.#poll(waitMs);
    // A session that is lost gives what it had collected; it is somebody else's now.
    if (this.#session !== undefined && this.#receiver.isClosed) throw new Error('the session is lost');
    this.#wanted = messages.length === 0 ? 1 : Math.min(options.batchMax ?? batchDefault, batchLimit);
    if (messages.length === 0) return;
    notice({ kind: 'received', count: messages.length });
    const batch = this.#handOver(messages);
    // One for each turn: a promise as old as the link would keep something of every turn.
    const givenUp = new Promise<void>((resolve) => {
      this.#giveUp = resolve;
    });
    try {
      await Promise.race([options.onBatch(messages, batch), givenUp]);
      batch.end();
      this.#failures = 0;
    } catch {
      // The error is its owner's to log: its text may hold message content.
      notice({ kind: 'batch-failed' });
      await batch.abandonRest();
      this.#failures += 1;
      if (!stopping.aborted)
        await this.#receiving.pause(Math.min(failPauseMinMs * 2 ** (this.#failures - 1), failPauseMaxMs));
    }
    this.#batch = undefined;
    this.#lastMessageAt = performance.now();
    if (batch.isUnanswered) throw new Silence();
  }

  /** Gives up what is in hand: it is abandoned, and the turn ends. */
  async leave(): Promise<void> {
    await this.#batch?.abandonRest();
    this.#giveUp();
  }

  /** Never rejects: a receiver that failed may fail to close, too; it is of no more use either way. */
  async close(): Promise<void> {
    this.#receiving.links.delete(this);
    this.#session?.lock.close();
    await inTime(closeTimeoutMs, this.#receiver.close()).catch(() => undefined);
  }

  async #poll(waitMs: number): Promise<ServiceBusReceivedMessage[]> {
    const { options, stopping } = this.#receiving;
    const silenceMs = options.silenceMs ?? silenceDefaultMs;
    const isIdle = this.#wanted === 1;
    const polled = this.#receiver.receiveMessages(this.#wanted, {
      maxWaitTimeInMs: isIdle ? Math.min(silenceMs / idlePart, waitMs) : batchWaitMs,
      // A poll for many ends by itself, and what it has collected when it is cut off would stay locked.
      ...(isIdle ? { abortSignal: guarded(stopping) } : {}),
    });
    const messages = await inTime(silenceMs * this.#patience, orLost(this.#session?.lock.lost, polled));
    if (messages === undefined) throw new Silence();
    if (messages === 'lost') throw new Error('the session is lost');
    this.#patience = 1;
    return messages;
  }

  #handOver(messages: readonly ServiceBusReceivedMessage[]): Batch {
    const { options, notice } = this.#receiving;
    const session = this.#session;
    const receiver = this.#receiver;
    const locks =
      session?.lock ??
      new MessageLocks(messages, {
        renew: (message) => receiver.renewMessageLock(message),
        renewed: () => {
          notice({ kind: 'lock-renewed' });
        },
        lost: (message) => {
          notice({ kind: 'lock-lost', messageId: idOf(message) });
        },
      });
    if (session === undefined) locks.hold(options.lockRenewalMs ?? 0);
    else session.lock.begin(options.lockRenewalMs ?? sessionRenewalMs);
    this.#batch = new Batch(messages, {
      receiver,
      turns: this.#turns,
      locks,
      leaving: this.#leaving,
      session: session?.inHand,
      lost: session?.lock.lost,
      notice,
    });
    return this.#batch;
  }
}

const sessionRenewalMs = 300_000;

function inHand(receiver: ServiceBusSessionReceiver, lost: AbortSignal): SessionInHand {
  return {
    id: receiver.sessionId,
    lost,
    state: () => receiver.getSessionState(),
    setState: (state) => receiver.setSessionState(state),
  };
}
