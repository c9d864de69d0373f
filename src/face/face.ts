import { type Dialect, type KeyDefinition, keyOf } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';
import { contentOf, nothingOf, type Written } from './content.ts';
import { dottedMessage } from './dotted-face.ts';
import { type Dropped, isNothing } from './dropped.ts';
import { ncicMessage } from './ncic-face.ts';
import { type Declared, declaredIn } from './namespaces.ts';
import { textBody } from './text-body.ts';
import { textControl } from './text-header.ts';
import { xmlBodyFor, xmlMessage } from './xml-face.ts';

export type { Written } from './content.ts';
export { type Dropped, fieldNameOf, isNothing, noteOf } from './dropped.ts';

/**
 * Text is one face: between two of them a body goes byte for byte and all of it is carried. Documents are another; of one dialect they
 * carry all but what their header holds besides its parts, and of another one what both have a place for. To write NCIC's form is a third:
 * its responses name neither key nor sender, so whatever it has no place for would be read as one.
 */
export function isSameFace(from: Dialect, to: Dialect): boolean {
  if (to.header.form === 'ncic') return from.name === to.name;
  return from.header.form !== 'xml' && to.header.form !== 'xml';
}

/**
 * A message as a member of the other dialect writes it, canonical: header parts from the message, fields in their order, free text. What
 * the other dialect reads of it is the same message but for what `dropped` names. Where nothing can be carried, `dropped` says so and there
 * are no bytes.
 *
 * Canonical text: upper case but for control field and free text, CR LF behind the text mark (nothing behind an implied ORI), fields as
 * CODE/VALUE with a period between and none at the end, no line ends or blanks around them; free text with CR LF at line ends and without a
 * DEL in front. Canonical documents: see `xmlMessage`. Reading such bytes and writing them again gives the same bytes.
 */
export function writeMessage(message: Message, from: Dialect, to: Dialect): Written {
  const key = keyOf(to, message.messageKey);
  if (key === undefined) return nothingOf(message);
  const content = contentOf(message, from);
  const { xml, ncic } = to;
  if (xml !== undefined) return xmlMessage(content, key, from.name === to.name, to, xml);
  if (ncic !== undefined) return ncicMessage(content, key, to, ncic);
  return dottedMessage(content, key, to);
}

/**
 * The body for a station's own header. Between texts it is the body as it was received, byte for byte; a document's root is told by the
 * lines of `to.output.form` before the body.
 */
export function writeBody(message: Message, from: Dialect, to: Dialect): Written {
  const { bytes, bodyOffset, bodyEnd = bytes.length } = message;
  if (isSameFace(from, to)) return { bytes: bytes.subarray(bodyOffset, bodyEnd), dropped: [] };
  const key = keyOf(to, message.messageKey);
  if (key === undefined || isForeignAnswer(key, from, to)) return nothingOf(message);
  const content = contentOf(message, from);
  const written =
    to.xml === undefined
      ? textBody(content, key)
      : xmlBodyFor(content, key, from.name === to.name, to.xml, outerOf(to));
  if (isNothing(written.dropped)) return written;
  return { bytes: written.bytes, dropped: [...controlDropped(message, to), ...written.dropped] };
}

/** Only who speaks NCIC's form may hand on its responses: from anybody else one could be a hit that nobody entered. */
function isForeignAnswer({ destinations }: KeyDefinition, from: Dialect, to: Dialect): boolean {
  return to.header.form === 'ncic' && from.header.form !== 'ncic' && destinations.implied.length === 0;
}

/** What of a message a station with this dialect does not get. Empty, and quick, between texts. */
export function notCarried(message: Message, from: Dialect, to: Dialect): readonly Dropped[] {
  return isSameFace(from, to) ? [] : writeBody(message, from, to).dropped;
}

/** Can a message in this dialect say what is missing of it? What NCIC is asked has no header of its own. */
export function hasNote({ ncic, output }: Dialect): boolean {
  return ncic === undefined && output.form.some((line) => line.includes('{notCarried}'));
}

/** The control field as the header of a station's message can hold it; empty where it cannot. */
export function controlFor(message: Message, from: Dialect, to: Dialect): string {
  if (isSameFace(from, to) || to.header.form === 'xml') return message.control;
  return textControl(message, to).written;
}

function controlDropped(message: Message, to: Dialect): readonly Dropped[] {
  return to.header.form === 'xml' ? [] : textControl(message, to).dropped;
}

function outerOf({ output }: Dialect): Declared {
  const [root = ''] = output.form.filter(
    (line) => line.trimStart().startsWith('<') && !line.trimStart().startsWith('<?'),
  );
  return declaredIn(root);
}
