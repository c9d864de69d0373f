import { type Dialect, valueOf } from '../../src/dialect/dialect.ts';
import { writeMessage } from '../../src/face/face.ts';
import type { Frame } from '../../src/message/frame.ts';
import type { Message } from '../../src/message/message.ts';
import type { Outcome } from '../../src/message/refusal.ts';

/** What is wrong with a message once it is written by its own dialect and read again; undefined when nothing is. */
export function lostInWriting(
  message: Message,
  dialect: Dialect,
  parse: (frame: Frame, dialect: Dialect) => Outcome<Message>,
): string | undefined {
  const { bytes, dropped } = writeMessage(message, dialect, dialect);
  if (bytes.length === 0)
    return dropped.length > 0 ? undefined : 'nothing is written, and nothing is said to be dropped';
  const read = parse({ kind: 'frame', bytes }, dialect);
  if (!read.ok) return `what is written is refused, ${read.refusals[0].code}`;
  if (headerOf(read.value) !== headerOf(message)) return 'written and read again it has another header';
  if (fieldsOf(read.value) !== fieldsOf(message)) return 'written and read again it has other fields';
  const again = writeMessage(read.value, dialect, dialect);
  return again.bytes.equals(bytes) ? undefined : 'written, read and written again it is not the same';
}

/** All of it but that it was handed on: a member writes it. */
function headerOf({ messageKey, originatingOri, destinations, control }: Message): string {
  return JSON.stringify([messageKey, originatingOri, destinations.map(({ text }) => text), control]);
}

/** Canonical values have no blanks around them. */
function fieldsOf({ fields, bytes }: Message): string {
  return JSON.stringify(fields.map((field) => [field.code, valueOf(bytes, field).trim()]));
}
