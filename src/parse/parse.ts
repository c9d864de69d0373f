import { byteClass, lineEnd, printable } from '../dialect/dialect.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Frame } from '../message/frame.ts';
import type { Message } from '../message/message.ts';
import type { Outcome } from '../message/refusal.ts';
import { readFields } from './fields.ts';
import { readHeader } from './header.ts';

/**
 * Reads a frame by a dialect: header parts, and the byte offset of every field. Stops at the first thing it cannot
 * read. Promises nothing about whether key, ORI or destinations exist: it says only that they look right.
 */
export function parse(frame: Frame, dialect: Dialect): Outcome<Message> {
  const { bytes } = frame;
  const stranger = firstStranger(bytes);
  if (stranger !== -1) {
    return { ok: false, refusals: [{ code: 'PARSE_CHARACTER', offset: stranger, length: 1 }] };
  }
  const header = readHeader(bytes, dialect);
  if (!header.ok) return header;
  const { messageKey, key, originatingOri, destinations, isRelayed, control, bodyOffset } = header.value;
  const fields = key?.body === 'fields' ? readFields(bytes, bodyOffset, dialect) : noFields;
  if (!fields.ok) return fields;
  return {
    ok: true,
    value: {
      dialect: dialect.name,
      bytes,
      messageKey,
      keyOffset: 0,
      originatingOri,
      oriOffset: messageKey.length + 1,
      destinations,
      isRelayed,
      control,
      bodyOffset,
      fields: fields.value,
      user: '',
      terminal: '',
      incident: '',
      isTest: false,
      traceparent: '',
    },
  };
}

/** Free text, and keys this dialect does not know: nothing to read, authorize will say what it thinks of the key. */
const noFields = { ok: true, value: [] } as const;

/** Offset of the first byte that is neither printable ASCII nor CR, LF, DEL; -1 when there is none. */
function firstStranger(bytes: Buffer): number {
  const welcome = printable | lineEnd;
  for (let at = 0; at < bytes.length; at++) {
    if (((byteClass[bytes[at] ?? 0] ?? 0) & welcome) === 0) return at;
  }
  return -1;
}
