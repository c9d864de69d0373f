import { pointerOf } from './checked-file.ts';
import type { KeyDefinition } from './definitions.ts';
import type { Layers } from './layers.ts';
import type { XmlAttachment, XmlBody, XmlField, XmlForm, XmlHeaderPart, XmlNamePart } from './xml-form.ts';
import { type XmlEntry, xmlFile } from './xml-form-file.ts';
import { namesOf } from './xml-form-names.ts';
import { XmlPlaces } from './xml-places.ts';

type Family = XmlEntry['families'][number];

/** xml.json made ready for the road: for every message key the path of each of its fields. Throws DIALECT_INVALID. */
export function xmlForm(layers: Layers, keys: ReadonlyMap<string, KeyDefinition>): XmlForm {
  const read = layers.json('xml.json', xmlFile);
  const { parts } = read.header;
  return {
    limits: read.limits,
    namespaces: new Map(Object.entries(read.namespaces)),
    prefixes: new Map(
      Object.entries(read.namespaces).flatMap(([prefix, uris]) => uris.map((uri) => [uri, prefix] as const)),
    ),
    aliases: new Map(Object.entries(read.aliases ?? {})),
    root: { element: read.root.element, version: read.root.version },
    header: {
      element: read.header.element,
      parts: new Map(Object.entries(parts) as [XmlHeaderPart, string][]),
      elements: new Map(Object.entries(parts).map(([part, element]) => [element, part as XmlHeaderPart])),
    },
    keyAttribute: read.keyAttribute,
    nameParts: new Map(Object.entries(read.nameParts ?? {}) as [XmlNamePart, string][]),
    nameElements: new Map(
      Object.entries(read.nameParts ?? {}).map(([part, element]) => [element, part as XmlNamePart]),
    ),
    names: new Set(namesOf(read).map(([, name]) => name)),
    bodies: bodies(read, keys, layers),
  };
}

/** A family's keys are those it lists, and those of its kinds that no family does. */
function bodies(
  read: XmlEntry,
  keys: ReadonlyMap<string, KeyDefinition>,
  layers: Layers,
): ReadonlyMap<string, XmlBody> {
  const wrong = (at: number, name: string, text: string) =>
    layers.fault(['xml.json', pointerOf(['families', at, name]), text]);
  const byKey = new Map<string, Bodies>();
  const byKind = new Map<string, Bodies>();
  for (const [at, family] of read.families.entries()) {
    const held = new FamilyReader(read, family, at, layers).bodies();
    for (const key of family.keys ?? []) {
      if (!keys.has(key)) throw unknownKey(key, at, layers);
      if (byKey.has(key)) throw wrong(at, 'keys', 'names a key that another family has');
      byKey.set(key, held);
    }
    for (const kind of family.kinds ?? []) {
      if (byKind.has(kind)) throw wrong(at, 'kinds', 'names a kind that another family has');
      byKind.set(kind, held);
    }
  }
  const found = new Map<string, XmlBody>();
  for (const { key, kind, body, fields } of keys.values()) {
    const held = byKey.get(key) ?? byKind.get(kind);
    const isFree = body === 'text' && fields.permitted.size === 0;
    if (held !== undefined) found.set(key, isFree ? held.text : held.fields);
  }
  return found;
}

function unknownKey(key: string, at: number, layers: Layers): Error {
  const leftOut = layers.leftOut(key);
  return layers.fault(
    ['xml.json', pointerOf(['families', at, 'keys']), 'names a key that has no file'],
    ...(leftOut === undefined
      ? []
      : [['dialect.json', leftOut, 'is a key of a family in xml.json'] as const]),
  );
}

/** Of one family: for keys with fields, and for keys whose body is free text and nothing else. */
type Bodies = { readonly fields: XmlBody; readonly text: XmlBody };

class FamilyReader {
  readonly #read: XmlEntry;
  readonly #family: Family;
  readonly #at: number;
  readonly #layers: Layers;

  constructor(read: XmlEntry, family: Family, at: number, layers: Layers) {
    this.#read = read;
    this.#family = family;
    this.#at = at;
    this.#layers = layers;
  }

  bodies(): Bodies {
    const attachments = (this.#family.attachments ?? []).map((name) => this.#attachment(name));
    return {
      fields: this.#body(this.#fields(), attachments, false),
      text: this.#body(new Map(), attachments, this.#family.textOfElements ?? false),
    };
  }

  #fields(): ReadonlyMap<string, XmlField> {
    const fields = new Map<string, XmlField>();
    for (const set of this.#family.fieldSets ?? []) {
      const held = this.#read.fieldSets[set];
      if (held === undefined) throw this.#wrong(['fieldSets'], 'names a set that is not there');
      for (const [code, entry] of Object.entries(held.fields)) {
        if (fields.has(code)) throw this.#wrong(['fieldSets'], 'has a field twice');
        const { path, form } = typeof entry === 'string' ? { path: entry, form: 'plain' as const } : entry;
        fields.set(code, { code, path: path.split('/'), form });
      }
    }
    return fields;
  }

  #attachment(name: string): XmlAttachment {
    const held = this.#read.attachments?.[name];
    if (held === undefined) throw this.#wrong(['attachments'], 'names an attachment that is not there');
    return { path: held.path.split('/'), data: held.data, format: held.format };
  }

  #body(
    fields: ReadonlyMap<string, XmlField>,
    attachments: readonly XmlAttachment[],
    isTextOfElements: boolean,
  ): XmlBody {
    const { element, text: textPath } = this.#family;
    const text = textPath?.split('/') ?? [];
    const places = new XmlPlaces();
    const isFree =
      (text.length === 0 || places.take(text, { isText: true })) &&
      [...fields.values()].every((field) => places.take(field.path, { field })) &&
      attachments.every((attachment) => places.take(attachment.path, { attachment }));
    if (!isFree) throw this.#wrong([], 'has two things in one element, or one inside another');
    return { element, text, isTextOfElements, fields, attachments, places: places.root };
  }

  #wrong(path: readonly string[], text: string): Error {
    return this.#layers.fault(['xml.json', pointerOf(['families', this.#at, ...path]), text]);
  }
}
