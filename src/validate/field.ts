import { classAt, lineEnd, matchesPicture } from '../dialect/dialect.ts';
import type { FieldDefinition } from '../dialect/dialect.ts';
import type { RefusalCode } from '../message/codes.ts';
import type { Field } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';

/** The first thing wrong with one field, by its dictionary entry: length, then characters and form, then code table. */
export function fieldRefusal(bytes: Buffer, field: Field, definition: FieldDefinition): Refusal | undefined {
  const { code, offset, length } = field;
  const { lengthMin, lengthMax, allowed } = definition;
  let counted = length;
  let stranger = -1;
  for (let at = offset; at < offset + length; at++) {
    if (allowed[bytes[at] ?? 0] === true) continue;
    if ((classAt(bytes, at) & lineEnd) !== 0) counted--;
    else if (stranger === -1) stranger = at;
  }
  if (counted < lengthMin) return { ...refusalAt('VALIDATE_FIELD_LENGTH', field), limit: lengthMin };
  if (counted > lengthMax) return { ...refusalAt('VALIDATE_FIELD_LENGTH', field), limit: lengthMax };
  if (stranger !== -1) return { code: 'VALIDATE_FIELD_CHARACTERS', field: code, offset: stranger, length: 1 };
  return needsValue(definition) ? formRefusal(valueOf(bytes, field), field, definition) : undefined;
}

export function refusalAt(refusalCode: RefusalCode, { code, offset, length }: Field): Refusal {
  return { code: refusalCode, field: code, offset, length };
}

/** The value folded up and without the line ends that may stand in it. Never log it. */
export function valueOf(bytes: Buffer, { offset, length }: Field): string {
  // Values with a picture or a code table are short: building the string here is quicker than a call into Node.
  let text = '';
  for (let at = offset; at < offset + length; at++) {
    const byte = bytes[at] ?? 0;
    if ((classAt(bytes, at) & lineEnd) !== 0) continue;
    text += String.fromCharCode(byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);
  }
  return text;
}

function needsValue({ contains, pictures, codes, isCodeTableComplete }: FieldDefinition): boolean {
  return contains !== '' || pictures.length > 0 || (codes !== undefined && isCodeTableComplete);
}

function formRefusal(value: string, field: Field, definition: FieldDefinition): Refusal | undefined {
  const { contains, pictures, orValues, codes, isCodeTableComplete } = definition;
  if (orValues.has(value)) return undefined;
  if (!value.includes(contains)) return refusalAt('VALIDATE_FIELD_CHARACTERS', field);
  if (pictures.length > 0 && !pictures.some((picture) => matchesPicture(value, picture))) {
    return refusalAt('VALIDATE_FIELD_CHARACTERS', field);
  }
  if (codes !== undefined && isCodeTableComplete && !codes.has(value)) {
    return refusalAt('VALIDATE_FIELD_CODE', field);
  }
  return undefined;
}
