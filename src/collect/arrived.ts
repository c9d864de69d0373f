import { z } from 'zod';
import { type PriorityClass, priorityClasses } from '../message/delivery.ts';
import type { BusLetter } from './returned.ts';

/** What a message on a topic says of its place in the lane. */
export type Arrived = {
  readonly priorityClass: PriorityClass;
  readonly seq: number;
  /** It says itself that it may be a repeat. */
  readonly isMarked: boolean;
  /** The bus gives it again: we had it and did not say so in time. */
  readonly isAgain: boolean;
};

const properties = z.looseObject({
  format: z.literal(1),
  class: z.literal(priorityClasses),
  laneSeq: z.number().int().min(1),
  possibleDuplicate: z.boolean(),
});

/** Undefined for a message that is not ours. */
export const readArrived = ({ applicationProperties, deliveryCount }: BusLetter): Arrived | undefined => {
  const parsed = properties.safeParse(applicationProperties ?? {});
  if (!parsed.success) return undefined;
  const { class: priorityClass, laneSeq: seq, possibleDuplicate: isMarked } = parsed.data;
  return { priorityClass, seq, isMarked, isAgain: (deliveryCount ?? 0) > 0 };
};
