import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { inTime } from '../bus/in-time.ts';
import { idOf } from '../bus/receiving-batch.ts';
import type { SessionInHand, Settle } from '../bus/receiving.ts';
import { Fault, type FaultCode } from '../message/codes.ts';
import type { KeySource } from './key-source.ts';
import { RecentIds } from './recent-ids.ts';
import { received, type Received } from './received.ts';
import { unseal } from './unseal.ts';

/** What became of one message; the subscriber settles it accordingly. */
export type Outcome =
  | { readonly kind: 'handled' | 'repeat' | 'rejected' | 'lock-lost' | 'keys-unavailable' }
  | { readonly kind: 'dead'; readonly reason: FaultCode };

export type HandlingParts = {
  readonly keys: KeySource;
  readonly attemptsMax: number;
  onMessage(message: Received, session: SessionInHand | undefined): Promise<void>;
  onKeysUnavailable(messageId: string): void;
};

const repeatWindowMs = 24 * 3_600_000;
const repeatIdsMax = 200_000;
/** Left of the lock for the settlement to reach the bus. */
const lockMarginMs = 1_000;
/** Between tries of a message that was rejected, so that a database that is away for seconds does not use up all tries. */
const retryPauseMinMs = 250;
const retryPauseMaxMs = 10_000;
/** Handlers that still run, most of them past their lock. A program with so many is stuck. */
const workingMax = 100;
/** A key source that takes longer cannot answer. */
const keyTimeoutMs = 10_000;
/** After so long without a key the locks are renewed until there is one. */
const keySlowMs = 500;
/** How much longer than to the next question the locks are held while keys cannot be had. */
const holdMarginMs = 30_000;

/** Decides what becomes of a message: repeat, unreadable, handled, or to be tried again. It does not settle. */
export class Handling {
  readonly #parts: HandlingParts;
  readonly #handled = new RecentIds(repeatWindowMs, repeatIdsMax);
  /** By message id: a message that comes again while its handler still runs waits for that one. */
  readonly #working = new Map<string, Promise<Outcome>>();

  constructor(parts: HandlingParts) {
    this.#parts = parts;
  }

  /**
   * Resolves before the message's lock ends, whatever the handler does; never rejects. `triesBefore` counts those since the bus gave it
   * out this time.
   */
  async outcomeOf(message: ServiceBusReceivedMessage, settle: Settle, triesBefore = 0): Promise<Outcome> {
    const id = idOf(message);
    const leftMs = () => settle.lockedUntilMs(message) - lockMarginMs - Date.now();
    if (this.#handled.has(id, performance.now())) return { kind: 'repeat' };
    if (leftMs() <= 0) return { kind: 'lock-lost' };
    const outcome = await this.#withKeys(message, settle, triesBefore, leftMs);
    if (outcome.kind !== 'rejected') return outcome;

    const attempt = (message.deliveryCount ?? 0) + triesBefore + 1;
    if (attempt >= this.#parts.attemptsMax) return { kind: 'dead', reason: 'CLIENT_HANDLER_REJECTED' };
    await paused(Math.min(leftMs(), backOffMs(attempt)), settle.leaving);
    return outcome;
  }

  /** Too many handlers do not end: nothing new should be taken until some do. */
  get isStuck(): boolean {
    return this.#working.size >= workingMax;
  }

  /** Asks again, ever more rarely, until the key source answers: the message stays in hand under its lock, and nothing new is taken. */
  async #withKeys(
    message: ServiceBusReceivedMessage,
    settle: Settle,
    triesBefore: number,
    leftMs: () => number,
  ): Promise<Outcome> {
    const id = idOf(message);
    for (let asks = 1; ; asks += 1) {
      const work = this.#working.get(id) ?? this.#begin(id, message, settle, triesBefore);
      let outcome: Outcome | undefined;
      // The lock may have been renewed meanwhile.
      while (outcome === undefined && leftMs() > 0) outcome = await inTime(leftMs(), work);
      if (outcome === undefined) return { kind: 'lock-lost' };
      if (outcome.kind !== 'keys-unavailable') return outcome;
      this.#parts.onKeysUnavailable(id);
      const pauseMs = backOffMs(asks);
      settle.holdLocks(pauseMs + holdMarginMs);
      await paused(pauseMs, settle.leaving);
      // Not a try of the handler's: it did not have it.
      if (settle.leaving.aborted) return outcome;
    }
  }

  #begin(
    id: string,
    message: ServiceBusReceivedMessage,
    settle: Settle,
    triesBefore: number,
  ): Promise<Outcome> {
    const working = this.#work(id, message, settle, triesBefore).finally(() => this.#working.delete(id));
    this.#working.set(id, working);
    return working;
  }

  async #work(
    id: string,
    message: ServiceBusReceivedMessage,
    settle: Settle,
    triesBefore: number,
  ): Promise<Outcome> {
    if (!Buffer.isBuffer(message.body)) return { kind: 'dead', reason: 'CLIENT_BODY_NOT_BYTES' };
    let body: Buffer;
    try {
      body = await unseal(message.body, answering(this.#parts.keys, settle));
    } catch (error) {
      return isUnreadable(error) ? { kind: 'dead', reason: error.code } : { kind: 'keys-unavailable' };
    }
    try {
      await this.#parts.onMessage(received(message, body, triesBefore), settle.session);
    } catch {
      // The handler's error is its owner's to log: its text may hold message content.
      return { kind: 'rejected' };
    }
    this.#handled.add(id, performance.now());
    return { kind: 'handled' };
  }
}

/** The same keys, but an answer that takes too long is a rejection, and a slow one does not cost the lock. */
const answering = (keys: KeySource, settle: Settle): KeySource => ({
  keyFor: async (kid) => {
    const slow = setTimeout(() => {
      settle.holdLocks(keyTimeoutMs);
    }, keySlowMs);
    try {
      const answer = await inTime(
        keyTimeoutMs,
        keys.keyFor(kid).then((key) => ({ key })),
      );
      if (answer === undefined) throw new Error('the key source did not answer in time');
      return answer.key;
    } finally {
      clearTimeout(slow);
    }
  },
});

const backOffMs = (attempt: number): number =>
  Math.min(retryPauseMinMs * 2 ** (attempt - 1), retryPauseMaxMs);

async function paused(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
}

/** No later try will open it; all else (also a key source that cannot answer now) may pass. */
function isUnreadable(error: unknown): error is Fault {
  return error instanceof Fault && (error.code === 'VAULT_SEAL_BROKEN' || error.code === 'VAULT_KEY_MISSING');
}
