import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { Fault, type FaultCode } from '../message/codes.ts';
import { inTime } from './in-time.ts';
import type { KeySource } from './key-source.ts';
import { RecentIds } from './recent-ids.ts';
import { idOf, received, type Received } from './received.ts';
import { unseal } from './unseal.ts';

/** What became of one message; the subscriber settles it accordingly. */
export type Outcome =
  | { readonly kind: 'handled' | 'repeat' | 'rejected' | 'lock-lost' }
  | { readonly kind: 'dead'; readonly reason: FaultCode };

const repeatWindowMs = 24 * 3_600_000;
const repeatIdsMax = 200_000;
/** Left of the lock for the settlement to reach the bus. */
const lockMarginMs = 1_000;
/** Between tries of a message that was rejected, so that a database that is away for seconds does not use up all tries. */
const retryPauseMinMs = 250;
const retryPauseMaxMs = 10_000;
/** Handlers that still run, most of them past their lock. A program with so many is stuck. */
const workingMax = 100;

/** Decides what becomes of a message: repeat, unreadable, handled, or to be tried again. It does not settle. */
export class Handling {
  readonly #keys: KeySource;
  readonly #attemptsMax: number;
  readonly #onMessage: (message: Received) => Promise<void>;
  readonly #handled = new RecentIds(repeatWindowMs, repeatIdsMax);
  /** By message id: a message that comes again while its handler still runs waits for that one. */
  readonly #working = new Map<string, Promise<Outcome>>();

  constructor(keys: KeySource, attemptsMax: number, onMessage: (message: Received) => Promise<void>) {
    this.#keys = keys;
    this.#attemptsMax = attemptsMax;
    this.#onMessage = onMessage;
  }

  /** Resolves before the message's lock ends, whatever the handler does; never rejects. */
  async outcomeOf(message: ServiceBusReceivedMessage): Promise<Outcome> {
    const id = idOf(message);
    const lockEndsAt = (message.lockedUntilUtc?.getTime() ?? Date.now()) - lockMarginMs;
    const leftMs = () => lockEndsAt - Date.now();
    if (this.#handled.has(id, performance.now())) return { kind: 'repeat' };
    if (leftMs() <= 0) return { kind: 'lock-lost' };
    const outcome = await inTime(leftMs(), this.#working.get(id) ?? this.#begin(id, message));
    if (outcome === undefined) return { kind: 'lock-lost' };
    if (outcome.kind !== 'rejected') return outcome;

    const attempt = (message.deliveryCount ?? 0) + 1;
    if (attempt >= this.#attemptsMax) return { kind: 'dead', reason: 'CLIENT_HANDLER_REJECTED' };
    await sleep(Math.max(0, Math.min(leftMs(), retryPauseMinMs * 2 ** (attempt - 1), retryPauseMaxMs)));
    return outcome;
  }

  /** Too many handlers do not end: nothing new should be taken until some do. */
  get isStuck(): boolean {
    return this.#working.size >= workingMax;
  }

  #begin(id: string, message: ServiceBusReceivedMessage): Promise<Outcome> {
    const working = this.#work(id, message).finally(() => this.#working.delete(id));
    this.#working.set(id, working);
    return working;
  }

  async #work(id: string, message: ServiceBusReceivedMessage): Promise<Outcome> {
    if (!Buffer.isBuffer(message.body)) return { kind: 'dead', reason: 'CLIENT_BODY_NOT_BYTES' };
    let body: Buffer;
    try {
      body = await unseal(message.body, this.#keys);
    } catch (error) {
      return isUnreadable(error) ? { kind: 'dead', reason: error.code } : { kind: 'rejected' };
    }
    try {
      await this.#onMessage(received(message, body));
    } catch {
      // The handler's error is its owner's to log: its text may hold message content.
      return { kind: 'rejected' };
    }
    this.#handled.add(id, performance.now());
    return { kind: 'handled' };
  }
}

/** No later try will open it; all else (also a key source that cannot answer now) may pass. */
function isUnreadable(error: unknown): error is Fault {
  return error instanceof Fault && (error.code === 'VAULT_SEAL_BROKEN' || error.code === 'VAULT_KEY_MISSING');
}
