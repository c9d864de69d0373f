import { fromXml, nameFromXml } from '../dialect/dialect.ts';
import type { XmlAttachment, XmlBody, XmlField, XmlForm, XmlNamePart, XmlPlace } from '../dialect/dialect.ts';
import type { Attachment, Field, Unread } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';
import { isBase64 } from './base64.ts';
import { textOfElements } from './xml-elements-text.ts';
import type { Place, XmlNode } from './xml-node.ts';

export type XmlBodyRead = {
  readonly fields: readonly Field[];
  /** Undefined where messages of the key have no free text, or this one has none. */
  readonly text: string | undefined;
  /** Where it stands; undefined where it is not in one place. */
  readonly textPlace: Place | undefined;
  readonly attachments: readonly Attachment[];
};

/** A line end in a document is a blank, and lines are set in: without it, as text leaves line ends out, two words would be one. */
function onOneLine(value: string): string {
  if (!value.includes('\n')) return value;
  const lines = value.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '').join(' ');
}

/** Images in one message; more are a mistake, not evidence. */
const attachmentsMax = 16;
const formatCharactersMax = 80;

/** Reads what is below a body element by its places in xml.json; what has none goes to `unread`. */
export class XmlBodyReader {
  readonly #form: XmlForm;
  readonly #body: XmlBody;
  readonly #fieldsMax: number;
  readonly #unread: Unread[];
  readonly #fields: Field[] = [];
  readonly #texts: string[] = [];
  readonly #attachments: Attachment[] = [];
  #textPlace: Place | undefined;

  constructor(form: XmlForm, body: XmlBody, fieldsMax: number, unread: Unread[]) {
    this.#form = form;
    this.#body = body;
    this.#fieldsMax = fieldsMax;
    this.#unread = unread;
  }

  read(node: XmlNode): XmlBodyRead | Refusal {
    const unreadBefore = this.#unread.length;
    const wrong = this.#below(node, this.#body.places);
    if (wrong !== undefined) return wrong;
    let text = this.#texts.length === 0 ? undefined : this.#texts.join('\n');
    let textPlace = this.#texts.length === 1 ? this.#textPlace : undefined;
    if ((text ?? '').trim() === '' && this.#body.isTextOfElements) {
      this.#unread.length = unreadBefore;
      text = textOfElements(node, this.#body, this.#unread);
      textPlace = undefined;
    }
    return { fields: this.#fields, text, textPlace, attachments: this.#attachments };
  }

  #below(node: XmlNode, place: XmlPlace): Refusal | undefined {
    for (const child of node.children()) {
      const next = child.heldIn(place.children);
      if (next === undefined) {
        this.#keep(child);
        continue;
      }
      const wrong = this.#at(child, next);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  #at(node: XmlNode, place: XmlPlace): Refusal | undefined {
    if (place.field !== undefined) return this.#field(node, place.field);
    if (place.attachment !== undefined) return this.#attachment(node, place.attachment);
    if (!place.isText) return this.#below(node, place);
    this.#texts.push(node.text());
    this.#textPlace = node.characters();
    this.#keepAll(node);
    return undefined;
  }

  #keep(node: XmlNode): void {
    this.#unread.push({ name: node.name, ...node.place() });
  }

  #keepAll(node: XmlNode): void {
    for (const child of node.children()) this.#keep(child);
  }

  #field(node: XmlNode, { code, form }: XmlField): Refusal | undefined {
    const codeOffset = node.offset();
    const name = form === 'name' ? this.#name(node) : undefined;
    const { text, offset, length, isVerbatim } =
      name === undefined ? node.characters() : { ...node.content(), text: name, isVerbatim: false };
    const value = onOneLine(name ?? (form === 'name' ? text : fromXml(form, text)));
    if (form !== 'name') this.#keepAll(node);
    const first = form === 'list' ? this.#fields.findIndex((field) => field.code === code) : -1;
    if (first !== -1) {
      const before = this.#fields[first] as Field;
      const whole = `${before.value ?? ''},${value}`;
      this.#fields[first] = { ...before, length: offset + length - before.offset, value: whole };
      return undefined;
    }
    if (this.#fields.length === this.#fieldsMax) {
      return { code: 'PARSE_FIELD', offset: codeOffset, limit: this.#fieldsMax };
    }
    const isAsItStands = isVerbatim && value === text && form !== 'list';
    const place = { code, codeOffset, offset, length };
    this.#fields.push(isAsItStands ? place : { ...place, value });
    return undefined;
  }

  /** Put together from its parts; undefined: it has none. Beside the whole name they are not read, but kept. */
  #name(node: XmlNode): string | undefined {
    const { nameElements } = this.#form;
    const parts: Partial<Record<XmlNamePart, string>> = {};
    const children = node.children();
    const isWhole = children.some(
      (child) => child.heldIn(nameElements) === 'full' && child.characters().text !== '',
    );
    for (const child of children) {
      const part = child.heldIn(nameElements);
      if (part === undefined || (isWhole && part !== 'full')) this.#keep(child);
      else {
        parts[part] = [parts[part] ?? '', child.characters().text].join(' ').trim();
        this.#keepAll(child);
      }
    }
    return Object.keys(parts).length === 0 ? undefined : nameFromXml(parts);
  }

  /** One without characters is not there yet, or any more: kept as it stands. */
  #attachment(node: XmlNode, { data, format }: XmlAttachment): Refusal | undefined {
    const children = node.children();
    const holder = children.find((child) => child.is(data));
    const place = holder?.characters();
    if (holder === undefined || place === undefined || place.length === 0) {
      this.#keep(node);
      return undefined;
    }
    const { offset, length } = place;
    // As it stands there: whoever is given the place reads those bytes, not what they mean.
    if (!isBase64(holder.written(place))) return { code: 'PARSE_FIELD', field: 'attachment', offset, length };
    if (this.#attachments.length === attachmentsMax) {
      return { code: 'PARSE_XML_LIMIT', field: 'attachment', offset, limit: attachmentsMax };
    }
    const named = children.find((child) => child.is(format))?.characters().text ?? '';
    this.#attachments.push({ format: named.slice(0, formatCharactersMax), offset, length });
    for (const child of children) if (!child.is(data) && !child.is(format)) this.#keep(child);
    return undefined;
  }
}
