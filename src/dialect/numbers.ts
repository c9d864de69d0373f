import type { Message } from '../message/message.ts';
import type { Dialect } from './definitions.ts';
import { keyOf } from './key-of.ts';

/** A number such as `.14.` in the text of an error or status message, and what it means. */
export type NumberFound = {
  readonly code: string;
  readonly meaning: string;
  readonly offset: number;
  readonly length: number;
};

/** Where a line begins, or the text of an XML element. */
const numberAt = /(?:^|[\n>[])(\.(\d{1,2})\.)/dg;
const foundMax = 16;

/** The numbers of a message whose key has a table of them; a number that is not in it is no number. At most 16. */
export function numbersIn(message: Message, dialect: Dialect): readonly NumberFound[] {
  const { bytes, bodyOffset, bodyEnd = bytes.length, messageKey } = message;
  const table = dialect.tables.get(keyOf(dialect, messageKey)?.numbers ?? '');
  if (table === undefined) return [];
  const found: NumberFound[] = [];
  for (const match of bytes.toString('latin1', bodyOffset, bodyEnd).matchAll(numberAt)) {
    const [, written = '', code = ''] = match;
    const meaning = table.get(code);
    if (meaning === undefined) continue;
    const offset = bodyOffset + (match.indices?.[1]?.[0] ?? 0);
    found.push({ code, meaning, offset, length: written.length });
    if (found.length === foundMax) break;
  }
  return found;
}
