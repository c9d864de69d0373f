import type { XmlForm } from '../dialect/dialect.ts';
import type { LibraryAttributes } from './xml-library.ts';

/** What prefixes mean at some place of a document. */
export type Scope = {
  /** Prefixes of the document, the empty one for names without, and for each the dialect's prefix; the last one that is the same holds. */
  readonly written: readonly string[];
  readonly ours: readonly string[];
  /** All of them are the dialect's own: a name is what it looks like. */
  readonly isOurs: boolean;
};

export const outermost: Scope = { written: [], ours: [], isOurs: true };

/** Of a namespace that the dialect's file does not have: no name in that file begins so. */
const foreign = '?';
const declares = 'xmlns';

/** What holds inside an element with these attributes. */
export function scopeIn(attributes: LibraryAttributes, outer: Scope, form: XmlForm): Scope {
  let inner: { written: string[]; ours: string[]; isOurs: boolean } | undefined;
  for (const name in attributes) {
    if (!name.startsWith(declares)) continue;
    const prefix = name === declares ? '' : name.slice(declares.length + 1);
    if (prefix !== '' && name[declares.length] !== ':') continue;
    inner ??= { written: [...outer.written], ours: [...outer.ours], isOurs: outer.isOurs };
    const namespace = attributes[name] ?? '';
    const ours = namespace === '' ? '' : (form.prefixes.get(namespace) ?? foreign);
    inner.written.push(prefix);
    inner.ours.push(ours);
    if (ours !== prefix) inner.isOurs = false;
  }
  return inner ?? outer;
}

/** An element's name in the dialect's file, by namespace: prefixes are the sender's choice. A file without namespaces sees local names. */
export function elementName(name: string, scope: Scope, { namespaces }: XmlForm): string {
  if (namespaces.size === 0) return localName(name);
  if (scope.isOurs) return name;
  const colon = name.indexOf(':');
  const prefix = colon === -1 ? '' : name.slice(0, colon);
  const ours = scope.ours[scope.written.lastIndexOf(prefix)] ?? '';
  if (ours === prefix) return name;
  return ours === '' ? localName(name) : `${ours}:${localName(name)}`;
}

/** As above; an attribute without a prefix stands in no namespace, whatever the elements do. */
export function attributeName(name: string, scope: Scope, form: XmlForm): string {
  return name.includes(':') ? elementName(name, scope, form) : name;
}

/** The name that an older one stands for; undefined: it is no alias. */
export function aliasOf(name: string, { names, aliases }: XmlForm): string | undefined {
  if (aliases.size === 0 || names.has(name)) return undefined;
  return aliases.get(name) ?? aliases.get(`*:${localName(name)}`);
}

export const localName = (name: string): string => name.slice(name.indexOf(':') + 1);
