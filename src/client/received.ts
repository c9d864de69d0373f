import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { idOf } from '../bus/receiving-batch.ts';

/** One message as your code gets it. Everything but `body` travels in clear on the bus and is not covered by the seal. */
export type Received = {
  /** `<deliveryId>.<generation>`; repeats carry the same one. */
  readonly messageId: string;
  readonly deliveryId: string;
  /** Rises when an operator sends the delivery again: then it is a message on its own, marked as a possible duplicate. */
  readonly generation: number;
  /** You may have had it before, perhaps under another generation. Show it so; never hide it. */
  readonly possibleDuplicate: boolean;
  /** 0 the first time the bus hands it out. */
  readonly deliveryCount: number;
  /** Rises by one for each message of its lane and class; a gap means one is still to come. */
  readonly laneSeq: number;
  /** When the bus took it, by the bus's clock; undefined when it does not say. */
  readonly enqueuedAt: Date | undefined;
  /** messageKey, class, originOri, destination, dialect, groups as `g_<code>`, traceparent … */
  readonly properties: Readonly<Record<string, unknown>>;
  /** The message as its sender wrote it. It is criminal justice information: do not log it. */
  readonly body: Buffer;
};

/** The envelope of a bus message; its body comes from `unseal`. */
export function received(message: ServiceBusReceivedMessage, body: Buffer, triesBefore = 0): Received {
  const messageId = idOf(message);
  const end = messageId.lastIndexOf('.');
  const generation = Number(messageId.slice(end + 1));
  const isOurs = end > 0 && Number.isSafeInteger(generation);
  const properties = message.applicationProperties ?? {};
  const deliveryCount = message.deliveryCount ?? 0;
  return {
    messageId,
    deliveryId: isOurs ? messageId.slice(0, end) : messageId,
    generation: isOurs ? generation : 0,
    possibleDuplicate: properties['possibleDuplicate'] === true || deliveryCount + triesBefore > 0,
    deliveryCount,
    laneSeq: Number(properties['laneSeq'] ?? 0),
    enqueuedAt: message.enqueuedTimeUtc,
    properties,
    body,
  };
}
