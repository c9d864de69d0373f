import type { Dialect, KeyDefinition } from '../dialect/dialect.ts';
import type { Content, Written } from './content.ts';
import { nothingOf } from './content.ts';
import { type Dropped, isNothing } from './dropped.ts';
import { textBody } from './text-body.ts';
import { destinationsFor, textControl } from './text-header.ts';

const lineEnd = '\r\n';
/** A reader skips CR, LF and DEL behind the text mark, each once: before a body that begins with one of them stand all three. */
const skipped = '\r\n\x7f';

/**
 * A message as a member writes it (domain sheet 3.1), canonical: KEY.ORI.DESTINATION.[*CONTROL.]TXT, CR LF and the body; of a key whose
 * destinations are implied KEY.ORI. and the body behind it.
 */
export function dottedMessage(content: Content, key: KeyDefinition, to: Dialect): Written {
  const { message } = content;
  const { messageKey, originatingOri } = message;
  const { mark } = to.header.control;
  const destinations = destinationsFor(message, key, to);
  if (destinations.written.length === 0) return nothingOf(message);
  const body = textBody(content, key);
  if (isNothing(body.dropped)) return body;
  const isImplied = key.destinations.implied.length > 0;
  const control = isImplied ? withoutControl(content) : textControl(message, to);
  const parts = isImplied
    ? [messageKey, originatingOri, '']
    : [
        messageKey,
        originatingOri,
        ...destinations.written,
        ...(control.written === '' ? [] : [`${mark}${control.written}`]),
        to.header.textMark,
      ];
  const lead = leadOf(body.bytes, isImplied ? '' : lineEnd);
  return {
    bytes: Buffer.concat([Buffer.from(`${parts.join('.')}${lead}`, 'latin1'), body.bytes]),
    dropped: [...destinations.dropped, ...control.dropped, ...body.dropped],
  };
}

/** A key with implied destinations has no place for a control field. */
function withoutControl({
  message: { control, keyOffset, messageKey },
}: Content): ReturnType<typeof textControl> {
  const gone: Dropped = { kind: 'control', name: 'CONTROL', offset: keyOffset, length: messageKey.length };
  return { written: '', dropped: control === '' ? [] : [gone] };
}

function leadOf(body: Buffer, usual: string): string {
  const first = body[0];
  const isSkipped = usual === '' ? first === 0x0d || first === 0x0a || first === 0x7f : first === 0x7f;
  return isSkipped ? skipped : usual;
}
