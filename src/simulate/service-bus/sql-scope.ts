import type { SqlValue } from './sql-value.ts';

/** Positions in the AMQP properties list (part 3.2.4) of the system properties a rule can compare. */
export const systemPositions = {
  MessageId: 0,
  To: 2,
  Label: 3,
  ReplyTo: 4,
  CorrelationId: 5,
  ContentType: 6,
  SessionId: 10,
  ReplyToSessionId: 12,
} as const;

/** The time the topic took the message; held by no list, so it has no position. */
export const ENQUEUED_TIME = -1;

/** `sys.` names as SQL rules write them, lower case; Subject is the newer name of Label. */
export const systemNames: ReadonlyMap<string, number> = new Map([
  ...Object.entries(systemPositions).map(([name, position]) => [name.toLowerCase(), position] as const),
  ['subject', systemPositions.Label],
  ['enqueuedtimeutc', ENQUEUED_TIME],
]);

/** Names the service knows and the stand-in does not compute: said so at load, not taken for a misspelling. */
export const systemNamesNotPlayed: ReadonlySet<string> = new Set(
  (
    'DeadLetterSource DeliveryCount EnqueuedSequenceNumber ExpiresAtUtc ForcePersistence LockToken LockedUntilUtc ' +
    'PartitionKey ScheduledEnqueueTimeUtc SequenceNumber Size State TimeToLive TransactionPartitionKey ViaPartitionKey'
  )
    .toLowerCase()
    .split(' '),
);

/** One message as a compiled expression sees it. */
export type SqlScope = {
  /** An application property by its name in lower case: the service compares names without case. */
  user(name: string): SqlValue | undefined;
  /** A system property by position; null where the message has none. */
  sys(position: number): SqlValue;
  /** Set by an operation that cannot be computed, such as a division by zero; the outcome then counts as an error. */
  isFailed: boolean;
};
