import { ncicHeader, type Dialect, type KeyDefinition, type NcicForm } from '../dialect/dialect.ts';
import { type Content, nothingOf, type Written } from './content.ts';
import { isNothing } from './dropped.ts';
import { textBody } from './text-body.ts';
import { destinationsFor, textControl } from './text-header.ts';

/**
 * A message as NCIC takes it (domain sheet 5.1): lead and reference, KEY, ORI and the fields, a period between. It is for one receiver,
 * whom nothing names, so whatever else the sender wrote as a destination is dropped. The reference is the control field.
 */
export function ncicMessage(content: Content, key: KeyDefinition, to: Dialect, form: NcicForm): Written {
  const { message } = content;
  const destinations = destinationsFor(message, key, to);
  // What its network answers with, no member can write.
  const isAnswer = key.destinations.implied.length === 0;
  if (isAnswer || destinations.written.length === 0) return nothingOf(message);
  const control = textControl(message, to);
  const body = textBody(content, key);
  if (isNothing(body.dropped)) return body;
  const header = ncicHeader(form, { ...message, control: control.written });
  return {
    bytes: Buffer.concat([Buffer.from(header, 'latin1'), body.bytes]),
    dropped: [...destinations.dropped, ...control.dropped, ...body.dropped],
  };
}
