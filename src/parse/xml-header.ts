import { canonicalDestination, destinationKindOf, keyOf, matchesPicture } from '../dialect/dialect.ts';
import type { Dialect, KeyDefinition, XmlForm, XmlHeaderPart } from '../dialect/dialect.ts';
import type { Destination, Unread } from '../message/message.ts';
import type { Outcome, Refusal } from '../message/refusal.ts';
import { refused } from './header-parts.ts';
import type { Characters, XmlNode } from './xml-node.ts';

export type XmlHeader = {
  readonly messageKey: string;
  readonly keyOffset: number;
  /** Undefined for a key the dialect does not take. */
  readonly key: KeyDefinition | undefined;
  readonly originatingOri: string;
  readonly oriOffset: number;
  readonly destinations: readonly Destination[];
  readonly control: string;
  readonly isRelayed: boolean;
};

/** Clocks and counts look as on the lines of legacy text (domain sheet 4.1). */
const clockPictures: ReadonlyMap<XmlHeaderPart, string> = new Map([
  ['receivedDate', '99/99/9999'],
  ['receivedTime', '99:99'],
  ['sentDate', '99/99/9999'],
  ['sentTime', '99:99'],
  ['receivedCount', '99999'],
  ['sentCount', '99999'],
]);
/** What a refusal calls a part. */
const fieldNames: ReadonlyMap<XmlHeaderPart, string> = new Map([
  ['messageKey', 'key'],
  ['originatingOri', 'ori'],
  ['destination', 'destination'],
  ['control', 'control'],
]);

type Parts = {
  readonly single: ReadonlyMap<XmlHeaderPart, Characters>;
  readonly destinations: readonly Characters[];
};

/**
 * The header element's parts, in whatever order they come. One that a network adds when it hands a message on, a clock or a count, makes
 * the message one that was handed on. Only the destination may come more than once. Lower case is folded up.
 */
export function readXmlHeader(
  node: XmlNode,
  form: XmlForm,
  dialect: Dialect,
  unread: Unread[],
): Outcome<XmlHeader> {
  const parts = readParts(node, form, dialect, unread);
  if (!parts.ok) return parts;
  const { single, destinations } = parts.value;
  const key = single.get('messageKey');
  const ori = single.get('originatingOri');
  if (key === undefined) return refused({ code: 'PARSE_HEADER', field: 'key', offset: node.offset() });
  if (ori === undefined) return refused({ code: 'PARSE_HEADER', field: 'ori', offset: node.offset() });
  const messageKey = key.text.toUpperCase();
  const definition = keyOf(dialect, messageKey);
  const control = single.get('control');
  let isRelayed = false;
  for (const part of single.keys()) if (clockPictures.has(part)) isRelayed = true;
  const wrong =
    keyRefusal(key, dialect) ??
    oriRefusal(ori, dialect) ??
    destinationRefusal(destinations, definition, node, dialect) ??
    (control && controlRefusal(control, dialect)) ??
    clockRefusal(single);
  if (wrong !== undefined) return refused(wrong);
  return {
    ok: true,
    value: {
      messageKey,
      keyOffset: key.offset,
      key: definition,
      originatingOri: ori.text.toUpperCase(),
      oriOffset: ori.offset,
      destinations:
        destinations.length === 0
          ? impliedBy(definition, key.offset)
          : destinations.map(({ text, offset }) => ({
              text: canonicalDestination(text.toUpperCase(), dialect),
              offset,
            })),
      control: control?.text ?? '',
      isRelayed,
    },
  };
}

function readParts(node: XmlNode, { header }: XmlForm, dialect: Dialect, unread: Unread[]): Outcome<Parts> {
  const single = new Map<XmlHeaderPart, Characters>();
  const destinations: Characters[] = [];
  for (const child of node.children()) {
    const part = child.heldIn(header.elements);
    if (part === undefined) {
      unread.push({ name: child.name, ...child.place() });
      continue;
    }
    // What else than characters is in a part is not read.
    for (const inner of child.children()) unread.push({ name: inner.name, ...inner.place() });
    if (part === 'destination') destinations.push(child.characters());
    else if (single.has(part)) {
      return refused({
        code: 'PARSE_XML_DOCUMENT',
        field: fieldNames.get(part) ?? 'clock',
        ...child.place(),
      });
    } else single.set(part, part === 'control' ? untrimmed(child, dialect) : child.characters());
  }
  return { ok: true, value: { single, destinations } };
}

/** The control field goes back as it came, with blanks at its ends, unless they are only how the document is laid out. */
function untrimmed(node: XmlNode, { header }: Dialect): Characters {
  const characters = node.characters();
  const text = node.text();
  const isLaidOut = text.length > header.control.lengthMax || !/^[ -~]*$/.test(text);
  return characters.text === '' || isLaidOut ? characters : { ...characters, text };
}

/** Letters, and behind a hyphen one more where the key has a suffix. */
function keyRefusal({ text, offset, length }: Characters, { header }: Dialect): Refusal | undefined {
  const { lengthMin, lengthMax } = header.messageKey;
  const [, letters = ''] = /^([A-Za-z]{1,5})(?:-[A-Za-z])?$/.exec(text) ?? [];
  const isKey = letters.length >= lengthMin && letters.length <= lengthMax;
  return isKey ? undefined : { code: 'PARSE_MESSAGE_KEY', field: 'key', offset, length };
}

function oriRefusal({ text, offset, length }: Characters, { header }: Dialect): Refusal | undefined {
  const isOri = matchesPicture(text, header.originatingOri);
  return isOri ? undefined : { code: 'PARSE_ORI', field: 'ori', offset, length };
}

function destinationRefusal(
  destinations: readonly Characters[],
  key: KeyDefinition | undefined,
  node: XmlNode,
  dialect: Dialect,
): Refusal | undefined {
  const limit = dialect.header.destinationsReadMax;
  const where = { code: 'PARSE_DESTINATION', field: 'destination' } as const;
  for (const [at, { text, offset, length }] of destinations.entries()) {
    if (at === limit) return { ...where, offset, limit };
    if (destinationKindOf(text.toUpperCase(), dialect) === undefined) return { ...where, offset, length };
  }
  const isImplied = (key?.destinations.implied.length ?? 0) > 0;
  return destinations.length > 0 || isImplied ? undefined : { ...where, offset: node.offset(), length: 0 };
}

function impliedBy(key: KeyDefinition | undefined, offset: number): readonly Destination[] {
  return (key?.destinations.implied ?? []).map((destination) => ({ ...destination, offset }));
}

/** As in legacy text: printable, without the period that ends it there and the mark that begins it. An empty one is none. */
function controlRefusal({ text, offset, length }: Characters, { header }: Dialect): Refusal | undefined {
  const { mark, lengthMax } = header.control;
  const isControl =
    text.length <= lengthMax && /^[ -~]*$/.test(text) && !text.includes('.') && !text.includes(mark);
  return isControl
    ? undefined
    : { code: 'PARSE_CONTROL', field: 'control', offset, length, limit: lengthMax };
}

function clockRefusal(single: Parts['single']): Refusal | undefined {
  for (const [part, { text, offset, length }] of single) {
    const picture = clockPictures.get(part);
    if (picture === undefined || matchesPicture(text, picture)) continue;
    return { code: 'PARSE_CLOCK_LINE', field: 'clock', offset, length };
  }
  return undefined;
}
