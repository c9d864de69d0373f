import type { ServiceBusClient, ServiceBusReceivedMessage } from '@azure/service-bus';

export type Source = { readonly topic: string; readonly subscription: string } | { readonly queue: string };

/** What is done to a message; a message that nothing is done to comes again when its lock ends. */
export type SettleOutcome = 'complete' | 'abandon' | 'defer' | 'dead-letter';

/** One session, while it is ours. What the bus keeps for it is any JSON value. */
export type SessionInHand = {
  readonly id: string;
  /** Aborted when it is no longer ours: another receiver may have it, and its messages, by then. */
  readonly lost: AbortSignal;
  /** Rejects when the bus does not answer or the session is no longer ours. */
  state(): Promise<unknown>;
  setState(state: unknown): Promise<void>;
};

/**
 * How the messages of a batch are settled. Nothing here throws: true says that the bus confirmed it. False says that it may not have
 * taken effect; the message then comes again, with the same id.
 */
export type Settle = {
  complete(message: ServiceBusReceivedMessage): Promise<boolean>;
  /** Gives the message back; it comes again at once, with a higher delivery count. */
  abandon(message: ServiceBusReceivedMessage): Promise<boolean>;
  /** Lays the message aside: from now on it is received by its sequence number only. */
  defer(message: ServiceBusReceivedMessage): Promise<boolean>;
  deadLetter(message: ServiceBusReceivedMessage, reason: string, description?: string): Promise<boolean>;
  /** When the lock of a message (or of its session) ends, as last renewed, in ms since 1970; 0 when it is lost. */
  lockedUntilMs(message: ServiceBusReceivedMessage): number;
  /** The locks of what is not settled yet are renewed for at least so long from now. */
  holdLocks(ms: number): void;
  /** Aborted when the receiver is to stop, and when the session is lost: finish or leave it. */
  readonly leaving: AbortSignal;
  readonly session: SessionInHand | undefined;
};

export type RenewReason = 'silent' | 'failed' | 'idle';
/** What a receiver noticed: to be counted by kind, never with message content. */
export type ReceivingNotice =
  | { readonly kind: 'received'; readonly count: number }
  | { readonly kind: 'settled'; readonly outcome: SettleOutcome }
  | { readonly kind: 'settle-failed'; readonly outcome: SettleOutcome; readonly messageId: string }
  | { readonly kind: 'lock-lost'; readonly messageId: string }
  | { readonly kind: 'lock-renewed' | 'batch-failed' }
  | { readonly kind: 'session-accepted' | 'session-lost' | 'session-released' }
  | { readonly kind: 'receiver-renewed'; readonly reason: RenewReason };

export type SessionOptions = {
  /** Sessions in hand at once. */
  readonly max: number;
  /** A session without a message for so long is handed back; default 5,000. */
  readonly idleMs?: number;
  /** A session with messages is handed back after so long, so that others get a turn; default 60,000. */
  readonly turnMs?: number;
};

export type EntityReceiverOptions = {
  /** The client to receive with, asked for again whenever a receiver is made. */
  readonly client: () => ServiceBusClient;
  /** Makes what `client` gives anew: after a silence, or several failures in a row. Without it only receivers are made anew. */
  renewClient?(): Promise<void>;
  readonly source: Source;
  readonly subQueue?: 'deadLetter';
  readonly sessions?: SessionOptions | undefined;
  /**
   * Your work. The next batch of the receiver (or of the session) is asked for when it resolves, so order is kept. When it rejects,
   * what is not settled is abandoned.
   */
  onBatch(messages: readonly ServiceBusReceivedMessage[], settle: Settle): Promise<void>;
  onNotice?(notice: ReceivingNotice): void;
  /** Messages asked for at once, so locked at once; default 32, at most 2,000. */
  readonly batchMax?: number | undefined;
  /** For so long after a batch came its locks are renewed; default 0 (a session's: 300,000). */
  readonly lockRenewalMs?: number | undefined;
  /**
   * Without any answer from the bus for this long the receiver is made anew; default 6,000. After a silence a new one is given longer for
   * its first answer, up to four times as long, for lines on which it takes long to connect.
   */
  readonly silenceMs?: number | undefined;
  /** Without any message for this long it is made anew as well, for receivers that answer but get nothing; default 600,000. */
  readonly idleRenewMs?: number | undefined;
};

/** Short enough to be back well within 10 s; an idle poll, a third of it, costs one exchange of two frames. */
export const silenceDefaultMs = 6_000;
const patienceMax = 4;
/** How many times as long the first answer is waited for after so many silences in a row. */
export const patience = (silences: number): number => Math.min(Math.max(1, silences), patienceMax);

/** What the loops of a receiver have in common. */
export type Receiving = {
  readonly options: EntityReceiverOptions;
  readonly stopping: AbortSignal;
  /** What can be abandoned when stop does not wait any longer. */
  readonly links: Set<{ leave(): Promise<void> }>;
  readonly notice: (notice: ReceivingNotice) => void;
  /** Ends early when the receiver is stopped. */
  readonly pause: (ms: number) => Promise<void>;
  /** After the `failures`-th failure in a row: a new client when the old one is suspect, then patience. */
  readonly recover: (reason: RenewReason, failures: number) => Promise<void>;
};

/** A function, for the compiler takes a signal that was not aborted for one that never will be. */
export const isStopped = (signal: AbortSignal): boolean => signal.aborted;
