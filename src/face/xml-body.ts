import {
  type KeyDefinition,
  nameToXml,
  toXml,
  type XmlBody,
  type XmlField,
  type XmlForm,
  xmlEscaped,
} from '../dialect/dialect.ts';
import { type Content, type FieldValue, nothingOf } from './content.ts';
import type { Dropped } from './dropped.ts';
import { cdata, descend, element, leaf, type XmlElement } from './xml-element.ts';

/** The body as an element; undefined: nothing of it could be written. */
export type XmlWritten = { readonly body: XmlElement | undefined; readonly dropped: readonly Dropped[] };

/**
 * The body element of a dialect that reads documents: fields on their paths in the order of xml.json, then the free text. A field without
 * a path, or with a value its form cannot say, is left out, and so is text where the key's documents have no place for it.
 */
export function xmlBody(content: Content, key: KeyDefinition, form: XmlForm): XmlWritten {
  const { message } = content;
  const family = form.bodies.get(key.key);
  if (family === undefined) return { body: undefined, dropped: nothingOf(message).dropped };
  const attribute =
    form.keyAttribute === undefined ? '' : ` ${form.keyAttribute}="${xmlEscaped(message.messageKey)}"`;
  const body = element(family.element, attribute);
  const dropped = [...writeFields(content, family, form, body), ...writeText(content, family, body)];
  if (body.children.length === 0 && dropped.length > 0) {
    return { body: undefined, dropped: nothingOf(message).dropped };
  }
  return { body, dropped };
}

function writeFields(content: Content, family: XmlBody, form: XmlForm, body: XmlElement): readonly Dropped[] {
  const left = new Set(content.fields);
  for (const place of family.fields.values()) {
    const field = content.fields.find(({ code }) => code === place.code);
    if (field !== undefined && writeField(field, place, form, body)) left.delete(field);
  }
  return [...left].map(({ code, offset, length }) => ({ kind: 'field', name: code, offset, length }));
}

function writeField({ value }: FieldValue, place: XmlField, form: XmlForm, body: XmlElement): boolean {
  const name = place.path.at(-1);
  if (name === undefined || value === '') return false;
  const inside = (): XmlElement => descend(body, place.path.slice(0, -1));
  switch (place.form) {
    case 'name': {
      const parts = nameToXml(value, new Set(form.nameParts.keys()));
      if (parts === undefined) return false;
      const at = descend(body, place.path);
      for (const [part, named] of form.nameParts) {
        const characters = parts[part] ?? '';
        if (characters !== '') at.children.push(leaf(named, xmlEscaped(characters)));
      }
      return true;
    }
    case 'list':
      inside().children.push(...value.split(',').map((one) => leaf(name, xmlEscaped(one))));
      return true;
    case 'plain':
    case 'date':
    case 'indicator': {
      const characters = toXml(place.form, value);
      if (characters === undefined) return false;
      inside().children.push(leaf(name, xmlEscaped(characters)));
      return true;
    }
  }
}

function writeText({ text, message }: Content, family: XmlBody, body: XmlElement): readonly Dropped[] {
  if (text === undefined || text === '') return [];
  const name = family.text.at(-1);
  if (name === undefined) {
    const { bodyOffset, bodyEnd = message.bytes.length } = message;
    return [{ kind: 'text', name: 'TEXT', offset: bodyOffset, length: bodyEnd - bodyOffset }];
  }
  descend(body, family.text.slice(0, -1)).children.push(leaf(name, cdata(text)));
  return [];
}
