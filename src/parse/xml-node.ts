import type { XmlForm } from '../dialect/dialect.ts';
import { blanksEnd, blanksStart } from './xml-characters.ts';
import type { XmlTree } from './xml-library.ts';
import { aliasOf, attributeName, elementName, outermost, type Scope, scopeIn } from './xml-names.ts';
import type { XmlElement } from './xml-shape.ts';
import type { XmlText } from './xml-text.ts';

/** A place in the frame, in bytes. */
export type Place = { readonly offset: number; readonly length: number };

/** What stands in an element, and where. */
export type Characters = Place & {
  /** Without the blanks around it. */
  readonly text: string;
  /** The bytes at that place are the text, one a character. */
  readonly isVerbatim: boolean;
};

const cdata = { start: '<![CDATA[', end: ']]>' } as const;

/** A document read twice: `elements` says where things stand, `tree` what they are, in the same order. */
export type XmlDocument = {
  readonly bytes: Buffer;
  readonly text: XmlText;
  readonly form: XmlForm;
  readonly elements: readonly XmlElement[];
  readonly tree: XmlTree;
};

/** One element of a document, by its name in the dialect's file. */
export class XmlNode {
  readonly name: string;
  readonly #at: number;
  readonly #element: XmlElement;
  readonly #document: XmlDocument;
  readonly #scope: Scope;

  private constructor(at: number, element: XmlElement, document: XmlDocument, outer: Scope) {
    const { tree, form } = document;
    const attributes = element.hasAttributes ? tree.attributes[at] : undefined;
    this.#at = at;
    this.#element = element;
    this.#document = document;
    this.#scope = attributes === undefined ? outer : scopeIn(attributes, outer, form);
    this.name = elementName(tree.names[at] ?? '', this.#scope, form);
  }

  /** Of a document that has an element. */
  static root(document: XmlDocument): XmlNode {
    return new XmlNode(0, document.elements[0] as XmlElement, document, outermost);
  }

  is(name: string): boolean {
    return this.name === name || aliasOf(this.name, this.#document.form) === name;
  }

  /** What is held for this element, by its name or by the one it is an older name of. */
  heldIn<T>(map: ReadonlyMap<string, T>): T | undefined {
    const held = map.get(this.name);
    if (held !== undefined) return held;
    const alias = aliasOf(this.name, this.#document.form);
    return alias === undefined ? undefined : map.get(alias);
  }

  /** Every value that attributes of this name have: two prefixes may stand for one namespace. */
  attributes(name: string): readonly string[] {
    const values: string[] = [];
    if (!this.#element.hasAttributes) return values;
    const attributes = this.#document.tree.attributes[this.#at];
    for (const raw in attributes) {
      if (attributeName(raw, this.#scope, this.#document.form) === name) values.push(attributes[raw] ?? '');
    }
    return values;
  }

  /** The elements in it. */
  children(): readonly XmlNode[] {
    const { next } = this.#element;
    if (next === this.#at + 1) return none;
    const { elements } = this.#document;
    const nodes: XmlNode[] = [];
    for (let at = this.#at + 1; at < next; ) {
      const element = elements[at] as XmlElement;
      nodes.push(new XmlNode(at, element, this.#document, this.#scope));
      at = element.next;
    }
    return nodes;
  }

  /** From its first mark to its last. */
  place(): Place {
    const { start, end } = this.#element;
    return { offset: start, length: end - start };
  }

  offset(): number {
    return this.#element.start;
  }

  /** All that stands between its tags. */
  content(): Place {
    const { contentStart, contentEnd } = this.#element;
    return { offset: contentStart, length: contentEnd - contentStart };
  }

  /** Its own characters, those of the elements in it left out, with LF for every line end, as XML has it. */
  text(): string {
    const { isPlain, contentStart, contentEnd } = this.#element;
    const content = this.#document.text.between(contentStart, contentEnd);
    return isPlain ? content : this.#read(content);
  }

  /** As `text`, with the place of it: inside a CDATA section that is all there is, else all that stands between its tags. */
  characters(): Characters {
    const { isPlain, contentStart, contentEnd } = this.#element;
    if (isPlain) return this.#verbatim(contentStart, contentEnd);
    const content = this.#document.text.between(contentStart, contentEnd);
    // One section and nothing beside it: text may stand behind one as well.
    const isSection =
      content.startsWith(cdata.start) && content.indexOf(cdata.end) === content.length - cdata.end.length;
    if (!isSection) return { text: trimmed(this.#read(content)), ...this.content(), isVerbatim: false };
    const offset = contentStart + cdata.start.length;
    const end = contentEnd - cdata.end.length;
    if (!content.includes('\r')) return this.#verbatim(offset, end);
    const inside = content.slice(cdata.start.length, -cdata.end.length);
    return { text: trimmed(withLineFeeds(inside)), offset, length: end - offset, isVerbatim: false };
  }

  /** What stands at a place of the document, as it stands. */
  written({ offset, length }: Place): string {
    return this.#document.text.between(offset, offset + length);
  }

  /** The library has the text of what holds marks. */
  #read(content: string): string {
    return /[<&]/.test(content) ? this.#document.tree.textOf(this.#at) : withLineFeeds(content);
  }

  /** The bytes from `from` to `to`, which are characters and nothing else. */
  #verbatim(from: number, to: number): Characters {
    const { bytes, text: document } = this.#document;
    const offset = Math.min(blanksEnd(bytes, from), to);
    const end = blanksStart(bytes, offset, to);
    const text = document.between(offset, end);
    const length = end - offset;
    return { text, offset, length, isVerbatim: length === text.length };
  }
}

const none: readonly XmlNode[] = [];

const withLineFeeds = (text: string): string => text.replaceAll(/\r\n?/g, '\n');

/** Without the blanks of XML at its ends. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text, start)) start++;
  while (end > start && isBlank(text, end - 1)) end--;
  return text.slice(start, end);
}

const isBlank = (text: string, at: number): boolean => ' \t\r\n'.includes(text.charAt(at));
