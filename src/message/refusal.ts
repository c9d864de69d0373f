import type { RefusalCode } from './codes.ts';

/**
 * The sender's doing: expected, returned, never thrown. It says where, never what: no field's value is in it.
 * `offset` and `length` point into the frame; `field` is a field code, a header part, or a subscription; `limit` the bound that was passed.
 */
export type Refusal = {
  readonly code: RefusalCode;
  readonly field?: string;
  readonly offset?: number;
  readonly length?: number;
  readonly limit?: number;
};

/** What a room of the inbound road answers: its output, or the refusals (validate collects all, others stop at one). */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusals: readonly [Refusal, ...Refusal[]] };
