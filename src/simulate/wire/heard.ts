/** A message this end was sent: somebody's message, or a notice of the switch about one of ours. */
export type Delivered = {
  readonly isNotice: boolean;
  readonly messageKey: string;
  readonly originatingOri: string;
  readonly destination: string;
  /** Without its mark; empty when the sender wrote none. */
  readonly control: string;
  readonly isMarked: boolean;
  readonly sentCount: string;
  readonly body: string;
  readonly text: string;
};

/** What came on the line, in words. An `acceptance` or `refusal` is about what we sent; `ack` and `nak` may be. */
export type Heard =
  | { readonly kind: 'ack' | 'nak' | 'other' }
  | { readonly kind: 'acceptance'; readonly messageId: string }
  | { readonly kind: 'refusal'; readonly text: string; readonly statuses: readonly string[] }
  | { readonly kind: 'delivery'; readonly message: Delivered };
