import { pointerOf } from './checked-file.ts';
import type { XmlEntry } from './xml-form-file.ts';

type NamePlaces = readonly (readonly [pointer: string, name: string])[];

/** Every name of an element or attribute with the place where it stands; of an alias the one it leads to. */
export function namesOf(read: XmlEntry): NamePlaces {
  const of = (path: readonly (string | number)[], names: string | undefined): NamePlaces =>
    (names?.split('/') ?? []).map((name) => [pointerOf(path), name] as const);
  const ofAll = (
    path: readonly (string | number)[],
    names: Readonly<Record<string, string | undefined>>,
  ): NamePlaces => Object.entries(names).flatMap(([key, name]) => of([...path, key], name));
  return [
    ...of(['root', 'element'], read.root.element),
    ...of(['root', 'version', 'attribute'], read.root.version?.attribute),
    ...of(['header', 'element'], read.header.element),
    ...ofAll(['header', 'parts'], read.header.parts),
    ...of(['keyAttribute'], read.keyAttribute),
    ...ofAll(['nameParts'], read.nameParts ?? {}),
    ...ofAll(['aliases'], read.aliases ?? {}),
    ...Object.entries(read.fieldSets).flatMap(([set, { fields }]) =>
      Object.entries(fields).flatMap(([code, entry]) =>
        of(['fieldSets', set, 'fields', code], typeof entry === 'string' ? entry : entry.path),
      ),
    ),
    ...Object.entries(read.attachments ?? {}).flatMap(([name, { path, data, format }]) =>
      ofAll(['attachments', name], { path, data, format }),
    ),
    ...read.families.flatMap(({ element, text }, at) => ofAll(['families', at], { element, text })),
  ];
}
