import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { z } from 'zod';
import { type Delivery, priorityClasses } from '../message/delivery.ts';
import { type ReturnCode, returnCode } from './return-reason.ts';

/** A message as a receiver of the bus gets it. */
export type BusLetter = ServiceBusReceivedMessage;

/** A delivery of ours that died on the bus. `recipients` of the delivery are in its seal, so they are not known yet. */
export type ReturnedDelivery = {
  readonly kind: 'ours';
  readonly code: ReturnCode;
  /** MessageId on the bus: `<deliveryId>.<generation>`. */
  readonly mid: string;
  /** Its number in lane and class. */
  readonly seq: number;
  readonly delivery: Delivery;
  /** The JWE; undefined when the message had no body of bytes. */
  readonly sealed: Buffer | undefined;
};

/** Somebody else's message. `busNumber`: the bus's own number for it in its queue. */
export type ForeignMessage = {
  readonly kind: 'foreign';
  readonly busNumber: string;
  readonly body: Buffer | undefined;
};

export type Returned = ReturnedDelivery | ForeignMessage;

const GROUP = /^g_([A-Z0-9]{1,9})$/;
/** Who may send to the topic may write anything: only what looks like ours is taken for ours. */
const text = z.string().regex(/^[ -~]{0,128}$/);
const id = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/);
const whole = z.number().int().nonnegative();
const mid = /^(([a-z0-9]{1,32}-\d{1,15})-\d{1,6})\.(\d{1,6})$/;

const properties = z.looseObject({
  format: z.literal(1),
  messageKey: id,
  class: z.literal(priorityClasses),
  originOri: text,
  destination: text,
  dialect: id,
  laneSeq: whole.min(1),
  generation: whole.min(1),
  isTest: z.boolean(),
  traceparent: text,
  agency: id,
  station: id,
  receivedAt: whole,
  receivedCount: whole,
  directory: text,
  resentOf: text.optional(),
});

/**
 * A message of a dead-letter queue as the delivery it was. User, terminal and incident never were on the bus: they stand in the record of
 * its acceptance. Never throws.
 */
export const readReturned = (message: BusLetter): Returned => {
  const { messageId, applicationProperties = {}, deadLetterReason } = message;
  const body: unknown = message.body;
  const bytes = Buffer.isBuffer(body) ? body : undefined;
  const [, deliveryId, ofMessage, generation] = mid.exec(String(messageId)) ?? [];
  const parsed = properties.safeParse(applicationProperties);
  const isOurs = parsed.success && Number(generation) === parsed.data.generation;
  if (deliveryId === undefined || ofMessage === undefined || !isOurs)
    return { kind: 'foreign', busNumber: String(message.sequenceNumber ?? ''), body: bytes };
  const p = parsed.data;
  return {
    kind: 'ours',
    code: returnCode(deadLetterReason),
    mid: String(messageId),
    seq: p.laneSeq,
    delivery: {
      deliveryId,
      generation: p.generation,
      messageId: ofMessage,
      messageKey: p.messageKey,
      priorityClass: p.class,
      originatingOri: p.originOri,
      destination: p.destination,
      groups: groupsOf(applicationProperties),
      recipients: [],
      agency: p.agency,
      station: p.station,
      dialect: p.dialect,
      receivedAtMs: p.receivedAt,
      receivedCount: p.receivedCount,
      directoryVersion: p.directory,
      isTest: p.isTest,
      traceparent: p.traceparent,
      user: '',
      terminal: '',
      incident: '',
      resentOf: p.resentOf ?? '',
      isNotice: false,
    },
    sealed: bytes,
  };
};

const groupsOf = (all: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.keys(all).flatMap((name) => {
    const [, group] = GROUP.exec(name) ?? [];
    return group === undefined || all[name] !== true ? [] : [group];
  });
