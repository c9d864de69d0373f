import { destinationKindOf, isBroadcast, isNetworkCode } from '../dialect/dialect.ts';
import type { DestinationKind, Dialect, KeyDefinition } from '../dialect/dialect.ts';
import { isUpstream, type Line, mayOriginate } from '../directory/directory.ts';
import type { RefusalCode } from '../message/codes.ts';
import type { Message, PermittedMessage } from '../message/message.ts';
import type { Outcome, Refusal } from '../message/refusal.ts';

/**
 * May this line send this key, as this ORI, to these destinations? Reads the header only and comes before any field
 * is checked, so a stranger learns nothing about fields. Stops at the first refusal.
 */
export function authorize(message: Message, line: Line, dialect: Dialect): Outcome<PermittedMessage> {
  const refusal = firstRefusal(message, line, dialect);
  if (refusal !== undefined) return { ok: false, refusals: [refusal] };
  // A copy of a dozen references: cheaper to reason about than a type assertion over the caller's object.
  return { ok: true, value: { ...message, permitted: true } };
}

function firstRefusal(message: Message, line: Line, dialect: Dialect): Refusal | undefined {
  const { messageKey, keyOffset, originatingOri, oriOffset } = message;
  const atKey = { field: 'key', offset: keyOffset };
  if (message.isRelayed && !isUpstream(line)) return { code: 'AUTHORIZE_NOT_UPSTREAM', ...atKey };
  const key = dialect.keys.get(messageKey);
  if (key === undefined) return { code: 'AUTHORIZE_MESSAGE_KEY_UNKNOWN', ...atKey };
  // What the network says of itself comes from the network, whatever the line may send (domain sheet 3.2 [S4]).
  const isTheirs = key.kind === 'status' && !isUpstream(line);
  if (isTheirs || (line.keys !== 'all' && !line.keys.has(messageKey))) {
    return { code: 'AUTHORIZE_MESSAGE_KEY', ...atKey };
  }
  // The ORI in a text is a claim; the line is what we know (domain sheet 10.3).
  if (!mayOriginate(line, originatingOri)) {
    return { code: 'AUTHORIZE_ORI_NOT_ON_LINE', field: 'ori', offset: oriOffset };
  }
  return destinationRefusal(message, key, line, dialect);
}

function destinationRefusal(
  message: Message,
  key: KeyDefinition,
  line: Line,
  dialect: Dialect,
): Refusal | undefined {
  const { kinds, max, codesMax, only } = key.destinations;
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
      if (kind === undefined || !kinds.has(kind) || (only.size > 0 && !only.has(text))) {
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

/** All points is a grant of its own, above broadcast. */
function missingGrant(key: KeyDefinition, kind: DestinationKind, line: Line): RefusalCode | undefined {
  if (kind === 'all-points') return line.mayAllPoints ? undefined : 'AUTHORIZE_ALL_POINTS';
  return isBroadcast(key, kind) && !line.mayBroadcast ? 'AUTHORIZE_BROADCAST' : undefined;
}
