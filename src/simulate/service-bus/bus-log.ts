import type { Scheduled } from './schedule.ts';
import type { StoredMessage } from './stored-message.ts';

/** A queue or topic as the log knows it: by its path. */
export type Logged = { readonly path: string };

/**
 * An entity or rule made, changed or deleted at run time. `path` is `topic`, `queue`, `topic/Subscriptions/name` or
 * `…/Rules/name`; `definition` is text that `Entities.apply` reads, empty for a deletion. What is created drops
 * whatever was there by its path.
 */
export type EntityChange = {
  readonly kind: 'created' | 'changed' | 'deleted';
  readonly path: string;
  readonly definition: string;
};

/**
 * What the entities tell the log, in the order it happened. `whenWritten` runs its callback once everything told
 * so far has been handed to the operating system; nothing is confirmed to a peer before that.
 */
export type BusLog = {
  /** `topic`: where it was sent to just now; undefined for one that was there before under another number or as it was. */
  stored(topic: Logged | undefined, message: StoredMessage, queues: readonly Logged[]): void;
  /** The last number given, where no message sent just now carries it. */
  numbered(topic: Logged, sequence: number): void;
  removed(queue: Logged, sequence: number): void;
  counted(queue: Logged, sequence: number, deliveryCount: number): void;
  deferred(queue: Logged, sequence: number): void;
  scheduled(topic: Logged, scheduled: Scheduled): void;
  /** Cancelled, or enqueued under a new number. */
  unscheduled(topic: Logged, sequence: number): void;
  /** Undefined: cleared. */
  sessionState(queue: Logged, sessionId: string, state: Buffer | undefined): void;
  entity(change: EntityChange): void;
  whenWritten(then: () => void): void;
  /** Hands what was told so far to the operating system now. Called before bytes leave for a peer: a kill must not forget a try it saw. */
  flush(): void;
};

/** Memory only: nothing is kept, so nothing need be waited for. */
export const noLog: BusLog = {
  stored: () => undefined,
  numbered: () => undefined,
  removed: () => undefined,
  counted: () => undefined,
  deferred: () => undefined,
  scheduled: () => undefined,
  unscheduled: () => undefined,
  sessionState: () => undefined,
  entity: () => undefined,
  whenWritten: (then) => {
    then();
  },
  flush: () => undefined,
};
