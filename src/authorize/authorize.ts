import { destinationKindOf, isBroadcast, isNetworkCode, keyOf, matchesPicture } from '../dialect/dialect.ts';
import type { DestinationKind, Dialect, KeyDefinition } from '../dialect/dialect.ts';
import { isUpstream, type Line, mayOriginate } from '../directory/directory.ts';
import type { RefusalCode } from '../message/codes.ts';
import type { Destination, Message, PermittedMessage } from '../message/message.ts';
import type { Outcome, Refusal } from '../message/refusal.ts';

/**
 * May this line send this key, as this ORI, to these destinations? Reads the header only and comes before any field
 * is checked, so a stranger learns nothing about fields. Stops at the first refusal.
 *
 * `isLoggedOn`: on a line that requires it, the session is. Where it is not, nothing but a log-on or log-off passes.
 */
export function authorize(
  message: Message,
  line: Line,
  dialect: Dialect,
  isLoggedOn = false,
): Outcome<PermittedMessage> {
  const refusal = logOnRefusal(message, line, dialect, isLoggedOn) ?? firstRefusal(message, line, dialect);
  if (refusal !== undefined) return { ok: false, refusals: [refusal] };
  // A copy of a dozen references: cheaper to reason about than a type assertion over the caller's object.
  return { ok: true, value: { ...message, permitted: true } };
}

/** First of all: whoever has not said who it is learns of no key whether it exists. */
function logOnRefusal(
  { messageKey, keyOffset }: Message,
  { logOn }: Line,
  { session }: Dialect,
  isLoggedOn: boolean,
): Refusal | undefined {
  // Logging off twice does no harm.
  if (logOn === undefined || isLoggedOn || messageKey === session?.logOn || messageKey === session?.logOff)
    return undefined;
  return { code: 'AUTHORIZE_LOG_ON_MISSING', field: 'key', offset: keyOffset };
}

function firstRefusal(message: Message, line: Line, dialect: Dialect): Refusal | undefined {
  const { messageKey, keyOffset, originatingOri, oriOffset } = message;
  const atKey = { field: 'key', offset: keyOffset };
  if (message.isRelayed && !isUpstream(line)) return { code: 'AUTHORIZE_NOT_UPSTREAM', ...atKey };
  const key = keyOf(dialect, messageKey);
  if (key === undefined) return { code: 'AUTHORIZE_MESSAGE_KEY_UNKNOWN', ...atKey };
  // What the network says of itself comes from the network, whatever the line may send (domain sheet 3.2 [S4]).
  const isTheirs = key.kind === 'status' && !isUpstream(line);
  if (isTheirs || !maySend(line, key)) {
    return { code: 'AUTHORIZE_MESSAGE_KEY', ...atKey };
  }
  // The ORI in a text is a claim; the line is what we know (domain sheet 10.3).
  if (!mayOriginate(line, originatingOri)) {
    return { code: 'AUTHORIZE_ORI_NOT_ON_LINE', field: 'ori', offset: oriOffset };
  }
  return destinationRefusal(message, key, line, dialect);
}

/** Log-on and log-off go where they are asked for, and nowhere else. */
function maySend({ keys, logOn }: Line, { key, kind }: KeyDefinition): boolean {
  if (kind === 'session') return logOn !== undefined;
  return keys === 'all' || keys.has(key);
}

function destinationRefusal(
  message: Message,
  key: KeyDefinition,
  line: Line,
  dialect: Dialect,
): Refusal | undefined {
  const { kinds, codesMax, only, except } = key.destinations;
  const max = maxOf(message, key);
  let codes = 0;
  for (const [at, destination] of message.destinations.entries()) {
    const { text, offset, isImplied = false } = destination;
    // What is implied stands nowhere: the message key is where it comes from.
    const length = isImplied ? message.messageKey.length : text.length;
    const where = { field: 'destination', offset, length };
    const kind = destinationKindOf(text, dialect);
    // The dialect chose it, not the sender; whether this line may reach so many is asked all the same.
    if (!isImplied) {
      if (at === max) return { code: 'AUTHORIZE_DESTINATIONS_TOO_MANY', ...where, limit: max };
      if (kind === undefined || !kinds.has(kind) || (only.size > 0 && !only.has(text)) || except.has(text)) {
        return { code: 'AUTHORIZE_DESTINATION_SHAPE', ...where };
      }
      if (isNetworkCode(kind) && codes++ === codesMax) {
        return { code: 'AUTHORIZE_DESTINATIONS_TOO_MANY', ...where, limit: codesMax };
      }
    }
    const grant = kind === undefined ? undefined : missingGrant(key, kind, line);
    if (grant !== undefined) return { code: grant, ...where };
  }
  return undefined;
}

/** How many destinations there may be: one alone where one of them stands for itself, as a help file does (domain sheet 3.1 [S12]). */
function maxOf({ destinations }: Message, { destinations: { alone, max } }: KeyDefinition): number {
  const standsAlone = ({ text }: Destination) => alone.some((picture) => matchesPicture(text, picture));
  return alone.length > 0 && destinations.some(standsAlone) ? 1 : max;
}

/** All points is a grant of its own, above broadcast. */
function missingGrant(key: KeyDefinition, kind: DestinationKind, line: Line): RefusalCode | undefined {
  if (kind === 'all-points') return line.mayAllPoints ? undefined : 'AUTHORIZE_ALL_POINTS';
  return isBroadcast(key, kind) && !line.mayBroadcast ? 'AUTHORIZE_BROADCAST' : undefined;
}
