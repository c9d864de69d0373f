/** Prefix to namespace; the empty prefix is what names without one stand in. */
export type Declared = ReadonlyMap<string, string>;

/**
 * One after the other, whatever they are called: what stands inside a value is no declaration, whatever it looks like. The blanks are those
 * of XML: another one is a byte of some letter here.
 */
const attributes = /[ \t\r\n]([^ \t\r\n=]+)[ \t\r\n]*=[ \t\r\n]*(?:"([^"]*)"|'([^']*)')/g;

/** The namespaces a start tag declares, as they are written: escapes are kept. */
export function declaredIn(startTag: string): Declared {
  const declared = new Map<string, string>();
  for (const [, name = '', quoted, apostrophed] of startTag.matchAll(attributes)) {
    const value = quoted ?? apostrophed ?? '';
    if (name === 'xmlns') declared.set('', value);
    else if (name.startsWith('xmlns:')) declared.set(name.slice('xmlns:'.length), value);
  }
  return declared;
}

/** The first start tag of a document that was read before: declarations, comments and instructions stand in front of it. */
export function rootTag(document: string): string {
  let at = document.indexOf('<');
  while (at !== -1) {
    const end = document.startsWith('<!--', at) ? document.indexOf('-->', at) : tagEnd(document, at);
    if (end === -1) return '';
    if (document[at + 1] !== '?' && document[at + 1] !== '!') return document.slice(at, end);
    at = document.indexOf('<', end);
  }
  return '';
}

/** Where the tag ends that begins here; a quoted value may hold the mark itself. */
function tagEnd(document: string, from: number): number {
  let quote = '';
  for (let at = from; at < document.length; at++) {
    const character = document[at] ?? '';
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '>') return at + 1;
  }
  return -1;
}

/**
 * An element out of one document for another: what was declared around it there and is not, or differently, here is declared by itself.
 * Only prefixes that stand somewhere in it: one more would do no harm, one less would.
 */
export function moved(body: Buffer, around: Declared, here: Declared): Buffer {
  const text = body.toString('latin1');
  const start = text.slice(0, tagEnd(text, 0));
  const own = declaredIn(start);
  const missing = [...around].filter(
    ([prefix, namespace]) =>
      !own.has(prefix) && here.get(prefix) !== namespace && (prefix === '' || text.includes(`${prefix}:`)),
  );
  const isBare = !own.has('') && !around.has('') && (here.get('') ?? '') !== '';
  if (isBare) missing.push(['', '']);
  if (missing.length === 0) return body;
  const nameEnd = start.search(/[ \t\r\n/>]/);
  const added = missing.map(([prefix, namespace]) => attributeOf(prefix, namespace)).join('');
  return Buffer.concat([body.subarray(0, nameEnd), Buffer.from(added, 'latin1'), body.subarray(nameEnd)]);
}

/** ` xmlns:prefix="namespace"`, which is kept as it was written but for its quotes. */
export function attributeOf(prefix: string, namespace: string): string {
  const name = prefix === '' ? 'xmlns' : `xmlns:${prefix}`;
  return ` ${name}="${namespace.replaceAll('"', '&quot;')}"`;
}
