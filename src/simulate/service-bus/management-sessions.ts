import rhea from 'rhea';
import { z } from 'zod';
import type { Queue } from './queue.ts';
import { type Answer, OK, type Request, refusedBy } from './request-link.ts';
import type { Session, Sessions } from './sessions.ts';
import { plainOf, quotaExceeded, sessionLockLost } from './settlement.ts';

const sessionSchema = z.object({ 'session-id': z.string() });
const stateSchema = sessionSchema.extend({
  'session-state': z
    .unknown()
    .transform(plainOf)
    .pipe(z.union([z.instanceof(Buffer), z.null(), z.undefined()]))
    .optional(),
});

/** What may be asked about a session by the link that holds it. */
export const sessionOperations = {
  'renew-session-lock': renew,
  'get-session-state': getState,
  'set-session-state': setState,
} as const;

const lost = refusedBy(410, sessionLockLost);

function renew(_: Queue, sessions: Sessions, request: Request): Answer {
  const session = held(sessions, request);
  if (session === undefined) return lost;
  return { ...OK, body: { expiration: rhea.types.wrap_timestamp(sessions.renew(session)) } };
}

function getState(_: Queue, sessions: Sessions, request: Request): Answer {
  const session = held(sessions, request);
  if (session === undefined) return lost;
  const state: unknown = session.state === undefined ? null : rhea.types.wrap_binary(session.state);
  return { ...OK, body: { 'session-state': state } };
}

function setState(queue: Queue, sessions: Sessions, request: Request): Answer {
  const session = held(sessions, request);
  if (session === undefined) return lost;
  const { 'session-state': state } = stateSchema.parse(request.body);
  // A copy: the bytes are a view into the network read.
  const isKept = queue.setState(session, Buffer.isBuffer(state) ? Buffer.from(state) : undefined);
  return isKept ? OK : refusedBy(403, quotaExceeded(queue.path));
}

function held(
  sessions: Sessions,
  { body, application_properties: properties }: Request,
): Session | undefined {
  return sessions.findOwned(sessionSchema.parse(body)['session-id'], properties['associated-link-name']);
}
