import { type Dialect, type KeyDefinition, xmlEscaped, type XmlForm } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';
import { type Content, nothingOf, type Written } from './content.ts';
import { elementsOf, isNothing, otherParts } from './dropped.ts';
import { attributeOf, declaredIn, type Declared, moved, rootTag } from './namespaces.ts';
import { destinationsFor } from './text-header.ts';
import { xmlBody } from './xml-body.ts';
import { cdata, element, leaf, prefixesOf, type XmlElement, xmlText } from './xml-element.ts';

const lineEnd = '\r\n';

/**
 * The body element for a document whose root declares `here`. `isOwn`: the message came in this very dialect; then it is the element that
 * was received, byte for byte but for declarations that stood around it. Any other is written of fields and text.
 */
export function xmlBodyFor(
  content: Content,
  key: KeyDefinition,
  isOwn: boolean,
  form: XmlForm,
  here: Declared,
): Written {
  if (isOwn) return received(content.message, here);
  const { body, dropped } = xmlBody(content, key, form);
  if (body === undefined) return nothingOf(content.message);
  const declared = declaring(body, form, here);
  return {
    bytes: Buffer.from(xmlText(declared, 1).trimStart()),
    dropped: [...dropped, ...otherParts(content.message)],
  };
}

/**
 * A message as a member writes it (domain sheet 4.1), canonical: the root with the namespaces the document uses, in the order of xml.json,
 * the header's elements a line each, the body element, no declaration of XML in front, lines ended by CR LF.
 */
export function xmlMessage(
  content: Content,
  key: KeyDefinition,
  isOwn: boolean,
  to: Dialect,
  form: XmlForm,
): Written {
  const { message } = content;
  const destinations = destinationsFor(message, key, to);
  if (destinations.written.length === 0) return nothingOf(message);
  const header = headerOf(message, destinations.written, form);
  const used = new Set([...prefixesOf(element(form.root.element, versionOf(form))), ...prefixesOf(header)]);
  for (const prefix of bodyPrefixes(content, key, isOwn, form)) used.add(prefix);
  const declared = new Map([...written(form)].filter(([prefix]) => used.has(prefix)));
  const body = xmlBodyFor(content, key, isOwn, form, declared);
  if (isNothing(body.dropped)) return body;
  const root = [...declared]
    .map(([prefix, namespace]) => attributeOf(prefix, xmlEscaped(namespace)))
    .join('');
  const start = `<${form.root.element}${root}${versionOf(form)}>`;
  const before = [start, xmlText(header, 1), ' '].join(lineEnd);
  return {
    bytes: Buffer.concat([Buffer.from(before), body.bytes, Buffer.from(`${lineEnd}</${form.root.element}>`)]),
    dropped: [...destinations.dropped, ...body.dropped],
  };
}

/** Prefix to the namespace that is written for it. */
function written({ namespaces }: XmlForm): Declared {
  return new Map(Array.from(namespaces, ([prefix, [first = '']]) => [prefix, first]));
}

function versionOf({ root: { version } }: XmlForm): string {
  return version === undefined ? '' : ` ${version.attribute}="${xmlEscaped(version.values[0] ?? '')}"`;
}

function headerOf(message: Message, destinations: readonly string[], { header }: XmlForm): XmlElement {
  const made = element(header.element);
  const { messageKey, originatingOri, control } = message;
  const values = { messageKey: [messageKey], originatingOri: [originatingOri], destination: destinations };
  for (const part of ['messageKey', 'originatingOri', 'destination'] as const) {
    const name = header.parts.get(part);
    if (name !== undefined) made.children.push(...values[part].map((value) => leaf(name, xmlEscaped(value))));
  }
  const controlName = header.parts.get('control');
  if (controlName !== undefined && control !== '') made.children.push(leaf(controlName, cdata(control)));
  return made;
}

/** Prefixes that the root declares for the body: all that a written one has; of a received one those that mean the same around it. */
function bodyPrefixes(content: Content, key: KeyDefinition, isOwn: boolean, form: XmlForm): Iterable<string> {
  if (!isOwn) {
    const { body } = xmlBody(content, key, form);
    return body === undefined ? [] : prefixesOf(body);
  }
  const { bytes, around } = receivedParts(content.message);
  const text = bytes.toString('latin1');
  return [...written(form)]
    .filter(([prefix, namespace]) => around.get(prefix) === namespace && text.includes(`${prefix}:`))
    .map(([prefix]) => prefix);
}

/** The same element, with what of its prefixes `here` does not declare. */
function declaring(body: XmlElement, form: XmlForm, here: Declared): XmlElement {
  const prefixes = prefixesOf(body);
  const missing = [...written(form)].filter(
    ([prefix, namespace]) => prefixes.has(prefix) && here.get(prefix) !== namespace,
  );
  const added = missing.map(([prefix, namespace]) => attributeOf(prefix, xmlEscaped(namespace))).join('');
  return { ...body, attributes: `${added}${body.attributes}` };
}

function receivedParts({ bytes, bodyOffset, bodyEnd = bytes.length }: Message): {
  readonly bytes: Buffer;
  readonly around: Declared;
} {
  const around = declaredIn(rootTag(bytes.toString('latin1', 0, bodyOffset)));
  return { bytes: bytes.subarray(bodyOffset, bodyEnd), around };
}

/** What stands in the body goes along; what the sender put into the header besides its parts does not. */
function received(message: Message, here: Declared): Written {
  const { bytes, around } = receivedParts(message);
  const end = message.bodyOffset + bytes.length;
  const { unread = [] } = message;
  const outside = unread.filter(({ offset }) => offset < message.bodyOffset || offset >= end);
  return { bytes: moved(bytes, around, here), dropped: elementsOf(outside) };
}
