import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { inTime } from './in-time.ts';
import { isLockLost, isTimeout, orLost, type Locks } from './receiving-locks.ts';
import type { ReceivingNotice, SessionInHand, Settle, SettleOutcome } from './receiving-terms.ts';
import type { SettleTurns } from './receiving-turns.ts';

/** For one try of the SDK, which in a session waits 60 s for an answer, whatever its options say. */
const settleTimeoutMs = 6_000;
/** Where one was not answered the next one hardly will be. */
const nextTimeoutMs = 1_000;
/** And after so many in a row none is tried any more. */
const unansweredMax = 2;
const abandonTimeoutMs = 2_000;
/** Between our tries: a bus that is away for a second or two refuses connections at once. */
const pausesMs = [250, 500, 1_000, 2_000];
/** Left of a lock for a try to be worth it. */
const lockMarginMs = 500;

export type BatchParts = {
  readonly receiver: ServiceBusReceiver;
  readonly turns: SettleTurns;
  readonly locks: Locks;
  readonly leaving: AbortSignal;
  readonly session: SessionInHand | undefined;
  /** Aborted when the session of the batch is lost. */
  readonly lost: AbortSignal | undefined;
  readonly notice: (notice: ReceivingNotice) => void;
};

/** The messages of one hand-over, until each is settled or left to its lock. */
export class Batch implements Settle {
  readonly #parts: BatchParts;
  readonly #unsettled: Set<ServiceBusReceivedMessage>;
  #isOver = false;
  #isUnanswered = false;
  /** Messages in a row that were not settled for want of an answer. */
  #unansweredRow = 0;

  constructor(messages: readonly ServiceBusReceivedMessage[], parts: BatchParts) {
    this.#parts = parts;
    this.#unsettled = new Set(messages);
  }

  get leaving(): AbortSignal {
    return this.#parts.leaving;
  }

  /** A settlement got no answer at all: the connection is suspect. */
  get isUnanswered(): boolean {
    return this.#isUnanswered;
  }

  get session(): SessionInHand | undefined {
    return this.#parts.session;
  }

  complete(message: ServiceBusReceivedMessage): Promise<boolean> {
    const { receiver } = this.#parts;
    return this.#settle('complete', message, () => receiver.completeMessage(message));
  }

  abandon(message: ServiceBusReceivedMessage): Promise<boolean> {
    const { receiver } = this.#parts;
    return this.#settle('abandon', message, () => receiver.abandonMessage(message));
  }

  defer(message: ServiceBusReceivedMessage): Promise<boolean> {
    const { receiver } = this.#parts;
    return this.#settle('defer', message, () => receiver.deferMessage(message));
  }

  deadLetter(message: ServiceBusReceivedMessage, reason: string, description = ''): Promise<boolean> {
    const { receiver } = this.#parts;
    const why = { deadLetterReason: reason, deadLetterErrorDescription: description };
    return this.#settle('dead-letter', message, () => receiver.deadLetterMessage(message, why));
  }

  lockedUntilMs(message: ServiceBusReceivedMessage): number {
    return this.#parts.locks.untilMs(message);
  }

  holdLocks(ms: number): void {
    this.#parts.locks.hold(ms);
  }

  /** Gives back what is not settled; what is done to it afterwards has no effect. Never rejects. */
  async abandonRest(): Promise<void> {
    const rest = [...this.#unsettled].filter((message) => this.lockedUntilMs(message) > Date.now());
    this.#unsettled.clear();
    this.#isOver = true;
    const { receiver, turns, notice } = this.#parts;
    const abandon = async (message: ServiceBusReceivedMessage): Promise<void> => {
      await receiver.abandonMessage(message);
      notice({ kind: 'settled', outcome: 'abandon' });
    };
    // All at once, for they end alike.
    await turns.alone(() => inTime(abandonTimeoutMs, Promise.allSettled(rest.map(abandon))));
    this.end();
  }

  /** The batch is through: what is not settled is left to its lock. */
  end(): void {
    this.#isOver = true;
    this.#parts.locks.end();
  }

  async #settle(
    outcome: SettleOutcome,
    message: ServiceBusReceivedMessage,
    send: () => Promise<void>,
  ): Promise<boolean> {
    if (this.#isOver || !this.#unsettled.delete(message)) return false;
    const { locks, notice } = this.#parts;
    // Who left so many unanswered answers none: the rest would only hold up the link that is to follow.
    const took = this.#unansweredRow < unansweredMax && (await this.#tried(outcome, message, send));
    this.#unansweredRow = !took && this.#isUnanswered ? this.#unansweredRow + 1 : 0;
    locks.drop(message);
    if (took) notice({ kind: 'settled', outcome });
    else notice({ kind: 'settle-failed', outcome, messageId: idOf(message) });
    return took;
  }

  /** After a drop the SDK settles through `$management`, which works while the lock is valid. */
  async #tried(
    outcome: SettleOutcome,
    message: ServiceBusReceivedMessage,
    send: () => Promise<void>,
  ): Promise<boolean> {
    const { turns, notice, lost } = this.#parts;
    for (const pauseMs of [...pausesMs, undefined]) {
      try {
        // Timed from when it is sent, so that one without an answer does not keep those behind it for longer.
        const bounded = (): Promise<'took' | 'lost' | undefined> => {
          const answered = send().then(() => 'took' as const);
          return inTime(this.#isUnanswered ? nextTimeoutMs : settleTimeoutMs, orLost(lost, answered));
        };
        const took = await (outcome === 'complete' ? turns.together(bounded) : turns.alone(bounded));
        if (took !== 'lost') this.#isUnanswered = took === undefined;
        return took === 'took';
      } catch (error) {
        if (isLockLost(error)) {
          notice({ kind: 'lock-lost', messageId: idOf(message) });
          return false;
        }
        this.#isUnanswered ||= isTimeout(error);
        const leftMs = this.lockedUntilMs(message) - Date.now() - lockMarginMs;
        if (pauseMs === undefined || pauseMs > leftMs || this.#isOver) return false;
        await sleep(pauseMs);
      }
    }
    return false;
  }
}

/** MessageId as text; for a message without one the bus's own number must do. */
export function idOf({ messageId, sequenceNumber }: ServiceBusReceivedMessage): string {
  if (typeof messageId === 'string' && messageId !== '') return messageId;
  return typeof messageId === 'number' ? String(messageId) : `sequence-${String(sequenceNumber)}`;
}
