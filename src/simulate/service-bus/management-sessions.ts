import rhea from 'rhea';
import { z } from 'zod';
import type { Queue } from './queue.ts';
import { type Answer, OK, type Request, refusedBy } from './request-link.ts';
import type { Session, Sessions } from './sessions.ts';
import { wireNumber } from './wire-number.ts';
import { plainOf, quotaExceeded, sessionLockLost } from './settlement.ts';

const sessionSchema = z.object({ 'session-id': z.string() });
const stateSchema = sessionSchema.extend({
  'session-state': z
    .unknown()
    .transform(plainOf)
    .pipe(z.union([z.instanceof(Buffer), z.null(), z.undefined()]))
    .optional(),
});

const listSchema = z.object({
  'last-updated-time': z
    .unknown()
    .transform(plainOf)
    .pipe(z.union([z.date(), z.number()]))
    .optional(),
  skip: wireNumber,
  top: wireNumber,
});
/** Sessions named in one answer; an id has at most 128 characters. */
const listedMax = 1_000;

/** What may be asked about sessions: by the link that holds one and, to list them, by anyone. */
export const sessionOperations = {
  'get-message-sessions': list,
  'renew-session-lock': renew,
  'get-session-state': getState,
  'set-session-state': setState,
} as const;

const lost = refusedBy(410, sessionLockLost);

/** Sessions that got a message or a state since a time, in the order they began. After a restart that of all is the start. */
function list(_: Queue, sessions: Sessions, { body }: Request): Answer {
  const { skip, top, 'last-updated-time': since = 0 } = listSchema.parse(body);
  const sinceMs = since instanceof Date ? since.getTime() : since;
  const from = Math.max(0, skip);
  const ids = [...sessions.all()]
    .filter(({ updatedAtMs }) => updatedAtMs >= sinceMs)
    .slice(from, from + Math.min(listedMax, Math.max(0, top)))
    .map(({ id }) => id);
  if (ids.length === 0) return { status: 204, description: 'NoContent' };
  return { ...OK, body: { skip: from, 'sessions-ids': ids } };
}

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
  session.updatedAtMs = Date.now();
  const isKept = queue.setState(session, Buffer.isBuffer(state) ? Buffer.from(state) : undefined);
  return isKept ? OK : refusedBy(403, quotaExceeded(queue.path));
}

function held(
  sessions: Sessions,
  { body, application_properties: properties }: Request,
): Session | undefined {
  return sessions.findOwned(sessionSchema.parse(body)['session-id'], properties['associated-link-name']);
}
