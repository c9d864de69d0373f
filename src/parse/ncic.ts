import { classAt, keyOf, lineEnd, matchesPicture, printable } from '../dialect/dialect.ts';
import type { Dialect, KeyDefinition, NcicForm } from '../dialect/dialect.ts';
import { Fault } from '../message/codes.ts';
import type { Frame } from '../message/frame.ts';
import type { Message } from '../message/message.ts';
import type { Outcome } from '../message/refusal.ts';
import { readFields } from './fields.ts';
import { partEnd, period, refused, skipLineEnd, textOf } from './header-parts.ts';
import { readMessageKey } from './message-key.ts';
import { readAlone, readOriAndText, type ResponseRest } from './ncic-response.ts';
import { readPart } from './parts.ts';

const leadLength = 4;

/**
 * NCIC's form (domain sheet 5): LEAD REFERENCE.KEY.ORI.FIELDS, or what the network hands on, LEAD REFERENCE, ORI and text on lines of their
 * own. A response's key stands nowhere: the dialect says which it is by how the text begins.
 */
export function parseNcic({ bytes }: Frame, dialect: Dialect): Outcome<Message> {
  const { ncic } = dialect;
  // The loader sees to it; said again because a type cannot carry it.
  if (ncic === undefined)
    throw new Fault('DIALECT_INVALID', 'a dialect of the form ncic that does not say how');
  const lead = textOf(bytes, 0, leadLength);
  if (ncic.leads.input.includes(lead)) return readInput(bytes, dialect);
  if (ncic.leads.output.includes(lead)) return readResponse(bytes, ncic, dialect);
  const alone = readAlone(bytes, ncic, dialect);
  if (alone === undefined) {
    return refused({
      code: 'PARSE_HEADER',
      field: 'lead',
      offset: 0,
      length: Math.min(leadLength, bytes.length),
    });
  }
  return alone.ok ? responseOf(bytes, alone.value, '', ncic, dialect) : alone;
}

function readInput(bytes: Buffer, dialect: Dialect): Outcome<Message> {
  const end = trimmedEnd(bytes);
  const stranger = firstControl(bytes, end);
  if (stranger !== -1) return refused({ code: 'PARSE_CHARACTER', offset: stranger, length: 1 });
  const reference = readReference(bytes, dialect, [period]);
  if (!reference.ok) return reference;
  const keyOffset = reference.value.end + 1;
  const key = readMessageKey(bytes, keyOffset, dialect);
  if (!key.ok) return key;
  const { messageKey } = key.value;
  const oriOffset = key.value.end + 1;
  const oriEnd = partEnd(bytes, oriOffset);
  if (oriEnd === -1) return refused({ code: 'PARSE_HEADER', field: 'ori', offset: oriOffset });
  const originatingOri = textOf(bytes, oriOffset, oriEnd);
  if (!matchesPicture(originatingOri, dialect.header.originatingOri)) {
    return refused({ code: 'PARSE_ORI', field: 'ori', offset: oriOffset, length: oriEnd - oriOffset });
  }
  const bodyOffset = oriEnd + 1;
  const definition = keyOf(dialect, messageKey);
  if (definition?.destinations.implied.length === 0) {
    // A response's key, which no input has: nobody would get it.
    return refused({ code: 'PARSE_DESTINATION', field: 'destination', offset: bodyOffset, length: 0 });
  }
  const fields = bodyFields(bytes, bodyOffset, definition, dialect);
  if (!fields.ok) return fields;
  const implied = definition?.destinations.implied ?? [];
  const message = {
    dialect: dialect.name,
    bytes,
    messageKey,
    keyOffset,
    originatingOri,
    oriOffset,
    destinations: implied.map(({ text }) => ({ text, offset: keyOffset, isImplied: true as const })),
    isRelayed: false,
    control: reference.value.text,
    bodyOffset,
    fields: fields.value,
    user: '',
    terminal: '',
    incident: '',
    isTest: false,
    traceparent: '',
  };
  // Joined only where there is something to join: most messages are made in one step, which is much quicker.
  return { ok: true, value: end < bytes.length ? { ...message, bodyEnd: end } : message };
}

/** A key this dialect does not know: nothing to read, authorize will refuse it. */
function bodyFields(
  bytes: Buffer,
  from: number,
  definition: KeyDefinition | undefined,
  dialect: Dialect,
): ReturnType<typeof readFields> {
  return definition?.body === 'fields' ? readFields(bytes, from, dialect) : { ok: true, value: [] };
}

/** Behind the reference the network may write more on its line (domain sheet 5.1 [S27]): routing of its own, which we do not use. */
function readResponse(bytes: Buffer, form: NcicForm, dialect: Dialect): Outcome<Message> {
  const reference = readReference(bytes, dialect, [period, 0x0d, 0x0a]);
  if (!reference.ok) return reference;
  let at = reference.value.end;
  while ((classAt(bytes, at) & printable) !== 0) at++;
  const rest = readOriAndText(bytes, skipLineEnd(bytes, at), form, dialect);
  return rest.ok ? responseOf(bytes, rest.value, reference.value.text, form, dialect) : rest;
}

function responseOf(
  bytes: Buffer,
  { messageKey, keyOffset, destination, bodyOffset }: ResponseRest,
  control: string,
  { networkOri }: NcicForm,
  dialect: Dialect,
): Outcome<Message> {
  const part = readPart(bytes, bodyOffset, bytes.length, keyOf(dialect, messageKey), dialect);
  const message = {
    dialect: dialect.name,
    bytes,
    messageKey,
    keyOffset,
    // It stands nowhere: the whole header is the network's.
    originatingOri: networkOri,
    oriOffset: 0,
    destinations: [destination],
    isRelayed: true,
    control,
    bodyOffset,
    fields: [],
    user: '',
    terminal: '',
    incident: '',
    isTest: false,
    traceparent: '',
  };
  return { ok: true, value: part === undefined ? message : { ...message, part } };
}

type Reference = { readonly text: string; readonly end: number };

/** Opaque, and echoed unchanged: anything printable but a period, up to one of `ends`. */
function readReference(bytes: Buffer, dialect: Dialect, ends: readonly number[]): Outcome<Reference> {
  const { lengthMax } = dialect.header.control;
  let end = leadLength;
  while (end - leadLength <= lengthMax && (classAt(bytes, end) & printable) !== 0 && bytes[end] !== period)
    end++;
  const length = end - leadLength;
  if (length === 0 || length > lengthMax || !ends.includes(bytes[end] ?? -1)) {
    return refused({ code: 'PARSE_CONTROL', field: 'control', offset: leadLength, length, limit: lengthMax });
  }
  return { ok: true, value: { text: bytes.toString('latin1', leadLength, end), end } };
}

/** Line ends that a terminal or its framing left behind are not the message's; inside one there are none (domain sheet 5.1). */
function trimmedEnd(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && (classAt(bytes, end - 1) & lineEnd) !== 0) end--;
  return end;
}

function firstControl(bytes: Buffer, end: number): number {
  for (let at = 0; at < end; at++) if ((classAt(bytes, at) & lineEnd) !== 0) return at;
  return -1;
}
