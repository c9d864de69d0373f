import type { Field } from '../message/message.ts';
import { classAt, lineEnd } from './characters.ts';
import { shortText } from './short-text.ts';

/** The value folded up and without the line ends that may stand in it. Never log it. */
export function valueOf(bytes: Buffer, { offset, length, value }: Field): string {
  if (value !== undefined) return value.replaceAll(/[\r\n\x7f]/g, '').toUpperCase();
  const short = shortText(bytes, offset, offset + length);
  if (short !== undefined) return short;
  // Values with a picture or a code table are short: building the string here is quicker than a call into Node.
  let text = '';
  for (let at = offset; at < offset + length; at++) {
    const byte = bytes[at] ?? 0;
    if ((classAt(bytes, at) & lineEnd) !== 0) continue;
    text += String.fromCharCode(byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);
  }
  return text;
}
