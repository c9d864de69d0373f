/** How a receiver ends a lock. */
export type Settlement =
  | { readonly kind: 'complete' }
  | { readonly kind: 'abandon' }
  | { readonly kind: 'dead-letter'; readonly properties: ReadonlyMap<string, string> };

/** Outcomes of AMQP part 3.4 as rhea names its events. */
export type Outcome = 'accepted' | 'rejected' | 'released' | 'modified';

export const lockLost = {
  condition: 'com.microsoft:message-lock-lost',
  description:
    'The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.',
};

export const notPlayed = {
  condition: 'amqp:not-implemented',
  description: 'Deferring, and abandoning with changed properties, are not played by the stand-in.',
};

/**
 * What an outcome means to Service Bus: modified is abandon (or defer), rejected is dead-letter with its reason in
 * the error's info map. Undefined for what the stand-in does not play.
 */
export function settlementOf(outcome: Outcome, state: unknown): Settlement | undefined {
  switch (outcome) {
    case 'accepted':
      return { kind: 'complete' };
    case 'released':
      return { kind: 'abandon' };
    case 'rejected':
      return { kind: 'dead-letter', properties: textsOf(field(field(state, 'error'), 'info')) };
    case 'modified': {
      const isChanged = Object.keys(object(field(state, 'message_annotations'))).length > 0;
      return isChanged || field(state, 'undeliverable_here') === true ? undefined : { kind: 'abandon' };
    }
  }
}

/** The text values of a map off the wire; dead-letter reasons are texts. */
export function textsOf(map: unknown): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(object(map))) {
    const plain = plainOf(value);
    if (typeof plain === 'string') texts.set(key, plain);
  }
  return texts;
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
