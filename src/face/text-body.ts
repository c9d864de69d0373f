import type { KeyDefinition } from '../dialect/dialect.ts';
import { type Content, type FieldValue, nothingOf, type Written } from './content.ts';
import { type Dropped, otherParts } from './dropped.ts';

/** What may not stand in text: anything but printable ASCII and line ends (domain sheet 14, no. 19). */
const strangers = /[^ -~\r\n\x7f]/gu;
const lineEnds = /\r\n|\r|\n/g;

/**
 * The body as text, canonical: fields as CODE/VALUE with a period between and none at the end; free text with CR LF at the
 * end of each line. A key whose body is text takes fields as its first line. Where a period would end a value too early, and where there
 * is nothing to write, the field is left out. A character that is not ASCII goes out as a question mark, and is told of. Where nothing
 * is left, nothing can be carried.
 */
export function textBody(content: Content, key: KeyDefinition): Written {
  const { message } = content;
  const dropped: Dropped[] = [];
  const written = ordered(content, key).flatMap((field) => textField(field, dropped));
  const lines = written.length === 0 ? [] : [written.join('.')];
  if (content.text !== undefined && content.text !== '') {
    const { bodyOffset, bodyEnd = message.bytes.length } = message;
    const where = { offset: bodyOffset, length: bodyEnd - bodyOffset };
    if (key.body === 'fields') dropped.push({ kind: 'text', name: 'TEXT', ...where });
    else lines.push(ascii(textOf(content), { kind: 'characters', name: 'TEXT', ...where }, dropped));
  }
  dropped.push(...otherParts(message));
  if (lines.length === 0 && dropped.length > 0) return nothingOf(message);
  return { bytes: Buffer.from(lines.join('\r\n'), 'latin1'), dropped };
}

/** Text keeps the order it was written in; what came as a document has that of the key's file. */
function ordered({ fields, isDocument }: Content, key: KeyDefinition): readonly FieldValue[] {
  if (!isDocument) return fields;
  const sets = [key.fields, ...key.cases.flatMap(({ by }) => [...by.values()])];
  const codes = [...new Set(sets.flatMap(({ permitted }) => [...permitted]))];
  const placeOf = ({ code }: FieldValue): number =>
    codes.includes(code) ? codes.indexOf(code) : codes.length;
  return [...fields].sort((left, right) => placeOf(left) - placeOf(right));
}

/** Text that was received as text keeps its line ends as they are; a document has LF alone. */
function textOf({ message, text = '' }: Content): string {
  return message.text === undefined ? text : text.replaceAll(lineEnds, '\r\n');
}

function textField(field: FieldValue, dropped: Dropped[]): readonly string[] {
  const { code, offset, length } = field;
  const value = ascii(field.value.trim(), { kind: 'characters', name: code, offset, length }, dropped);
  if (value !== '' && !value.includes('.')) return [`${code}/${value}`];
  dropped.push({ kind: 'field', name: code, offset, length });
  return [];
}

function ascii(text: string, told: Dropped, dropped: Dropped[]): string {
  const plain = text.replaceAll('\t', ' ');
  const written = plain.replaceAll(strangers, '?');
  if (written !== plain) dropped.push(told);
  return written;
}
