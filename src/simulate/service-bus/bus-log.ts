import type { Scheduled } from './schedule.ts';
import type { StoredMessage } from './stored-message.ts';

/** A queue or topic as the log knows it: by its path. */
export type Logged = { readonly path: string };

/**
 * What the entities tell the log, in the order it happened. `whenWritten` runs its callback once everything told
 * so far has been handed to the operating system; nothing is confirmed to a peer before that.
 */
export type BusLog = {
  stored(topic: Logged, message: StoredMessage, queues: readonly Logged[]): void;
  removed(queue: Logged, sequence: number): void;
  counted(queue: Logged, sequence: number, deliveryCount: number): void;
  deferred(queue: Logged, sequence: number): void;
  scheduled(topic: Logged, scheduled: Scheduled): void;
  /** Cancelled, or enqueued under a new number. */
  unscheduled(topic: Logged, sequence: number): void;
  /** Undefined: cleared. */
  sessionState(queue: Logged, sessionId: string, state: Buffer | undefined): void;
  whenWritten(then: () => void): void;
  /** Hands what was told so far to the operating system now. Called before bytes leave for a peer: a kill must not forget a try it saw. */
  flush(): void;
};

/** Memory only: nothing is kept, so nothing need be waited for. */
export const noLog: BusLog = {
  stored: () => undefined,
  removed: () => undefined,
  counted: () => undefined,
  deferred: () => undefined,
  scheduled: () => undefined,
  unscheduled: () => undefined,
  sessionState: () => undefined,
  whenWritten: (then) => {
    then();
  },
  flush: () => undefined,
};
