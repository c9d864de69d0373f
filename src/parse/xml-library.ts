import { XMLParser, type X2jOptions } from 'fast-xml-parser';
import { withoutEntities } from './xml-entity.ts';

export type LibraryAttributes = Readonly<Record<string, string>>;

/** A document as the library gives it: its elements in the order in which they begin. */
export type XmlTree = {
  readonly names: readonly string[];
  /** By element; of one without any, nothing that is of use. */
  readonly attributes: readonly LibraryAttributes[];
  /** The characters in this element, those of the elements in it left out, with LF for every line end, as XML has it. */
  readonly textOf: (at: number) => string;
};

/** An element's only enumerable member but attributes is its name, which holds what is in it; `#text` holds characters. */
type LibraryNode = Readonly<Record<string, unknown>>;

const textMember = '#text';

/**
 * Comments and the declaration apart, everything is kept, in order. The library takes what is not well-formed and would read a document
 * type: `xmlElements` lets neither come here.
 */
export const libraryOptions = {
  preserveOrder: true,
  ignoreAttributes: false,
  ignoreDeclaration: true,
  attributeNamePrefix: '',
  trimValues: false,
  parseTagValue: false,
  jPath: false,
  // Names such as valueOf stay what they are: nobody calls them.
  onDangerousProperty: (name) => name,
  entityDecoder: {
    decode: withoutEntities,
    reset: nothing,
    setXmlVersion: nothing,
    addInputEntities: nothing,
    setExternalEntities: nothing,
  },
} satisfies X2jOptions;

/** What the library has told of the document that it reads just now. */
let names: string[] = [];
let attributes: LibraryAttributes[] = [];

/** Names are taken as they come: in the tree each makes an object of another shape, and asking those takes longer than all the rest. */
const library = new XMLParser({
  ...libraryOptions,
  updateTag: (name, _path, its) => {
    names.push(name);
    attributes.push(its);
    return true;
  },
});

function nothing(): void {
  // Entities of a document's own there are none, and of XML there is one version.
}

/** Undefined: the library does not take it, for a name in it would do harm in JavaScript. */
export function readTree(text: string): XmlTree | undefined {
  names = [];
  attributes = [];
  try {
    const nodes = library.parse(text) as readonly LibraryNode[];
    return new LibraryTree(nodes, names, attributes);
  } catch {
    return undefined;
  }
}

class LibraryTree implements XmlTree {
  readonly names: readonly string[];
  readonly attributes: readonly LibraryAttributes[];
  readonly #nodes: readonly LibraryNode[];
  /** Of each element what is in it, once somebody asks. */
  #contents: (readonly LibraryNode[])[] | undefined;

  constructor(
    nodes: readonly LibraryNode[],
    namesRead: readonly string[],
    attributesRead: readonly LibraryAttributes[],
  ) {
    this.#nodes = nodes;
    this.names = namesRead;
    this.attributes = attributesRead;
  }

  readonly textOf = (at: number): string => {
    if (this.#contents === undefined) {
      this.#contents = [];
      this.#collect(this.#nodes, this.#contents);
    }
    let text = '';
    for (const node of this.#contents[at] ?? []) text += (node[textMember] as string | undefined) ?? '';
    return text;
  };

  #collect(nodes: readonly LibraryNode[], contents: (readonly LibraryNode[])[]): void {
    for (const node of nodes) {
      if (node[textMember] !== undefined) continue;
      const content = node[this.names[contents.length] ?? ''] as readonly LibraryNode[];
      contents.push(content);
      this.#collect(content, contents);
    }
  }
}
