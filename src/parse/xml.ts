import type { Dialect, XmlForm } from '../dialect/dialect.ts';
import { Fault } from '../message/codes.ts';
import type { Frame } from '../message/frame.ts';
import type { Message, Unread } from '../message/message.ts';
import type { Outcome, Refusal } from '../message/refusal.ts';
import { refused } from './header-parts.ts';
import { readPart } from './parts.ts';
import { type XmlBodyRead, XmlBodyReader } from './xml-body.ts';
import { readXmlHeader, type XmlHeader } from './xml-header.ts';
import { readTree } from './xml-library.ts';
import { XmlNode } from './xml-node.ts';
import { xmlElements } from './xml-shape.ts';
import { xmlText } from './xml-text.ts';

/**
 * A message written as an XML document (domain sheet 4), by the dialect's xml.json: the root, in it a header and a body element whose name
 * the message key decides. What else stands there is kept by its place and is no mistake. Whatever the bytes, it answers.
 */
export function parseXml({ bytes }: Frame, dialect: Dialect): Outcome<Message> {
  const { xml: form } = dialect;
  // The loader sees to it; said again because a type cannot carry it.
  if (form === undefined)
    throw new Fault('DIALECT_INVALID', 'a dialect of the form xml that does not say how');
  const read = readRoot(bytes, form);
  if (!read.ok) return read;
  const unread: Unread[] = [];
  const children = read.value.children();
  const headers = children.filter((child) => child.is(form.header.element));
  const [headerNode, second] = headers;
  if (headerNode === undefined || second !== undefined) {
    const { offset } = (second ?? read.value).place();
    return refused({ code: 'PARSE_XML_DOCUMENT', field: 'header', offset });
  }
  const header = readXmlHeader(headerNode, form, dialect, unread);
  if (!header.ok) return header;
  const others = children.filter((child) => child !== headerNode);
  return readMessage(bytes, headerNode, header.value, others, form, dialect, unread);
}

function readRoot(bytes: Buffer, form: XmlForm): Outcome<XmlNode> {
  const read = xmlText(bytes);
  if (!read.ok) return read;
  const text = read.value;
  const elements = xmlElements(bytes, text.from, form.limits);
  if ('code' in elements) return refused(elements);
  const tree = readTree(text.text);
  // As many elements in both readings, or a name would stand at the place of another.
  if (tree === undefined || tree.names.length !== elements.length)
    return refused({ code: 'PARSE_XML_FORBIDDEN', field: 'name', offset: 0 });
  const root = XmlNode.root({ bytes, text, form, elements, tree });
  const wrong = rootRefusal(root, form);
  return wrong === undefined ? { ok: true, value: root } : refused(wrong);
}

/** A root that does not say its version is taken for one we read. */
function rootRefusal(root: XmlNode, { root: { element, version } }: XmlForm): Refusal | undefined {
  if (!root.is(element)) return { code: 'PARSE_XML_DOCUMENT', field: 'root', offset: root.offset() };
  const said = version === undefined ? [] : root.attributes(version.attribute);
  if (said.every((value) => version?.values.includes(value) === true)) return undefined;
  return { code: 'PARSE_XML_DOCUMENT', field: 'version', offset: root.offset() };
}

function readMessage(
  bytes: Buffer,
  headerNode: XmlNode,
  header: XmlHeader,
  others: readonly XmlNode[],
  form: XmlForm,
  dialect: Dialect,
  unread: Unread[],
): Outcome<Message> {
  const { messageKey, keyOffset, key, originatingOri, oriOffset, destinations, isRelayed, control } = header;
  const family = form.bodies.get(key?.key ?? messageKey);
  const bodies = family === undefined ? others.slice(0, 1) : others.filter((node) => node.is(family.element));
  const [bodyNode, second] = bodies;
  const { offset: headerAt, length: headerLength } = headerNode.place();
  if (bodyNode === undefined || second !== undefined) {
    // Nothing at all is what the legacy form calls a missing text.
    const isNothing = others.length === 0;
    const offset = (second ?? others[0])?.offset() ?? headerAt + headerLength;
    return refused({
      code: isNothing ? 'PARSE_TEXT_MISSING' : 'PARSE_XML_DOCUMENT',
      field: isNothing ? 'text' : 'body',
      offset,
    });
  }
  const keys = form.keyAttribute === undefined ? [] : bodyNode.attributes(form.keyAttribute);
  if (keys.some((said) => said.trim().toUpperCase() !== messageKey)) {
    return refused({ code: 'PARSE_XML_DOCUMENT', field: 'key', offset: bodyNode.offset() });
  }
  for (const node of others) if (node !== bodyNode) unread.push({ name: node.name, ...node.place() });
  const body =
    family === undefined
      ? nothingRead
      : new XmlBodyReader(form, family, dialect.fieldsMax, unread).read(bodyNode);
  if ('code' in body) return refused(body);
  const { offset: bodyOffset, length } = bodyNode.place();
  // Whoever asks for the text of such a key must not take the bytes of the body for it.
  const text = body.text ?? (key?.body === 'text' ? '' : undefined);
  const place = body.textPlace;
  const part = place && readPart(bytes, place.offset, place.offset + place.length, key, dialect);
  // Member by member: spreading what may not be there takes longer than reading the body.
  const message: { -readonly [K in keyof Message]: Message[K] } = {
    dialect: dialect.name,
    bytes,
    messageKey,
    keyOffset,
    originatingOri,
    oriOffset,
    destinations,
    isRelayed,
    control,
    bodyOffset,
    bodyEnd: bodyOffset + length,
    fields: body.fields,
    user: '',
    terminal: '',
    incident: '',
    isTest: false,
    traceparent: '',
  };
  if (text !== undefined) message.text = text;
  if (body.attachments.length > 0) message.attachments = body.attachments;
  if (unread.length > 0) message.unread = unread;
  if (part !== undefined) message.part = part;
  if (key?.isUnknown === true) message.isKeyUnknown = true;
  return { ok: true, value: message };
}

/** Of a key without a family: authorize will say what it thinks of it. */
const nothingRead: XmlBodyRead = { fields: [], text: undefined, textPlace: undefined, attachments: [] };
