import { pointerOf } from './checked-file.ts';
import type { Dialect, FieldDefinition } from './definitions.ts';
import type { Layers } from './layers.ts';
import type { XmlForm } from './xml-form.ts';
import { type XmlEntry, xmlFile } from './xml-form-file.ts';
import { namesOf } from './xml-form-names.ts';

const headerPartsRequired = ['messageKey', 'originatingOri', 'destination'] as const;

/** What xml.json says fits together, and fits the keys and fields of the dialect. Throws at the first hole. */
export function checkXml(dialect: Dialect, layers: Layers): void {
  const { xml } = dialect;
  if (xml === undefined) {
    if (layers.brings('xml.json'))
      throw layers.fault(
        ['xml.json', '', 'is of no use: /header/form of dialect.json is not xml'],
        ['dialect.json', '/header/form', 'must be xml, for there is an xml.json'],
      );
    return;
  }
  const read = layers.json('xml.json', xmlFile);
  checkNamespaces(read, xml.names, layers);
  checkHeader(read, layers);
  const aliases = Object.keys(read.aliases ?? {}).filter((alias) => !alias.startsWith('*:'));
  const places = aliases.map((alias) => [pointerOf(['aliases', alias]), alias] as const);
  for (const [pointer, name] of [...places, ...namesOf(read)]) {
    const [prefix = '', local] = name.split(':');
    if (local !== undefined && !Object.hasOwn(read.namespaces, prefix))
      throw layers.fault(['xml.json', pointer, 'has a prefix that /namespaces lacks']);
  }
  checkFieldSets(read, dialect, layers);
  checkBodies(dialect, xml, layers);
}

function checkNamespaces(
  { namespaces, aliases = {} }: XmlEntry,
  names: ReadonlySet<string>,
  layers: Layers,
): void {
  const seen = new Set<string>();
  for (const [prefix, uris] of Object.entries(namespaces)) {
    for (const uri of uris) {
      if (seen.has(uri))
        throw layers.fault([
          'xml.json',
          pointerOf(['namespaces', prefix]),
          'has a namespace that is there already',
        ]);
      seen.add(uri);
    }
  }
  for (const [alias, name] of Object.entries(aliases)) {
    if (Object.hasOwn(aliases, name))
      throw layers.fault(['xml.json', pointerOf(['aliases', alias]), 'leads to another alias']);
    if (names.has(alias))
      throw layers.fault(['xml.json', pointerOf(['aliases', alias]), 'is a name of this file']);
  }
}

function checkHeader({ header }: XmlEntry, layers: Layers): void {
  const wrong = (text: string) => layers.fault(['xml.json', '/header/parts', text]);
  for (const part of headerPartsRequired) {
    if (header.parts[part] === undefined) throw wrong(`must say ${part}`);
  }
  const elements = Object.values(header.parts);
  if (new Set(elements).size !== elements.length) throw wrong('has an element twice');
}

function checkFieldSets(read: XmlEntry, { fields, keys }: Dialect, layers: Layers): void {
  const dictionaries: readonly ReadonlyMap<string, FieldDefinition>[] = [
    fields,
    ...[...keys.values()].map(({ dictionary }) => dictionary),
  ];
  for (const [set, held] of Object.entries(read.fieldSets)) {
    for (const [code, entry] of Object.entries(held.fields)) {
      const pointer = pointerOf(['fieldSets', set, 'fields', code]);
      if (!dictionaries.some((dictionary) => dictionary.has(code)))
        throw layers.fault(
          ['xml.json', pointer, 'is a field fields.json lacks'],
          ['fields.json', pointerOf(['fields', code]), 'is a field that xml.json names'],
        );
      const isName = typeof entry !== 'string' && entry.form === 'name';
      if (isName && Object.keys(read.nameParts ?? {}).length === 0)
        throw layers.fault(['xml.json', pointer, 'is a name, yet /nameParts says nothing of its elements']);
    }
  }
}

/** Every key can be read: it has a body element, and free text has a place. */
function checkBodies({ keys }: Dialect, { bodies }: XmlForm, layers: Layers): void {
  for (const { key, body } of keys.values()) {
    const held = bodies.get(key);
    const isWhole = held !== undefined && (body !== 'text' || held.text.length > 0);
    if (isWhole) continue;
    const what = held === undefined ? 'has no family for' : 'has no place for the text of';
    throw layers.fault(
      ['xml.json', '/families', `${what} ${key}`],
      [
        `message-keys/${key}.json`,
        held === undefined ? '/key' : '/body',
        `has no place in /families of xml.json`,
      ],
    );
  }
}
