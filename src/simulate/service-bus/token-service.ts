import { type InjectedFaults, isStruck } from './injected-faults.ts';
import type { Answering } from './request-link.ts';

/** `$cbs`: takes any token for any entity, unless told to refuse. Tokens are not verified. */
export const tokenService =
  (faults: InjectedFaults): Answering =>
  (request, answer) => {
    if (isStruck(faults, 'authFail')) {
      const description = 'InvalidSignature: The token has an invalid signature.';
      answer({ status: 401, description, condition: 'amqp:unauthorized-access' });
    } else if (request.application_properties.operation === 'put-token') {
      answer({ status: 202, description: 'Accepted' });
    } else answer({ status: 400, description: 'Unknown operation', condition: 'amqp:not-implemented' });
  };
