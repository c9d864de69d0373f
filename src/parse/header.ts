import {
  canonicalDestination,
  classAt,
  destinationKindOf,
  keyOf,
  matchesPicture,
  printable,
} from '../dialect/dialect.ts';
import type { Dialect, KeyDefinition } from '../dialect/dialect.ts';
import type { Destination } from '../message/message.ts';
import type { Outcome } from '../message/refusal.ts';
import { isFieldStart } from './fields.ts';
import {
  type HeaderRest,
  isTextMark,
  partEnd,
  period,
  refused,
  skipLineEnd,
  textOf,
} from './header-parts.ts';
import { readMessageKey } from './message-key.ts';
import { readRelayed, relayedOriEnd } from './relayed.ts';

export type Header = {
  readonly messageKey: string;
  /** Undefined for a key the dialect does not take. */
  readonly key: KeyDefinition | undefined;
  readonly originatingOri: string;
  readonly destinations: readonly Destination[];
  readonly isRelayed: boolean;
  readonly control: string;
  readonly bodyOffset: number;
};

/**
 * KEY.ORI.DESTINATION.[DESTINATION.]...[*CONTROL.]TXT (domain sheet 3.1), KEY.ORI. of a key whose destinations are implied (6.4), or
 * KEY.ORI on a line of its own and the dialect's relayed form below it (3.2). Lower case is folded up.
 */
export function readHeader(bytes: Buffer, dialect: Dialect): Outcome<Header> {
  const { header } = dialect;
  const found = readMessageKey(bytes, 0, dialect);
  if (!found.ok) return found;
  const { messageKey, end: keyEnd } = found.value;

  const oriAt = keyEnd + 1;
  const periodAt = partEnd(bytes, oriAt);
  const oriEnd = periodAt === -1 ? relayedOriEnd(bytes, oriAt, dialect) : periodAt;
  if (oriEnd === -1) return refused({ code: 'PARSE_HEADER', field: 'ori', offset: oriAt });
  const originatingOri = textOf(bytes, oriAt, oriEnd);
  if (!matchesPicture(originatingOri, header.originatingOri)) {
    return refused({ code: 'PARSE_ORI', field: 'ori', offset: oriAt, length: oriEnd - oriAt });
  }

  const key = keyOf(dialect, messageKey);
  const rest =
    periodAt === -1 ? readRelayed(bytes, oriEnd, dialect) : readRest(bytes, oriEnd + 1, key, dialect);
  if (!rest.ok) return rest;
  const { destinations, control, bodyOffset } = rest.value;
  const isRelayed = periodAt === -1;
  return {
    ok: true,
    value: { messageKey, key, originatingOri, destinations, isRelayed, control, bodyOffset },
  };
}

/** What follows the originating ORI, up to the body. */
function readRest(
  bytes: Buffer,
  from: number,
  key: KeyDefinition | undefined,
  dialect: Dialect,
): Outcome<HeaderRest> {
  const implied = key?.isUnknown === true ? unknownImplied(bytes, from, dialect) : key?.destinations.implied;
  if (implied !== undefined && implied.length > 0) {
    return {
      ok: true,
      value: { destinations: implied, control: '', bodyOffset: skipLineEnd(bytes, from) },
    };
  }
  const listed = readDestinations(bytes, from, dialect);
  if (!listed.ok) return listed;
  const { destinations, end } = listed.value;
  const control = readControl(bytes, end, dialect);
  if (!control.ok) return control;
  const textAt = control.value.end;
  if (!isTextMark(bytes, textAt, dialect)) {
    return refused({ code: 'PARSE_TEXT_MISSING', field: 'text', offset: textAt });
  }
  const bodyOffset = skipLineEnd(bytes, textAt + dialect.header.textMark.length);
  return { ok: true, value: { destinations, control: control.value.text, bodyOffset } };
}

/** A key without a file is read as one with implied destinations where a field begins: no destination holds a slash. */
function unknownImplied(bytes: Buffer, from: number, { unknownKeys }: Dialect): readonly Destination[] {
  if (unknownKeys === undefined || !isFieldStart(bytes, skipLineEnd(bytes, from))) return [];
  return unknownKeys.implied;
}

type Destinations = { readonly destinations: readonly Destination[]; readonly end: number };

function readDestinations(bytes: Buffer, from: number, dialect: Dialect): Outcome<Destinations> {
  const limit = dialect.header.destinationsReadMax;
  const mark = dialect.header.control.mark.charCodeAt(0);
  const destinations: Destination[] = [];
  let at = from;
  while (bytes[at] !== mark && !isTextMark(bytes, at, dialect)) {
    const end = partEnd(bytes, at);
    // What no period closes is not a header part any more: the commonest mistake here is a forgotten TXT.
    if (end === -1) return refused({ code: 'PARSE_TEXT_MISSING', field: 'text', offset: at });
    const text = textOf(bytes, at, end);
    if (destinationKindOf(text, dialect) === undefined) {
      return refused({ code: 'PARSE_DESTINATION', field: 'destination', offset: at, length: end - at });
    }
    if (destinations.length === limit) {
      return refused({ code: 'PARSE_DESTINATION', field: 'destination', offset: at, limit });
    }
    destinations.push({ text: canonicalDestination(text, dialect), offset: at });
    at = end + 1;
  }
  if (destinations.length === 0) {
    return refused({ code: 'PARSE_DESTINATION', field: 'destination', offset: at, length: 0 });
  }
  return { ok: true, value: { destinations, end: at } };
}

function readControl(
  bytes: Buffer,
  at: number,
  dialect: Dialect,
): Outcome<{ readonly text: string; readonly end: number }> {
  const { mark, lengthMax } = dialect.header.control;
  const markByte = mark.charCodeAt(0);
  if (bytes[at] !== markByte) return { ok: true, value: { text: '', end: at } };
  let end = at + 1;
  while (end - at - 1 <= lengthMax && bytes[end] !== period && bytes[end] !== markByte) {
    if ((classAt(bytes, end) & printable) === 0) break;
    end++;
  }
  const length = end - at - 1;
  if (length === 0 || length > lengthMax || bytes[end] !== period) {
    return refused({ code: 'PARSE_CONTROL', field: 'control', offset: at + 1, length, limit: lengthMax });
  }
  return { ok: true, value: { text: bytes.toString('latin1', at + 1, end), end: end + 1 } };
}
