import type { ServiceBusClient, ServiceBusReceivedMessage } from '@azure/service-bus';
import { guarded } from '../bus/guarded-signal.ts';
import { inTime } from '../bus/in-time.ts';
import { Fault } from '../message/codes.ts';

export type Visited = {
  readonly topic: string;
  readonly subscription: string;
  readonly queue: 'messages' | 'deadLetter';
};

export type VisitLimits = {
  readonly batchMax: number;
  /** After so many batches it is somebody else's turn. */
  readonly batchesMax: number;
  /** How long a queue must give nothing to be taken for empty. */
  readonly waitMs: number;
  /** For the bus to answer anything at all. */
  readonly timeoutMs: number;
  /** Ends the wait for messages; the visit then ends by a throw. */
  readonly signal: AbortSignal;
};

/**
 * What became of a visit. `emptyAt`: the bus's queue gave nothing more, asked from that moment (Unix ms) on; undefined when it has more, or
 * the visitor held.
 */
export type Visit = { readonly taken: number; readonly emptyAt: number | undefined };

const CLOSE_MS = 1000;

/**
 * Goes to one queue, hands what is there to `keep` in batches, completes what `keep` kept, and leaves: no link stays. Of what `keep`
 * answers 'hold' nothing is completed and the visit ends; the bus gives it again when its locks are over. Every wait ends. Throws what
 * `classifyBusFault` reads.
 */
export const visit = async (
  client: ServiceBusClient,
  { topic, subscription, queue }: Visited,
  { batchMax, batchesMax, waitMs, timeoutMs, signal }: VisitLimits,
  keep: (messages: readonly ServiceBusReceivedMessage[]) => Promise<'kept' | 'hold'>,
): Promise<Visit> => {
  const receiver = client.createReceiver(topic, subscription, {
    receiveMode: 'peekLock',
    ...(queue === 'deadLetter' ? { subQueueType: 'deadLetter' } : {}),
    maxAutoLockRenewalDurationInMs: 0,
    skipParsingBodyAsJson: true,
  });
  let taken = 0;
  try {
    for (let batch = 0; batch < batchesMax; batch += 1) {
      const askedAt = Date.now();
      const receiving = receiver.receiveMessages(batchMax, {
        maxWaitTimeInMs: waitMs,
        abortSignal: guarded(signal),
      });
      const messages = await inTime(waitMs + timeoutMs, receiving);
      if (messages === undefined) throw new Fault('DELIVER_LINK', 'the bus does not answer a receiver');
      if (messages.length === 0) return { taken, emptyAt: askedAt };
      if ((await keep(messages)) === 'hold') break;
      taken += messages.length;
      // One outcome for all of a batch: the AMQP library may join settlements of neighbours. One that fails comes again, and is known.
      const completing = messages.map((message) => receiver.completeMessage(message).catch(() => undefined));
      await inTime(timeoutMs, Promise.all(completing));
    }
    return { taken, emptyAt: undefined };
  } finally {
    await inTime(CLOSE_MS, receiver.close()).catch(() => undefined);
  }
};
