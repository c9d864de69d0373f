import type { Primitive } from './amqp-bytes.ts';

/** Application properties a receiver adds to or replaces in a message. */
export type Properties = ReadonlyMap<string, Primitive>;

/** How a receiver ends a lock. */
export type Settlement = {
  readonly kind: 'complete' | 'abandon' | 'defer' | 'dead-letter';
  readonly properties: Properties;
};

/** What became of a settlement; `too-large`: with its properties the message would pass the header limit. */
export type Settled = 'settled' | 'lock-lost' | 'too-large';

/** An AMQP error as a peer is told it. */
export type Refusal = { readonly condition: string; readonly description: string };

/** Outcomes of AMQP part 3.4 as rhea names its events. */
export type Outcome = 'accepted' | 'rejected' | 'released' | 'modified';

export const lockLost: Refusal = {
  condition: 'com.microsoft:message-lock-lost',
  description:
    'The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.',
};

export const sessionLockLost: Refusal = {
  condition: 'com.microsoft:session-lock-lost',
  description: 'The session lock has expired on the session. Accept the session again.',
};

export const propertiesTooLarge: Refusal = {
  condition: 'amqp:link:message-size-exceeded',
  description: 'The properties of the message would pass 64 KB.',
};

export const sessionNeeded: Refusal = {
  condition: 'amqp:not-allowed',
  description:
    'The SessionId was not set on a message, and it cannot be sent to the entity. Entities that have session support ' +
    'enabled can only receive messages that have the SessionId set to a valid value.',
};

export const quotaExceeded = (full: string): Refusal => ({
  condition: 'amqp:resource-limit-exceeded',
  description: `The maximum entity size has been reached or exceeded for '${full}'.`,
});

/** The SDK reads MessagingEntityNotFound out of this very sentence, the name included. */
export const entityNotFound = (path: string): Refusal => ({
  condition: 'amqp:not-found',
  description: `The messaging entity '${path.slice(0, 300)}' could not be found.`,
});

export const entityDisabled = (path: string): Refusal => ({
  condition: 'com.microsoft:entity-disabled',
  description: `Messaging entity '${path.slice(0, 300)}' is currently disabled.`,
});

export const messageTooLarge: Refusal = {
  condition: 'amqp:link:message-size-exceeded',
  description: 'The received message passes the allowed size.',
};

const none: Properties = new Map();

/**
 * What an outcome means to Service Bus: modified is abandon or, where undeliverable, defer; rejected is dead-letter
 * with its reason in the error's info map.
 */
export function settlementOf(outcome: Outcome, state: unknown): Settlement {
  switch (outcome) {
    case 'accepted':
      return { kind: 'complete', properties: none };
    case 'released':
      return { kind: 'abandon', properties: none };
    case 'rejected':
      return { kind: 'dead-letter', properties: propertiesOf(field(field(state, 'error'), 'info')) };
    case 'modified': {
      const kind = field(state, 'undeliverable_here') === true ? 'defer' : 'abandon';
      return { kind, properties: propertiesOf(field(state, 'message_annotations')) };
    }
  }
}

/** The texts, numbers and booleans of a map off the wire; other values are left out. */
export function propertiesOf(map: unknown): Properties {
  const properties = new Map<string, Primitive>();
  for (const [key, value] of Object.entries(object(map))) {
    const plain = plainOf(value);
    if (typeof plain === 'string' || typeof plain === 'number' || typeof plain === 'boolean') {
      properties.set(key, plain);
    }
  }
  return properties;
}

/** rhea leaves some values wrapped in their wire type. */
export function plainOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Buffer.isBuffer(value) && 'value' in value
    ? value.value
    : value;
}

function field(value: unknown, name: string): unknown {
  return object(value)[name];
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
