import type { KeyDefinition } from '../dialect/dialect.ts';
import type { Field } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';
import { isAmong } from './combination.ts';

/**
 * How many fields at the beginning say which record a message is about: those of an alternative, in any order (domain sheet 5.2); 0 where
 * the key does not ask for that, or they do not stand there.
 */
export function recordFields(fields: readonly Field[], key: KeyDefinition): number {
  if (key.alternativesFirst === undefined) return 0;
  const named = key.fields.alternatives.find((codes) =>
    codes.every((code) => isAmong(fields, codes.length, code)),
  );
  return named?.length ?? 0;
}

/** Does the field stand there before already? What changes a record may name a field of it once more, with the new value. */
export function isRepeated(
  fields: readonly Field[],
  at: number,
  recordCount: number,
  { alternativesFirst }: KeyDefinition,
): boolean {
  const code = fields[at]?.code ?? '';
  if (alternativesFirst !== 'again' || at < recordCount) return isAmong(fields, at, code);
  for (let before = recordCount; before < at; before++) if (fields[before]?.code === code) return true;
  return false;
}

/** An alternative is there, but not at the beginning. One that lacks a field is refused for that. */
export function orderRefusal(
  fields: readonly Field[],
  recordCount: number,
  { alternativesFirst, fields: { alternatives } }: KeyDefinition,
): Refusal | undefined {
  if (alternativesFirst === undefined || recordCount > 0) return undefined;
  const named = alternatives.find((codes) => codes.every((code) => isAmong(fields, fields.length, code)));
  const late = named && fields.find(({ code }, at) => at >= named.length && named.includes(code));
  return late && { code: 'VALIDATE_FIELD_ORDER', field: late.code, offset: late.offset, length: late.length };
}
