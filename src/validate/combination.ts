import { type FieldSet, type KeyDefinition, valueOf } from '../dialect/dialect.ts';
import type { Field, Message } from '../message/message.ts';

/** The key's own set and those its cases choose by what the message says (RTY of a hit confirmation and the like). */
export function setsFor(message: Message, key: KeyDefinition): readonly FieldSet[] {
  const sets = [key.fields];
  for (const { field, by } of key.cases) {
    const deciding = message.fields.find(({ code }) => code === field);
    const set = deciding && by.get(valueOf(message.bytes, deciding));
    // A missing or wrong deciding field is refused by itself; its case then asks for nothing more.
    if (set !== undefined) sets.push(set);
  }
  return sets;
}

/** Is the code that of one of the first `count` fields? There are few, and their codes compare quickly: no set is made of them. */
export function isAmong(fields: readonly Field[], count: number, code: string): boolean {
  for (let at = 0; at < count; at++) if (fields[at]?.code === code) return true;
  return false;
}

/** Codes that must be there and are not, without repeats. */
export function missingFields(sets: readonly FieldSet[], fields: readonly Field[]): readonly string[] {
  let missing = nothing;
  for (const { required, alternatives } of sets) {
    if (!isWhole(required, fields)) missing = joined(missing, required, fields);
    const wanted = closest(alternatives, fields);
    if (wanted.length > 0) missing = joined(missing, wanted, fields);
  }
  return missing;
}

const nothing: readonly string[] = [];

function joined(
  missing: readonly string[],
  codes: readonly string[],
  fields: readonly Field[],
): readonly string[] {
  const lacking = codes.filter((code) => !isAmong(fields, fields.length, code) && !missing.includes(code));
  return [...missing, ...new Set(lacking)];
}

function isWhole(codes: readonly string[], fields: readonly Field[]): boolean {
  for (const code of codes) if (!isAmong(fields, fields.length, code)) return false;
  return true;
}

/** The alternative the sender seems to have meant: most of its fields there, then fewest lacking, then the first. */
function closest(alternatives: readonly (readonly string[])[], fields: readonly Field[]): readonly string[] {
  for (const codes of alternatives) if (isWhole(codes, fields)) return nothing;
  let best = nothing;
  let bestThere = -1;
  for (const codes of alternatives) {
    const there = codes.filter((code) => isAmong(fields, fields.length, code)).length;
    if (there > bestThere || (there === bestThere && codes.length < best.length)) {
      best = codes;
      bestThere = there;
    }
  }
  return best;
}
