import type { XmlNamePart, XmlValueForm } from './xml-form.ts';

/** The suffixes that end a name (NCIC usage, well known); another last word is taken for a middle name. */
const suffixes = new Set(['JR', 'SR', 'II', 'III', 'IV', 'V']);

/** A field's value from the characters of its element, blanks around them taken off; what does not have the form stays as it is. */
export function fromXml(form: Exclude<XmlValueForm, 'name'>, characters: string): string {
  switch (form) {
    case 'date':
      return isDate(characters)
        ? characters.slice(0, 4) + characters.slice(5, 7) + characters.slice(8)
        : characters;
    case 'indicator':
      return indicators.get(characters.toLowerCase()) ?? characters;
    case 'plain':
    case 'list':
      return characters;
  }
}

/** The characters of an element from a field's value; undefined: this form cannot say it. A list has one for each of its values. */
export function toXml(form: Exclude<XmlValueForm, 'name' | 'list'>, value: string): string | undefined {
  switch (form) {
    case 'date':
      return /^\d{8}$/.test(value)
        ? `${value.slice(0, 4)}-${value.slice(4, 6)}-${value.slice(6)}`
        : undefined;
    case 'indicator':
      return value === 'Y' ? 'true' : value === 'N' ? 'false' : undefined;
    case 'plain':
      return value;
  }
}

export type XmlName = Readonly<Partial<Record<XmlNamePart, string>>>;

/** LAST,FIRST MIDDLE SUFFIX from the parts of a name; `full` goes before all others, and is taken to be written so already. */
export function nameFromXml({ full, sur, given, middle, suffix }: XmlName): string {
  if (full !== undefined && full !== '') return full;
  const rest = [given, middle, suffix].filter((part) => part !== undefined && part !== '').join(' ');
  return rest === '' ? (sur ?? '') : `${sur ?? ''},${rest}`;
}

/** Parts from which `nameFromXml` makes the same value again, out of those that the dialect has. Undefined: it has none that could. */
export function nameToXml(value: string, known: ReadonlySet<XmlNamePart>): XmlName | undefined {
  const parts = partsOfName(value, known);
  const isKnown = Object.keys(parts).every((part) => known.has(part as XmlNamePart));
  // Blanks at the ends of an element mean nothing to a reader.
  const isTrimmed = Object.values(parts).every((part) => part === part.trim());
  if (isKnown && isTrimmed && nameFromXml(parts) === value) return parts;
  return known.has('full') ? { full: value } : undefined;
}

function partsOfName(value: string, known: ReadonlySet<XmlNamePart>): XmlName {
  const comma = value.indexOf(',');
  if (comma === -1) return { sur: value };
  const words = value.slice(comma + 1).split(' ');
  const hasSuffix = words.length > 1 && known.has('suffix') && suffixes.has(words.at(-1) ?? '');
  const suffix = hasSuffix ? words.pop() : undefined;
  const [given = '', ...others] = words;
  const middle = others.join(' ');
  return {
    sur: value.slice(0, comma),
    given,
    ...(middle === '' ? {} : { middle }),
    ...(suffix === undefined ? {} : { suffix }),
  };
}

/** XML Schema's spellings, and the letter that the field itself has. */
const indicators: ReadonlyMap<string, string> = new Map([
  ['true', 'Y'],
  ['1', 'Y'],
  ['y', 'Y'],
  ['false', 'N'],
  ['0', 'N'],
  ['n', 'N'],
]);

const isDate = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text);
