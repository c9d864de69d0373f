import rhea from 'rhea';
import { z } from 'zod';
import { encodeDelivered } from './delivered-bytes.ts';
import type { Address } from './entities.ts';
import type { Lane } from './lane.ts';
import { lockKeyOf, lockToken } from './lock-token.ts';
import type { Queue } from './queue.ts';
import { type Answer, OK, type Request, refusedBy } from './request-link.ts';
import {
  lockLost,
  propertiesOf,
  propertiesTooLarge,
  type Refusal,
  sessionLockLost,
  type Settlement,
} from './settlement.ts';
import type { Peeked } from './stored-message.ts';
import { sessionIdOf } from './wire-message.ts';
import { wireNumber, wireNumbers } from './wire-number.ts';

const peekMax = 250;
const peekBytesMax = 4 * 1024 * 1024;

const timestamps = 0x83;

const tokensSchema = z.array(z.unknown()).min(1).max(1_000);
const sessionSchema = z.object({ 'session-id': z.string().optional() });
const peekSchema = sessionSchema.extend({
  'from-sequence-number': wireNumber,
  'message-count': wireNumber,
});
const renewSchema = z.object({ 'lock-tokens': tokensSchema });
const dispositionSchema = z.object({
  'lock-tokens': tokensSchema,
  'disposition-status': z.enum(['completed', 'abandoned', 'defered', 'suspended']),
  'deadletter-reason': z.string().optional(),
  'deadletter-description': z.string().optional(),
  'properties-to-modify': z.unknown().optional(),
});
const deferredSchema = z.object({
  'sequence-numbers': wireNumbers,
  'receiver-settle-mode': wireNumber,
});

/** What may be asked of anything messages are received from. */
export const queueOperations = {
  'peek-message': peek,
  'renew-lock': renew,
  'update-disposition': settle,
  'receive-by-sequence-number': takeDeferred,
} as const;

const notInSessions: Refusal = {
  condition: 'amqp:not-allowed',
  description: 'In a session the lock of the session is renewed, not those of its messages.',
};
const notFound: Refusal = {
  condition: 'com.microsoft:message-not-found',
  description: 'A message with one of these sequence numbers is not deferred here.',
};

const tooMuchAtOnce: Refusal = {
  condition: 'amqp:link:message-size-exceeded',
  description: 'The messages asked for are more than 8 MiB: ask for fewer at once.',
};

/** A queue also shows what is scheduled for it; a topic keeps that away from its subscriptions. */
function peek({ topic }: Address, queue: Queue, { body }: Request): Answer {
  const wanted = peekSchema.parse(body);
  const [from, sessionId] = [wanted['from-sequence-number'], wanted['session-id']];
  const count = Math.min(peekMax, Math.max(1, wanted['message-count']));
  const isOfSession = ({ message }: Peeked) =>
    sessionId === undefined || sessionIdOf(message.bare) === sessionId;
  const scheduled = topic?.schedule.peek(from, count, isOfSession) ?? [];
  const found = [...queue.peek(from, count, sessionId), ...scheduled]
    .sort((a, b) => a.message.sequence - b.message.sequence)
    .slice(0, count);
  const messages: { message: Buffer }[] = [];
  let bytes = 0;
  for (const { message, deliveryCount, expiresAtMs, state } of found) {
    const encoded = encodeDelivered(message, deliveryCount, 0, expiresAtMs, state);
    bytes += encoded.length;
    if (bytes > peekBytesMax && messages.length > 0) break;
    messages.push({ message: encoded });
  }
  return messages.length === 0 ? { status: 204, description: 'NoContent' } : { ...OK, body: { messages } };
}

function renew(_: Address, queue: Queue, { body }: Request): Answer {
  if (queue.sessions !== undefined) return refusedBy(400, notInSessions);
  const expirations: number[] = [];
  for (const token of renewSchema.parse(body)['lock-tokens']) {
    const untilMs = queue.renew(lockKeyOf(token));
    if (untilMs === undefined) return refusedBy(410, lockLost);
    expirations.push(untilMs);
  }
  const wrapped: unknown = rhea.types.wrap_array(expirations, timestamps, undefined);
  return { ...OK, body: { expirations: wrapped } };
}

function settle(_: Address, queue: Queue, request: Request): Answer {
  const body = dispositionSchema.parse(request.body);
  const lane = laneOf(queue, request);
  if (lane === 'lost') return refusedBy(410, sessionLockLost);
  for (const token of body['lock-tokens']) {
    const settled = queue.settle(lockKeyOf(token), settlementFrom(body), lane);
    if (settled === 'lock-lost') return refusedBy(410, lockLost);
    if (settled === 'too-large') return refusedBy(413, propertiesTooLarge);
  }
  return OK;
}

function takeDeferred(_: Address, queue: Queue, request: Request): Answer {
  const body = deferredSchema.parse(request.body);
  const lane = laneOf(queue, request);
  if (lane === 'lost') return refusedBy(410, sessionLockLost);
  const isPresettled = body['receiver-settle-mode'] === 0;
  const taken = queue.takeDeferred(body['sequence-numbers'], isPresettled, lane);
  if (taken === 'missing') return refusedBy(404, notFound);
  if (taken === 'too-much') return refusedBy(413, tooMuchAtOnce);
  const messages = taken.map(({ bytes, lock }) => ({
    message: bytes,
    'lock-token': rhea.types.wrap_uuid(lockToken(lock?.key ?? 0)),
  }));
  return { ...OK, body: { messages } };
}

/** Where the request's locks are: in its session, while its link holds that. */
function laneOf(
  queue: Queue,
  { body, application_properties: properties }: Request,
): Lane | undefined | 'lost' {
  if (queue.sessions === undefined) return undefined;
  const id = sessionSchema.parse(body)['session-id'] ?? '';
  return queue.sessions.findOwned(id, properties['associated-link-name']) ?? 'lost';
}

const kinds = {
  completed: 'complete',
  abandoned: 'abandon',
  defered: 'defer',
  suspended: 'dead-letter',
} as const satisfies Record<string, Settlement['kind']>;

function settlementFrom(body: z.infer<typeof dispositionSchema>): Settlement {
  const properties = new Map(propertiesOf(body['properties-to-modify']));
  const { 'deadletter-reason': reason, 'deadletter-description': description } = body;
  if (reason !== undefined) properties.set('DeadLetterReason', reason);
  if (description !== undefined) properties.set('DeadLetterErrorDescription', description);
  return { kind: kinds[body['disposition-status']], properties };
}
