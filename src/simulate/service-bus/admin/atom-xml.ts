import { XMLParser } from 'fast-xml-parser';

/** An element as it is read: text, or its children by name without prefix, attributes under `$`. */
export type Read = { readonly [name: string]: unknown };
/** An element to be written: attributes are named with a leading `@`, text that stands beside them `#`. */
export type Written = string | { readonly [name: string]: Written | readonly Written[] | undefined };

const depthMax = 20;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributesGroupName: '$',
  attributeNamePrefix: '',
  textNodeName: '#',
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  htmlEntities: true,
  maxNestedTags: depthMax,
});

export const atomNames = 'http://www.w3.org/2005/Atom';
const serviceNames = 'http://schemas.microsoft.com/netservices/2010/10/servicebus/connect';
export const instanceNames = 'http://www.w3.org/2001/XMLSchema-instance';
export const schemaNames = 'http://www.w3.org/2001/XMLSchema';

/** The one description in an entry's content, by the name of its element; undefined when the text is no such entry. */
export function readEntry(text: string): { readonly name: string; readonly description: Read } | undefined {
  if (!isNested(text)) return undefined;
  let document: unknown;
  try {
    document = parser.parse(text);
  } catch {
    return undefined; // names that are not taken, or what else the parser finds wrong
  }
  const found = childrenOf(childrenOf(childrenOf(document)['entry'])['content']);
  const [name] = Object.keys(found).filter((key) => key !== '$' && key !== '#');
  return name === undefined ? undefined : { name, description: childrenOf(found[name]) };
}

/** The children of an element; none for a text or where there is no such element. */
export function childrenOf(element: unknown): Read {
  return typeof element === 'object' && element !== null && !Array.isArray(element) ? (element as Read) : {};
}

/** The text of an element, also where it has attributes; undefined when there is no such element or it has children. */
export function textOf(element: unknown): string | undefined {
  if (typeof element === 'string') return element;
  const children = childrenOf(element);
  const names = Object.keys(children).filter((key) => key !== '$' && key !== '#');
  if (element === undefined || names.length > 0 || Array.isArray(element)) return undefined;
  const text = children['#'];
  return typeof text === 'string' ? text : '';
}

/** The type an element is said to have by `xsi:type`, without its prefix. */
export function typeOf(element: unknown): string | undefined {
  const type = childrenOf(childrenOf(element)['$'])['type'];
  return typeof type === 'string' ? type.replace(/^.*:/, '') : undefined;
}

export type Entry = {
  /** Where it is: a whole address. */
  readonly id: string;
  readonly title: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Name and content of the one element in it. */
  readonly name: string;
  readonly description: { readonly [name: string]: Written | readonly Written[] | undefined };
};

/** An Atom entry, as the answer to one question. */
export const entryText = (entry: Entry): string =>
  written({ entry: { '@xmlns': atomNames, ...elementOf(entry) } });

/** An Atom feed, with the address of the next page where there is one. */
export function feedText(self: string, entries: readonly Entry[], next: string | undefined): string {
  const link = [{ '@rel': 'self', '@href': self }];
  if (next !== undefined) link.push({ '@rel': 'next', '@href': next });
  const head = {
    id: self,
    title: { '@type': 'text', '#': 'Publicly Listed Services' },
    updated: time(Date.now()),
    link,
  };
  return written({ feed: { '@xmlns': atomNames, ...head, entry: entries.map(elementOf) } });
}

/** What the service says with a status that is no success. */
export const errorText = (status: number, detail: string): string =>
  written({ Error: { Code: String(status), Detail: detail } });

export const time = (atMs: number): string => new Date(atMs).toISOString();

function elementOf(entry: Entry): Exclude<Written, string> {
  const { id, title, createdAtMs, updatedAtMs, name, description } = entry;
  return {
    id,
    title: { '@type': 'text', '#': title },
    published: time(createdAtMs),
    updated: time(updatedAtMs),
    link: { '@rel': 'self', '@href': id },
    content: {
      '@type': 'application/xml',
      [name]: { '@xmlns': serviceNames, '@xmlns:i': instanceNames, ...description },
    },
  };
}

/**
 * Whether the elements of a text end in the order they began, no deeper than allowed. What begins with `<!` is refused:
 * comments, marked sections, and document types, without which there are no entities but the built-in ones.
 */
function isNested(text: string): boolean {
  const tag = /<(\/?)([\w:.-]+)((?:[^<>"']|"[^"<]*"|'[^'<]*')*)>/y;
  const open: string[] = [];
  const start = /^\uFEFF?\s*(?:<\?xml[^<>]*\?>)?/.exec(text)?.[0].length ?? 0;
  for (let at = text.indexOf('<', start); at >= 0; at = text.indexOf('<', tag.lastIndex)) {
    tag.lastIndex = at;
    const [, end, name = '', rest = ''] = tag.exec(text) ?? [];
    if (end === undefined) return false;
    if (end === '/') {
      if (open.pop() !== name) return false;
    } else if (!rest.endsWith('/') && open.push(name) > depthMax) return false;
  }
  return open.length === 0;
}

const written = (root: Exclude<Written, string>): string =>
  `<?xml version="1.0" encoding="utf-8"?>${childrenText(root)}`;

/** Children in their order; attributes belong to the element around them. */
function childrenText(element: Exclude<Written, string>): string {
  return Object.entries(element)
    .map(([name, value]) => {
      if (value === undefined || name.startsWith('@')) return '';
      if (name === '#') return typeof value === 'string' ? escaped(value) : '';
      return [value]
        .flat()
        .map((one) => elementText(name, one))
        .join('');
    })
    .join('');
}

function elementText(name: string, element: Written): string {
  if (typeof element === 'string') return `<${name}>${escaped(element)}</${name}>`;
  const attributes = Object.entries(element)
    .filter(([key]) => key.startsWith('@'))
    .map(([key, value]) => ` ${key.slice(1)}="${typeof value === 'string' ? escaped(value) : ''}"`);
  return `<${name}${attributes.join('')}>${childrenText(element)}</${name}>`;
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (found) => escapes[found] ?? found);
