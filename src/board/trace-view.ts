/** The hops of one message as a waterfall: rows with offsets from its acceptance. No bodies and no field values. */
export type TraceView = {
  readonly messageId: string;
  readonly messageKey: string;
  readonly originatingOri: string;
  readonly line: string;
  /** UTC ms: when the message was received, or the first thing known of it. */
  readonly startedAt: number;
  readonly bars: readonly TraceBar[];
  /** Deliveries asked for of which the record does not tell the end. */
  readonly waiting: number;
  /** More happened than is shown. */
  readonly isCut: boolean;
};

export const barsMax = 500;

/** Offsets are ms from `startedAt`, with fractions where they were measured. A moment has an end equal to its start. */
export type TraceBar = {
  /** A room of the gateway, `store`, `wait` for its turn on a lane, `deliver`, or what happened at a moment. */
  readonly stage: string;
  /** Delivery, lane or line it is about. */
  readonly of: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Outcome and code, where there are any. */
  readonly says: string;
  /** The page that proves it. */
  readonly proof: string;
};

/** Why there is no view. */
export type NoTrace = 'NOT_FOUND' | 'BUSY' | 'TOO_LONG';

/** An id of a message or delivery, as writers make them: letters, digits and a few marks. */
export const tracePattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{2,127}$/;
