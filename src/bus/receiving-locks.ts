import type { ServiceBusReceivedMessage, ServiceBusSessionReceiver } from '@azure/service-bus';
import { inTime } from './in-time.ts';

/** How long locks last, and that they last longer. */
export type Locks = {
  /** In ms since 1970, by our clock; 0 when the lock is lost. */
  untilMs(message: ServiceBusReceivedMessage): number;
  /** Renew for at least so long from now. */
  hold(ms: number): void;
  /** This one is settled: no more renewals. */
  drop(message: ServiceBusReceivedMessage): void;
  end(): void;
};

/** Renewals asked for at once. */
const togetherMax = 16;
const renewTimeoutMs = 10_000;
const tickMinMs = 100;
/** Ticks are so much of a lock apart; at each those are renewed that have less than two thirds left, so after half of their lock. */
const ticksPerLock = 4;
const renewBelow = 2 / 3;
const tickMaxMs = 15_000;
/** A session's lock is also looked at for its loss, which costs nothing. */
const sessionTickMaxMs = 1_000;
/** A lock with less left when it is given out shows that our clock is ahead: the service's shortest lasts 5 s. */
const lockMsMin = 1_500;
const lockMsAssumed = 5_000;

/**
 * Renews the locks of a batch's messages, each by itself, as long as they are held. The SDK's own renewal is keyed by message id, throws
 * without one, and costs a sixth of the throughput whether it is needed or not; this one asks nothing before a third of a lock has passed.
 */
export class MessageLocks implements Locks {
  readonly #held: Set<ServiceBusReceivedMessage>;
  readonly #lost = new Set<ServiceBusReceivedMessage>();
  readonly #renew: (message: ServiceBusReceivedMessage) => Promise<unknown>;
  readonly #onRenewed: () => void;
  readonly #onLost: (message: ServiceBusReceivedMessage) => void;
  /** How long a lock lasts, as the first messages show it. */
  readonly #lockMs: number;
  readonly #aheadMs: number;
  #holdUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(
    messages: readonly ServiceBusReceivedMessage[],
    on: {
      renew(message: ServiceBusReceivedMessage): Promise<unknown>;
      renewed(): void;
      lost(message: ServiceBusReceivedMessage): void;
    },
  ) {
    this.#held = new Set(messages);
    this.#renew = (message) => on.renew(message);
    this.#onRenewed = () => {
      on.renewed();
    };
    this.#onLost = (message) => {
      on.lost(message);
    };
    const enqueuedMs = Math.max(...messages.map(({ enqueuedTimeUtc }) => enqueuedTimeUtc?.getTime() ?? 0));
    this.#aheadMs = clockAheadMs(Math.max(...messages.map(endOf)), enqueuedMs);
    const now = Date.now();
    this.#lockMs = Math.max(tickMinMs, ...messages.map((message) => this.untilMs(message) - now));
  }

  untilMs(message: ServiceBusReceivedMessage): number {
    return this.#lost.has(message) ? 0 : endOf(message) + this.#aheadMs;
  }

  hold(ms: number): void {
    if (ms <= 0 || this.#isOver) return;
    this.#holdUntil = Math.max(this.#holdUntil, performance.now() + ms);
    this.#timer ??= this.#next();
  }

  drop(message: ServiceBusReceivedMessage): void {
    this.#held.delete(message);
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #next(): NodeJS.Timeout {
    const ms = Math.min(tickMaxMs, Math.max(tickMinMs, this.#lockMs / ticksPerLock));
    return setTimeout(() => void this.#tick(), ms);
  }

  async #tick(): Promise<void> {
    const due = [...this.#held].filter(
      (message) => this.untilMs(message) - Date.now() < this.#lockMs * renewBelow,
    );
    for (let at = 0; at < due.length && !this.#isOver; at += togetherMax) {
      await Promise.all(due.slice(at, at + togetherMax).map((message) => this.#renewOne(message)));
    }
    const goesOn = !this.#isOver && this.#held.size > 0 && performance.now() < this.#holdUntil;
    this.#timer = goesOn ? this.#next() : undefined;
  }

  async #renewOne(message: ServiceBusReceivedMessage): Promise<void> {
    try {
      if ((await inTime(renewTimeoutMs, this.#renew(message))) !== undefined) this.#onRenewed();
    } catch (error) {
      // It may have been settled meanwhile; anything but a lost lock may pass, and the next tick asks again.
      if (!isLockLost(error) || !this.#held.delete(message)) return;
      this.#lost.add(message);
      this.#onLost(message);
    }
  }
}

/** Renews the lock of a session: without end while nothing is in hand, else for as long as a batch may hold it. */
export class SessionLock implements Locks {
  readonly #receiver: ServiceBusSessionReceiver;
  readonly #lost = new AbortController();
  readonly #onRenewed: () => void;
  readonly #lockMs: number;
  readonly #aheadMs: number;
  #holdUntil = Infinity;
  #isAsking = false;
  #isUnanswered = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(receiver: ServiceBusSessionReceiver, onRenewed: () => void) {
    this.#receiver = receiver;
    this.#onRenewed = onRenewed;
    this.#aheadMs = clockAheadMs(receiver.sessionLockedUntilUtc.getTime());
    this.#lockMs = Math.max(tickMinMs, this.untilMs() - Date.now());
    this.#timer = this.#next();
  }

  /** Aborted when the session is no longer ours. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The last renewal got no answer. */
  get isUnanswered(): boolean {
    return this.#isUnanswered;
  }

  untilMs(): number {
    if (this.lost.aborted || this.#receiver.isClosed) return 0;
    return this.#receiver.sessionLockedUntilUtc.getTime() + this.#aheadMs;
  }

  /** From now on a batch holds it, and not longer than so. */
  begin(ms: number): void {
    this.#holdUntil = performance.now() + ms;
  }

  hold(ms: number): void {
    this.#holdUntil = Math.max(this.#holdUntil, performance.now() + ms);
  }

  drop(): void {
    // The lock is the session's, not the message's.
  }

  /** The batch is through. */
  end(): void {
    this.#holdUntil = Infinity;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#lost.abort();
  }

  #next(): NodeJS.Timeout {
    const ms = Math.min(sessionTickMaxMs, Math.max(tickMinMs, this.#lockMs / ticksPerLock));
    return setTimeout(() => {
      this.#tick();
    }, ms);
  }

  #tick(): void {
    const leftMs = this.untilMs() - Date.now();
    // Also by a link that the bus closed, and by the clock: whoever waits for the lock must not wait for an error.
    if (leftMs <= 0) this.#lost.abort();
    if (this.lost.aborted) return;
    const isDue = leftMs < this.#lockMs * renewBelow && performance.now() < this.#holdUntil;
    if (isDue && !this.#isAsking) void this.#renew();
    this.#timer = this.#next();
  }

  async #renew(): Promise<void> {
    this.#isAsking = true;
    this.#isUnanswered = true;
    try {
      if ((await inTime(renewTimeoutMs, this.#receiver.renewSessionLock())) === undefined) return;
      this.#isUnanswered = false;
      this.#onRenewed();
    } catch (error) {
      if (!isLockLost(error)) return;
      this.#isUnanswered = false;
      this.#lost.abort();
    } finally {
      this.#isAsking = false;
    }
  }
}

/**
 * By how much our clock is ahead of the bus's, as far as what it has just given out shows: it did so after it took the message, and for a
 * whole lock. Without this a car whose clock is wrong by more than a lock would take every lock for over, or for long.
 */
function clockAheadMs(lockEndsMs: number, enqueuedMs = 0): number {
  const now = Date.now();
  if (lockEndsMs > 0 && lockEndsMs - now < lockMsMin) return now + lockMsAssumed - lockEndsMs;
  return Math.min(0, now - enqueuedMs);
}

const endOf = ({ lockedUntilUtc }: ServiceBusReceivedMessage): number => lockedUntilUtc?.getTime() ?? 0;

/** What `work` gives, or 'lost' as soon as the session is: what crosses the end of its link never reaches the SDK's caller. */
export async function orLost<T>(lost: AbortSignal | undefined, work: Promise<T>): Promise<T | 'lost'> {
  if (lost === undefined) return work;
  if (lost.aborted) {
    work.catch(() => undefined);
    return 'lost';
  }
  const { promise, resolve } = Promise.withResolvers<'lost'>();
  const onLost = (): void => {
    resolve('lost');
  };
  lost.addEventListener('abort', onLost, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    lost.removeEventListener('abort', onLost);
  }
}

export const isLockLost = (error: unknown): boolean =>
  codesOf(error).some((code) => code === 'MessageLockLost' || code === 'SessionLockLost');

/** Nobody answered in the SDK's own time. */
export const isTimeout = (error: unknown): boolean => codesOf(error).at(-1) === 'ServiceTimeout';

/** The SDK packs what it tried several times into one error. */
function codesOf(error: unknown): readonly unknown[] {
  const all = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  return all.map((one) => (one as { readonly code?: unknown } | null)?.code);
}
