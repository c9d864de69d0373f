import {
  byteClass,
  bytesMatchPicture,
  classAt,
  lineEnd,
  matchesPicture,
  valueOf,
} from '../dialect/dialect.ts';
import type { FieldDefinition } from '../dialect/dialect.ts';
import type { RefusalCode } from '../message/codes.ts';
import type { Field } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';

/** Of a field that brings its value. */
const noBytes = Buffer.alloc(0);

/** The first thing wrong with one field, by its dictionary entry: length, then characters and form, then code table. */
export function fieldRefusal(bytes: Buffer, field: Field, definition: FieldDefinition): Refusal | undefined {
  if (field.value !== undefined) return writtenRefusal(field.value, field, definition);
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
  if (!needsValue(definition)) return undefined;
  if (counted === length && isRightAsItStands(bytes, field, definition)) return undefined;
  return formRefusal(valueOf(bytes, field), field, definition);
}

/** Most values are right without being folded up and copied out; the others are looked at again, by `formRefusal`. */
function isRightAsItStands(bytes: Buffer, field: Field, definition: FieldDefinition): boolean {
  const { contains, pictures, codes, isCodeTableComplete } = definition;
  const end = field.offset + field.length;
  if (contains !== '' && !holdsByte(bytes, field.offset, end, contains.charCodeAt(0))) return false;
  if (contains.length > 1) return false;
  if (pictures.length > 0 && !matchesAny(bytes, field.offset, end, pictures)) return false;
  return codes === undefined || !isCodeTableComplete || codes.has(valueOf(bytes, field));
}

function holdsByte(bytes: Buffer, from: number, to: number, byte: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] === byte) return true;
  return false;
}

function matchesAny(bytes: Buffer, from: number, to: number, pictures: readonly string[]): boolean {
  for (const picture of pictures) if (bytesMatchPicture(bytes, from, to, picture)) return true;
  return false;
}

/** As above for a value that does not stand in the frame as it is: then the whole of its place is what is wrong. */
function writtenRefusal(value: string, field: Field, definition: FieldDefinition): Refusal | undefined {
  const { lengthMin, lengthMax, allowed } = definition;
  let counted = value.length;
  let isStrange = false;
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at);
    if (allowed[unit] === true) continue;
    if ((byteClass[unit] ?? 0) === lineEnd) counted--;
    else isStrange = true;
  }
  if (counted < lengthMin) return { ...refusalAt('VALIDATE_FIELD_LENGTH', field), limit: lengthMin };
  if (counted > lengthMax) return { ...refusalAt('VALIDATE_FIELD_LENGTH', field), limit: lengthMax };
  if (isStrange) return refusalAt('VALIDATE_FIELD_CHARACTERS', field);
  return needsValue(definition) ? formRefusal(valueOf(noBytes, field), field, definition) : undefined;
}

export function refusalAt(refusalCode: RefusalCode, { code, offset, length }: Field): Refusal {
  return { code: refusalCode, field: code, offset, length };
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
