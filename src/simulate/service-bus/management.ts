import rhea from 'rhea';
import { z } from 'zod';
import type { BusLog } from './bus-log.ts';
import { encodeDelivered } from './delivered-bytes.ts';
import type { Address } from './entities.ts';
import { lockKeyOf } from './lock-token.ts';
import { ruleOperations } from './management-rules.ts';
import type { Queue } from './queue.ts';
import type { Answer, Answering } from './request-link.ts';
import type { Settlement } from './settlement.ts';
import { wireNumber } from './wire-number.ts';

const peekMax = 250;
const peekBytesMax = 4 * 1024 * 1024;

const timestamps = 0x83;

const tokensSchema = z.array(z.unknown()).min(1).max(1_000);
const peekSchema = z.object({ 'from-sequence-number': wireNumber, 'message-count': wireNumber });
const renewSchema = z.object({ 'lock-tokens': tokensSchema });
const dispositionSchema = z.object({
  'lock-tokens': tokensSchema,
  'disposition-status': z.enum(['completed', 'abandoned', 'suspended']),
  'deadletter-reason': z.string().optional(),
  'deadletter-description': z.string().optional(),
  'properties-to-modify': z.undefined().optional(),
});

const lockLostAnswer: Answer = {
  status: 410,
  description: 'The lock supplied is invalid.',
  condition: 'com.microsoft:message-lock-lost',
};

/** `$management` of one entity: what the SDK asks outside of links. */
export const management =
  (address: Address, log: BusLog): Answering =>
  (request, answer) => {
    const operation = request.application_properties.operation.replace('com.microsoft:', '');
    const { queue, subscription } = address;
    try {
      if (queue !== undefined && operation === 'peek-message')
        answer(peek(queue, peekSchema.parse(request.body)));
      else if (queue !== undefined && operation === 'renew-lock')
        answer(renew(queue, renewSchema.parse(request.body)));
      else if (queue !== undefined && operation === 'update-disposition') {
        const answered = settle(queue, dispositionSchema.parse(request.body));
        log.whenWritten(() => {
          answer(answered);
        });
      } else if (subscription !== undefined && operation in ruleOperations) {
        answer(ruleOperations[operation as keyof typeof ruleOperations](subscription, request.body));
      } else {
        const description = 'The operation is not played by the stand-in.';
        answer({ status: 501, description, condition: 'amqp:not-implemented' });
      }
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      answer({ status: 400, description: z.prettifyError(error), condition: 'amqp:invalid-field' });
    }
  };

function peek(queue: Queue, body: z.infer<typeof peekSchema>): Answer {
  const count = Math.min(peekMax, Math.max(1, body['message-count']));
  const messages: { message: Buffer }[] = [];
  let bytes = 0;
  for (const { message, deliveryCount } of queue.peek(body['from-sequence-number'], count)) {
    const encoded = encodeDelivered(message, deliveryCount, 0);
    bytes += encoded.length;
    if (bytes > peekBytesMax && messages.length > 0) break;
    messages.push({ message: encoded });
  }
  return messages.length === 0
    ? { status: 204, description: 'NoContent' }
    : { status: 200, description: 'OK', body: { messages } };
}

function renew(queue: Queue, body: z.infer<typeof renewSchema>): Answer {
  const expirations: number[] = [];
  for (const token of body['lock-tokens']) {
    const untilMs = queue.renew(lockKeyOf(token));
    if (untilMs === undefined) return lockLostAnswer;
    expirations.push(untilMs);
  }
  const wrapped: unknown = rhea.types.wrap_array(expirations, timestamps, undefined);
  return { status: 200, description: 'OK', body: { expirations: wrapped } };
}

function settle(queue: Queue, body: z.infer<typeof dispositionSchema>): Answer {
  for (const token of body['lock-tokens']) {
    if (!queue.settle(lockKeyOf(token), settlementFrom(body))) return lockLostAnswer;
  }
  return { status: 200, description: 'OK' };
}

function settlementFrom(body: z.infer<typeof dispositionSchema>): Settlement {
  switch (body['disposition-status']) {
    case 'completed':
      return { kind: 'complete' };
    case 'abandoned':
      return { kind: 'abandon' };
    case 'suspended': {
      const properties = new Map<string, string>();
      const { 'deadletter-reason': reason, 'deadletter-description': description } = body;
      if (reason !== undefined) properties.set('DeadLetterReason', reason);
      if (description !== undefined) properties.set('DeadLetterErrorDescription', description);
      return { kind: 'dead-letter', properties };
    }
  }
}
