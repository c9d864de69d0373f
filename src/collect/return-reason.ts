import type { FaultCode } from '../message/codes.ts';

/** Why a message came back from the bus: the closed set, documented in docs/refusals.md. */
export const returnCodes = [
  'COLLECT_EXPIRED',
  'COLLECT_TRIES',
  'COLLECT_REJECTED',
  'COLLECT_OTHER',
  'COLLECT_FOREIGN',
] as const satisfies readonly FaultCode[];
export type ReturnCode = (typeof returnCodes)[number];

/**
 * What the service itself writes as `DeadLetterReason`, as its documentation and our own reading of its answers have it. Anything else, or
 * nothing, was written by whoever received it: a rejection.
 */
const SERVICE_REASONS: ReadonlyMap<string, ReturnCode> = new Map([
  ['TTLExpiredException', 'COLLECT_EXPIRED'],
  ['MaxDeliveryCountExceeded', 'COLLECT_TRIES'],
  ['HeaderSizeExceeded', 'COLLECT_OTHER'],
  ['Session ID is null.', 'COLLECT_OTHER'],
  ['Session id is null.', 'COLLECT_OTHER'],
  ['MaxTransferHopCountExceeded', 'COLLECT_OTHER'],
]);

/** The bus's free text may hold anything a receiver wrote: it is looked at here and goes no further. */
export const returnCode = (reason: string | undefined): ReturnCode =>
  SERVICE_REASONS.get(reason ?? '') ?? 'COLLECT_REJECTED';
