import type { Properties } from './settlement.ts';

/** Why the bus itself buries a message, in the properties the service uses for it. */
const reasons = (reason: string, description: string): Properties =>
  new Map([
    ['DeadLetterReason', reason],
    ['DeadLetterErrorDescription', description],
  ]);

export const expired = reasons('TTLExpiredException', 'The message expired and was dead lettered.');

export const sessionMissing = reasons(
  'Session ID is null.',
  "Session enabled entity doesn't allow a message whose session identifier is null.",
);

/** The service names no text for this one in its documentation. */
export const filterFailed = reasons(
  'FilterEvaluationException',
  'A rule of the subscription could not be computed for the message.',
);

export const triedTooOften = (maxDeliveryCount: number): Properties =>
  reasons(
    'MaxDeliveryCountExceeded',
    `Message could not be consumed after ${String(maxDeliveryCount)} delivery attempts.`,
  );
