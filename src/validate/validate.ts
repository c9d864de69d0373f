import type { Dialect, FieldSet, KeyDefinition } from '../dialect/dialect.ts';
import { classAt, keyOf, lineEnd } from '../dialect/dialect.ts';
import type { Destination, Field, Message, PermittedMessage, ValidMessage } from '../message/message.ts';
import type { Outcome, Refusal } from '../message/refusal.ts';
import { missingFields, setsFor } from './combination.ts';
import { fieldRefusal, refusalAt } from './field.ts';
import { isRepeated, orderRefusal, recordFields } from './record-first.ts';

/** More tell a sender nothing and let one bad message make a long answer. */
const refusalsMax = 16;

/**
 * Checks the body against its message key: each field's syntax, then the combinations the key requires. Collects
 * every refusal, at most 16, so a sender mends a message once.
 */
export function validate(message: PermittedMessage, dialect: Dialect): Outcome<ValidMessage> {
  const key = keyOf(dialect, message.messageKey);
  // Authorize has let only keys through that the dialect takes; said again because a type cannot carry it.
  const found: Refusal[] =
    key === undefined
      ? [{ code: 'AUTHORIZE_MESSAGE_KEY_UNKNOWN', field: 'key', offset: 0 }]
      : key.body === 'text'
        ? [...textRefusals(message), ...(key.fields.permitted.size > 0 ? fieldRefusals(message, key) : [])]
        : fieldRefusals(message, key);
  const [first, ...rest] = found;
  if (first !== undefined) return { ok: false, refusals: [first, ...rest.slice(0, refusalsMax - 1)] };
  return { ok: true, value: { ...message, valid: true } };
}

function textRefusals({ bytes, bodyOffset, bodyEnd = bytes.length, text }: Message): Refusal[] {
  if (text === undefined ? hasText(bytes, bodyOffset) : /[^ \t\r\n\x7f]/.test(text)) return [];
  return [{ code: 'VALIDATE_TEXT_EMPTY', field: 'text', offset: bodyOffset, length: bodyEnd - bodyOffset }];
}

function hasText(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] !== 0x20 && (classAt(bytes, at) & lineEnd) === 0) return true;
  }
  return false;
}

function fieldRefusals(message: Message, key: KeyDefinition): Refusal[] {
  const { fields, bytes } = message;
  const sets = setsFor(message, key);
  const recordCount = recordFields(fields, key);
  const found: Refusal[] = [];
  for (let at = 0; at < fields.length; at++) {
    const field = fields[at];
    if (field === undefined) break;
    const definition = key.dictionary.get(field.code);
    const refusal =
      definition === undefined || !isPermitted(field.code, sets)
        ? refusalAt('VALIDATE_FIELD_UNKNOWN', field)
        : isRepeated(fields, at, recordCount, key)
          ? refusalAt('VALIDATE_FIELD_REPEATED', field)
          : (fieldRefusal(bytes, field, definition) ??
            (key.byDestination.length === 0 ? undefined : destinationRefusal(field, message, key)));
    if (refusal !== undefined) found.push(refusal);
    if (found.length === refusalsMax) return found;
  }
  if (key.exclusive.length > 0) found.push(...excludedFields(fields, key.exclusive));
  const late = orderRefusal(fields, recordCount, key);
  if (late !== undefined) found.push(late);
  for (const code of missingFields(sets, fields)) found.push({ code: 'VALIDATE_FIELD_MISSING', field: code });
  return found;
}

/** Every field that comes behind another one of its list; the first is taken for what the sender meant. */
function excludedFields(fields: readonly Field[], exclusive: KeyDefinition['exclusive']): Refusal[] {
  return exclusive.flatMap((codes) => {
    const [first, ...others] = fields.filter(({ code }) => codes.includes(code));
    // One that is merely written twice is refused for that.
    const excluded = others.filter(({ code }) => code !== first?.code);
    return excluded.map((field) => refusalAt('VALIDATE_FIELD_EXCLUDED', field));
  });
}

/** The key takes this field, but not everywhere this message goes. */
function destinationRefusal(
  field: Field,
  { destinations }: Message,
  { byDestination }: KeyDefinition,
): Refusal | undefined {
  for (const rule of byDestination) {
    const isNamed = ({ text }: Destination) => rule.destinations.has(text);
    const isLeftOut = rule.only.size > 0 && !rule.only.has(field.code) && destinations.some(isNamed);
    const isTooFar = rule.also.has(field.code) && !destinations.every(isNamed);
    if (isLeftOut || isTooFar) return refusalAt('VALIDATE_FIELD_DESTINATION', field);
  }
  return undefined;
}

function isPermitted(code: string, sets: readonly FieldSet[]): boolean {
  for (const { permitted } of sets) if (permitted.has(code)) return true;
  return false;
}
