import type { Right } from './access-policies.ts';
import type { Claims } from './claims.ts';
import type { Answering } from './request-link.ts';
import { refusedBy } from './request-link.ts';

/** `$cbs`: takes tokens and keeps what they allow for as long as the connection lives. */
export const tokenService =
  (claims: Claims): Answering =>
  ({ application_properties: { operation, name }, body }, answer) => {
    if (operation !== 'put-token') {
      answer({ status: 400, description: 'Unknown operation', condition: 'amqp:not-implemented' });
      return;
    }
    const checked = claims.put(typeof body === 'string' ? body : '', name ?? '', Date.now());
    if (checked.ok) answer({ status: 202, description: 'Accepted' });
    else answer({ status: 401, description: checked.description, condition: 'amqp:unauthorized-access' });
  };

/** What a sender may ask of `$management`; everything else is a receiver's, rules too: the SDK's rule manager needs Listen alone. */
const sendersOperations = new Set(['schedule-message', 'cancel-scheduled-message']);

/** Answers only what the tokens on the connection allow at this address. */
export const guardedRequests =
  (answering: Answering, claims: Claims, address: string): Answering =>
  (request, answer) => {
    const operation = request.application_properties.operation.replace('com.microsoft:', '');
    const right: Right = sendersOperations.has(operation) ? 'Send' : 'Listen';
    const refusal = claims.refusal(address, right, Date.now());
    if (refusal === undefined) answering(request, answer);
    else answer(refusedBy(401, refusal));
  };
