import type { Delivery } from '../message/delivery.ts';
import type { BusMessage, BusProperties } from './amqp-message.ts';

const URGENT_CLASS_MAX = 1;

/**
 * A delivery as it travels on the bus (design 6.1, 6.2). MessageId is deliveryId.generation: a retry repeats it, so the bus swallows
 * the copy; a redrive does not. Groups are boolean properties, because correlation filters compare for equality.
 */
export const busMessage = (
  delivery: Delivery,
  sealed: Buffer,
  lane: { readonly seq: number; readonly isPossibleDuplicate: boolean },
): BusMessage => {
  const properties: Record<string, string | number | boolean> = {
    format: 1,
    messageKey: delivery.messageKey,
    class: delivery.priorityClass,
    priority: delivery.priorityClass <= URGENT_CLASS_MAX ? 'urgent' : 'routine',
    originOri: delivery.originatingOri,
    destination: delivery.destination,
    dialect: delivery.dialect,
    laneSeq: lane.seq,
    generation: delivery.generation,
    possibleDuplicate: lane.isPossibleDuplicate,
    isTest: delivery.isTest,
    traceparent: delivery.traceparent,
    // For nobody on the bus: what dies there comes back, and must then be told to who sent it.
    agency: delivery.agency,
    station: delivery.station,
    receivedAt: delivery.receivedAtMs,
    receivedCount: delivery.receivedCount,
    directory: delivery.directoryVersion,
  };
  if (delivery.resentOf !== '') properties['resentOf'] = delivery.resentOf;
  for (const group of delivery.groups) properties[`g_${group}`] = true;
  return {
    messageId: `${delivery.deliveryId}.${String(delivery.generation)}`,
    subject: delivery.messageKey,
    contentType: 'application/jose',
    properties: properties satisfies BusProperties,
    body: sealed,
  };
};
