/** An element on its way out: children, or characters. Names have the prefixes of the dialect's file. */
export type XmlElement = {
  readonly name: string;
  readonly attributes: string;
  readonly children: XmlElement[];
  /** Undefined for an element that has children. */
  readonly characters: string | undefined;
};

const lineEnd = '\r\n';

export function element(name: string, attributes = ''): XmlElement {
  return { name, attributes, children: [], characters: undefined };
}

/** `characters` as they are to stand in the document, escaped. */
export function leaf(name: string, characters: string): XmlElement {
  return { name, attributes: '', children: [], characters };
}

/** The child at the end of the path, its parents made where they are not there yet. */
export function descend(from: XmlElement, path: readonly string[]): XmlElement {
  let at = from;
  for (const name of path) {
    const known = at.children.find((child) => child.name === name && child.characters === undefined);
    const next = known ?? element(name);
    if (known === undefined) at.children.push(next);
    at = next;
  }
  return at;
}

/** One line an element that has no children; others open and close on lines of their own, a blank deeper each. */
export function xmlText({ name, attributes, children, characters }: XmlElement, depth = 0): string {
  const indent = ' '.repeat(depth);
  const start = `${name}${attributes}`;
  if (characters !== undefined) return `${indent}<${start}>${characters}</${name}>`;
  if (children.length === 0) return `${indent}<${start}/>`;
  const inside = children.map((child) => xmlText(child, depth + 1));
  return [`${indent}<${start}>`, ...inside, `${indent}</${name}>`].join(lineEnd);
}

/** Every prefix that stands before a name in there. */
export function prefixesOf({ name, attributes, children }: XmlElement): ReadonlySet<string> {
  const prefixes = new Set<string>();
  const colon = name.indexOf(':');
  if (colon > 0) prefixes.add(name.slice(0, colon));
  for (const [, prefix = ''] of attributes.matchAll(/\s([^\s:="']+):[^\s:="']+=/g)) {
    if (prefix !== 'xmlns') prefixes.add(prefix);
  }
  for (const child of children) for (const prefix of prefixesOf(child)) prefixes.add(prefix);
  return prefixes;
}

/** Free text and the control field go as CDATA, as the network advises (domain sheet 4.1 [S3][S4][S5]). */
export function cdata(text: string): string {
  return `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`;
}
