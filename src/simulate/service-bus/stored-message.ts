/** One message the stand-in keeps; shared by every queue it went to, never changed. */
export type StoredMessage = {
  /** Rises by one a message and topic. */
  readonly sequence: number;
  readonly enqueuedAtMs: number;
  /** By its own and its topic's time to live; a queue may end it earlier. 0: never. */
  readonly expiresAtMs: number;
  readonly messageId: string;
  readonly annotations: Buffer;
  readonly annotationCount: number;
  readonly bare: Buffer;
  /** Path of the queue it died in; empty outside dead-letter queues. */
  readonly deadLetterSource: string;
};

/** A message's place in one queue. */
export type Held = { readonly message: StoredMessage; deliveryCount: number };

/** What `x-opt-message-state` says; an active message carries none. */
export const messageStates = { active: 0, deferred: 1, scheduled: 2 } as const;
export type MessageState = (typeof messageStates)[keyof typeof messageStates];

/** A message as `peek` shows it. */
export type Peeked = Held & { readonly state: MessageState; readonly expiresAtMs: number };

/** What a message counts against a queue's byte limit: its bytes and about what the process needs to hold it. */
export function heldBytes(message: StoredMessage): number {
  return message.bare.length + message.annotations.length + 200;
}

/** When a message ends in a queue whose own time to live is `ttlMs`: the earlier of both; Infinity for never. */
export function expiryOf(message: StoredMessage, ttlMs: number): number {
  const byQueue = message.enqueuedAtMs + ttlMs;
  return message.expiresAtMs !== 0 && message.expiresAtMs < byQueue ? message.expiresAtMs : byQueue;
}
