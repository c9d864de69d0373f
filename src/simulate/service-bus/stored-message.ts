/** One message the stand-in keeps; shared by every queue it went to, never changed. */
export type StoredMessage = {
  /** Rises by one a message and topic. */
  readonly sequence: number;
  readonly enqueuedAtMs: number;
  /** 0: never. */
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

/** What a message counts against a queue's byte limit: its bytes and about what the process needs to hold it. */
export function heldBytes(message: StoredMessage): number {
  return message.bare.length + message.annotations.length + 200;
}
