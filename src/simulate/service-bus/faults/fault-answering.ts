import type { Answering } from '../request-link.ts';
import { refusedBy } from '../request-link.ts';
import { faultError, throttled } from './fault-conditions.ts';
import type { Scope } from './fault-plan.ts';
import type { Faults } from './faults.ts';

/** What a request is counted with when it waits: its bytes are gone by then, only what it says is kept. */
const heldRequestBytes = 1_000;
const busyStatus = 503;

/** `$management` of one entity, as the switches let it be. */
export const faultyRequests =
  (answering: Answering, faults: Faults, path: string): Answering =>
  (request, answer) => {
    const scope: Scope = { path, direction: 'manage' };
    const overspent = faults.overspent(1);
    if (overspent !== undefined) {
      answer(refusedBy(busyStatus, overspent));
      return;
    }
    if (!faults.isArmed) {
      answering(request, answer);
      return;
    }
    if (faults.isPaused(scope)) {
      faults.hold(scope, heldRequestBytes, () => {
        answering(request, answer);
      });
      return;
    }
    const order = faults.strike(['busy', 'reject', 'lose', 'no-ack', 'late-ack', 'delay'], scope);
    const { delayMs = 0 } = order ?? {};
    switch (order?.fault) {
      case 'busy':
      case 'reject': {
        const { condition = throttled.condition } = order;
        answer(refusedBy(statusOf(condition), faultError(condition, path)));
        return;
      }
      case 'lose':
        return;
      case 'no-ack':
        answering(request, () => undefined);
        return;
      case 'late-ack':
      case 'delay':
        answering(request, (answered) => {
          const isLate = faults.held.later(delayMs, () => {
            answer(answered);
          });
          if (!isLate) answer(answered);
        });
        return;
      default:
        answering(request, answer);
    }
  };

/** `$cbs`, as the switches let it be. */
export const faultyTokens =
  (answering: Answering, faults: Faults): Answering =>
  (request, answer) => {
    if (!faults.isArmed) {
      answering(request, answer);
      return;
    }
    const path = entityOf(request.application_properties.name ?? '');
    const order = faults.strike(['refuse-token', 'ignore-token'], { path, direction: 'manage' });
    if (order?.fault === 'refuse-token') {
      const description = 'InvalidSignature: The token has an invalid signature.';
      answer({ status: 401, description, condition: 'amqp:unauthorized-access' });
    } else if (order === undefined) answering(request, answer);
  };

/** A token names what it is for as `sb://host:port/entity`. */
function entityOf(audience: string): string {
  return audience.replace(/^[a-z]+:\/\/[^/]*\//i, '');
}

/** HTTP-like statuses as the service gives them to a condition. */
function statusOf(condition: string): number {
  const statuses: Readonly<Record<string, number>> = {
    'com.microsoft:server-busy': busyStatus,
    'com.microsoft:timeout': 408,
    'amqp:not-found': 404,
    'amqp:unauthorized-access': 401,
    'com.microsoft:message-lock-lost': 410,
    'com.microsoft:session-lock-lost': 410,
    'amqp:resource-limit-exceeded': 403,
    'com.microsoft:entity-disabled': 400,
  };
  return statuses[condition] ?? 500;
}
