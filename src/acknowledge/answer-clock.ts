import { clockValues, type FormValues } from '../dialect/dialect.ts';

/** The line's own counters: messages received from it and sent to it, this answer included. */
export type Counts = { readonly received: number; readonly sent: number };

/**
 * Both clock lines of an answer. It leaves in the minute its cause came, as far as a header of minutes can tell, so both
 * show when that was received.
 */
export function answerClock(receivedAt: Date, counts: Counts, utcOffsetMinutes: number): FormValues {
  const { received, sent } = counts;
  const clocks = { receivedAt, receivedCount: received, sentAt: receivedAt, sentCount: sent };
  return clockValues(clocks, utcOffsetMinutes);
}
