import { type Dialect, keyOf, valueOf } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';
import type { Dropped } from './dropped.ts';

/** One field's code and value, upper case and in one piece, with its place in the frame it was received in. */
export type FieldValue = {
  readonly code: string;
  readonly value: string;
  readonly offset: number;
  readonly length: number;
};

/** What a message holds, whatever it was written in. Never log it. */
export type Content = {
  readonly message: Message;
  readonly fields: readonly FieldValue[];
  /** It came as a document, whose order of elements says nothing. */
  readonly isDocument: boolean;
  /** Undefined where the body is fields and nothing else. */
  readonly text: string | undefined;
};

/** A message, or its body, as a face writes it, and what of it that face could not carry. */
export type Written = { readonly bytes: Buffer; readonly dropped: readonly Dropped[] };

const noBytes = Buffer.alloc(0);

export function contentOf(message: Message, from: Dialect): Content {
  const { bytes, fields, bodyOffset, bodyEnd = bytes.length } = message;
  const isFields = keyOf(from, message.messageKey)?.body === 'fields';
  // In a document the bytes of the body are never the text itself.
  const isDocument = from.header.form === 'xml';
  const isInBytes = !isDocument && !isFields;
  return {
    message,
    isDocument,
    fields: fields.map((field) => ({
      code: field.code,
      value: valueOf(bytes, field),
      offset: field.offset,
      length: field.length,
    })),
    text: message.text ?? (isInBytes ? bytes.toString('latin1', bodyOffset, bodyEnd) : undefined),
  };
}

/** Nothing of the message can be carried. */
export function nothingOf({ messageKey, keyOffset }: Message): Written {
  const whole: Dropped = {
    kind: 'message',
    name: messageKey,
    offset: keyOffset,
    length: messageKey.length,
  };
  return { bytes: noBytes, dropped: [whole] };
}
