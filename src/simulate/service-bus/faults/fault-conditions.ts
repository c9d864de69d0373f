import { lockLost, type Refusal, sessionLockLost } from '../settlement.ts';

/** What the service says when a namespace asks for more than it may. Tracking ids are left out. */
export const throttled: Refusal = {
  condition: 'com.microsoft:server-busy',
  description:
    'The request was terminated because the namespace stand-in is being throttled. Error code : 50009. ' +
    'Please wait 2 seconds and try again.',
};

/** Closes the whole connection; every other condition ends one link or refuses one operation. */
export const connectionForced = 'amqp:connection:forced';

/** Every condition a switch may name, with the service's words for it; `entity` is put where the service names it. */
const descriptions: Readonly<Record<string, string>> = {
  'amqp:link:detach-forced':
    'The link is force detached. Code: publisher(link). Details: Idle timeout: 00:10:00.',
  [connectionForced]: 'The connection was inactive for more than the allowed period of time.',
  'amqp:link:stolen': 'New receiver with higher priority is created hence current receiver is disconnected.',
  'amqp:link:message-size-exceeded': 'The received message passes the allowed size.',
  'amqp:not-found': "The messaging entity '{entity}' could not be found.",
  'amqp:not-allowed': 'The operation is not allowed on the entity.',
  'amqp:unauthorized-access': "Unauthorized access. Claims are required to perform this on '{entity}'.",
  'amqp:internal-error': 'The service was unable to process the request; please retry the operation.',
  'amqp:resource-limit-exceeded': "The maximum entity size has been reached or exceeded for '{entity}'.",
  'amqp:resource-deleted': "The messaging entity '{entity}' was deleted.",
  'amqp:decode-error': 'The bytes cannot be read.',
  'com.microsoft:timeout': 'The operation did not complete within the allotted time.',
  'com.microsoft:entity-disabled': "The messaging entity '{entity}' is currently disabled.",
  'com.microsoft:operation-cancelled': 'The operation was cancelled: the entity is being moved.',
  [throttled.condition]: throttled.description,
  [lockLost.condition]: lockLost.description,
  [sessionLockLost.condition]: sessionLockLost.description,
};

export const faultConditions: readonly string[] = Object.keys(descriptions);

/** The whole name of a condition that may be given by its last part alone, as in `entity-disabled`; undefined when unknown. */
export function conditionNamed(name: string): string | undefined {
  return faultConditions.find((known) => known === name || known.endsWith(`:${name}`));
}

/** The error a peer is told for a condition of the table. */
export function faultError(condition: string, entity: string): Refusal {
  const description = descriptions[condition] ?? '';
  return { condition, description: description.replace('{entity}', entity.slice(0, 300)) };
}
