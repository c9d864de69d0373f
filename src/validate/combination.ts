import { type FieldSet, type KeyDefinition, valueOf } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';

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

/** Codes that must be there and are not, without repeats. */
export function missingFields(sets: readonly FieldSet[], present: ReadonlySet<string>): ReadonlySet<string> {
  const missing = new Set<string>();
  const note = (codes: readonly string[]) => {
    for (const code of codes) if (!present.has(code)) missing.add(code);
  };
  for (const { required, alternatives } of sets) {
    note(required);
    note(closest(alternatives, present));
  }
  return missing;
}

/** The alternative the sender seems to have meant: most of its fields there, then fewest lacking, then the first. */
function closest(
  alternatives: readonly (readonly string[])[],
  present: ReadonlySet<string>,
): readonly string[] {
  let best: readonly string[] = [];
  let bestThere = -1;
  for (const codes of alternatives) {
    const there = codes.filter((code) => present.has(code)).length;
    if (there === codes.length) return [];
    if (there > bestThere || (there === bestThere && codes.length < best.length)) {
      best = codes;
      bestThere = there;
    }
  }
  return best;
}
