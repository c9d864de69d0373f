import type { Refusal } from './settlement.ts';

/** A receiver without a session where sessions are required. */
export const sessionRequired: Refusal = {
  condition: 'amqp:not-allowed',
  description:
    'It is not possible for an entity that requires sessions to create a non-sessionful message receiver.',
};

/** A receiver of a session where there are none. */
export const noSessionsHere: Refusal = {
  condition: 'amqp:not-allowed',
  description:
    'A sessionful message receiver cannot be created on an entity that does not require sessions. Ensure ' +
    'RequiresSession is set to true when creating a Queue or Subscription to enable sessionful behavior.',
};

/** The SDK reads MessagingEntityNotFound out of this very sentence, the name included. */
export const notFound = (address: string): Refusal => ({
  condition: 'amqp:not-found',
  description: `The messaging entity '${address.slice(0, 300)}' could not be found.`,
});
