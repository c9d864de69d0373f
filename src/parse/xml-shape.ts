import type { XmlLimits } from '../dialect/dialect.ts';
import { type Attributes, readAttributes } from './xml-attributes.ts';
import {
  blanksEnd,
  isControl,
  localEnd,
  partEnd,
  plainEnd,
  type Range,
  repeats,
  standsAt,
} from './xml-characters.ts';
import { entityEnd } from './xml-entity.ts';
import type { XmlFault } from './xml-fault.ts';

const less = 0x3c;
const greater = 0x3e;
const ampersand = 0x26;
const slash = 0x2f;
const exclamation = 0x21;
const question = 0x3f;
const hyphen = 0x2d;
const bracket = 0x5d;
const blanks = String.raw`[ \t\r\n]`;
/** One of these words in quotes of either kind. */
const quoted = (words: string): string => `${blanks}*=${blanks}*(?:"(?:${words})"|'(?:${words})')`;
const version = String.raw`${blanks}+version${quoted('1\\.0')}`;
const encoding = `(?:${blanks}+encoding${quoted('utf-8|us-ascii')})?`;
const standalone = `(?:${blanks}+standalone${quoted('yes|no')})?`;
const declaration = new RegExp(String.raw`^<\?xml${version}${encoding}${standalone}${blanks}*\?>`, 'i');
const declarationBytesMax = 200;
const entityNameBytesMax = 100;

/** Where an element of a document stands, in bytes of the frame. */
export type XmlElement = {
  /** Its first mark, and the place behind its last one. */
  readonly start: number;
  readonly end: number;
  readonly nameEnd: number;
  /** Between its tags; where there is only one, nothing at its end. */
  readonly contentStart: number;
  readonly contentEnd: number;
  /** How many elements begin before it ends, itself and those before it counted: where in the list the one behind it stands. */
  readonly next: number;
  readonly hasAttributes: boolean;
  /** Between its tags stand characters and nothing else: no element, reference, section, comment or CR. */
  readonly isPlain: boolean;
};
type Growing = {
  -readonly [K in keyof XmlElement]: XmlElement[K];
} & {
  /** Prefixes that were declared before it began. */
  readonly prefixesBefore: number;
};

/**
 * The elements, in the order in which they begin, of what is from `from` on a well-formed document with namespaces, within the limits, and
 * without what we do not take: a document type, entities of its own, instructions. The library that reads it next asks for none of that and
 * says of no element where its content stands. `bytes` are UTF-8, as was seen before. One pass, in time that grows with the length of the
 * document.
 */
export function xmlElements(
  bytes: Buffer,
  from: number,
  limits: XmlLimits,
): readonly XmlElement[] | XmlFault {
  return new Shape(bytes, limits).read(from);
}

class Shape {
  readonly #bytes: Buffer;
  readonly #limits: XmlLimits;
  readonly #elements: Growing[] = [];
  /** Those that are open. */
  readonly #open: Growing[] = [];
  /** Prefixes declared by them. */
  readonly #prefixes: Range[] = [];
  #declarations = 0;

  constructor(bytes: Buffer, limits: XmlLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  read(from: number): readonly XmlElement[] | XmlFault {
    const { length } = this.#bytes;
    const declared = standsAt(this.#bytes, from, '<?xml') ? declarationEnd(this.#bytes, from) : from;
    if (typeof declared !== 'number') return declared;
    let at = declared;
    for (;;) {
      const mark = this.#open.length === 0 ? this.#blanks(at) : this.#characters(at);
      if (typeof mark !== 'number') return mark;
      if (mark === length) break;
      const end = this.#markup(mark);
      if (typeof end !== 'number') return end;
      at = end;
    }
    return this.#elements.length > 0 && this.#open.length === 0 ? this.#elements : wrongAt(length);
  }

  /** Where the next markup begins, or the document ends. */
  #characters(from: number): number | XmlFault {
    const bytes = this.#bytes;
    for (let at = plainEnd(bytes, from); ; at = plainEnd(bytes, at)) {
      const byte = bytes[at];
      if (byte === less || byte === undefined) return at;
      if (byte === greater) {
        // Nothing but the end of a section is written so.
        if (bytes[at - 1] === bracket && bytes[at - 2] === bracket && at - 2 >= from) return wrongAt(at - 2);
        at++;
        continue;
      }
      if (isControl(byte)) return stranger(at);
      this.#isNotPlain();
      if (byte === ampersand) {
        const end = entityEnd(bytes, at);
        if (end === -1) return badReference(bytes, at);
        at = end;
      } else at++;
    }
  }

  #isNotPlain(): void {
    const open = this.#open[this.#open.length - 1];
    if (open !== undefined) open.isPlain = false;
  }

  /** As above, outside the root. */
  #blanks(from: number): number | XmlFault {
    const at = blanksEnd(this.#bytes, from);
    const byte = this.#bytes[at];
    if (byte === undefined || byte === less) return at;
    return isControl(byte) ? stranger(at) : wrongAt(at);
  }

  /** Where the markup ends that begins here. */
  #markup(at: number): number | XmlFault {
    switch (this.#bytes[at + 1]) {
      case slash:
        return this.#endTag(at);
      case exclamation:
        return this.#section(at);
      case question:
        return { code: 'PARSE_XML_FORBIDDEN', offset: at };
      default:
        return this.#startTag(at);
    }
  }

  /** A comment or a CDATA section; whatever else begins so has to do with a document type. */
  #section(at: number): number | XmlFault {
    this.#isNotPlain();
    if (standsAt(this.#bytes, at, '<!--')) return this.#sectionEnd(at, at + 4, hyphen);
    if (!standsAt(this.#bytes, at, '<![CDATA[')) return { code: 'PARSE_XML_FORBIDDEN', offset: at };
    return this.#open.length === 0 ? wrongAt(at) : this.#sectionEnd(at, at + 9, bracket);
  }

  /** Behind the mark twice and `>`; in a comment two hyphens can be nothing else. */
  #sectionEnd(start: number, from: number, mark: number): number | XmlFault {
    const bytes = this.#bytes;
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte < 0x20 && isControl(byte)) return stranger(at);
      if (byte !== mark || bytes[at + 1] !== mark) continue;
      if (bytes[at + 2] === greater) return at + 3;
      if (mark === hyphen) break;
    }
    return wrongAt(start);
  }

  #endTag(at: number): number | XmlFault {
    const element = this.#open.pop();
    if (element === undefined) return wrongAt(at);
    const nameStart = element.start + 1;
    const nameEnd = at + 2 + element.nameEnd - nameStart;
    if (!repeats(this.#bytes, nameStart, element.nameEnd, at + 2)) return wrongAt(at);
    const end = this.#bytes[nameEnd] === greater ? nameEnd : blanksEnd(this.#bytes, nameEnd);
    if (this.#bytes[end] !== greater) return wrongAt(at);
    element.contentEnd = at;
    this.#leave(element, end + 1);
    return end + 1;
  }

  #startTag(at: number): number | XmlFault {
    const bytes = this.#bytes;
    const { depthMax, elementsMax, tagBytesMax } = this.#limits;
    const isSecondRoot = this.#open.length === 0 && this.#elements.length > 0;
    const start = at + 1;
    const prefixEnd = partEnd(bytes, start);
    const nameEnd = localEnd(bytes, prefixEnd);
    if (isSecondRoot || prefixEnd === start || nameEnd === -1) return wrongAt(at);
    if (this.#open.length === depthMax) return { code: 'PARSE_XML_LIMIT', offset: at, limit: depthMax };
    if (this.#elements.length === elementsMax)
      return { code: 'PARSE_XML_LIMIT', offset: at, limit: elementsMax };
    if (nameEnd - at > tagBytesMax) return { code: 'PARSE_XML_LIMIT', offset: at, limit: tagBytesMax };
    const element = this.#enter(at, nameEnd);
    const isBare = bytes[nameEnd] === greater;
    const attributes = isBare ? undefined : readAttributes(bytes, at, nameEnd, this.#limits);
    if (attributes !== undefined && 'code' in attributes) return attributes;
    const wrong = attributes && this.#declare(at, attributes);
    if (wrong !== undefined) return wrong;
    if (prefixEnd !== nameEnd && !this.#knows(start, prefixEnd))
      return { code: 'PARSE_XML_NAMESPACE', offset: at };
    const end = attributes?.end ?? nameEnd + 1;
    element.contentStart = end;
    if (attributes !== undefined) {
      element.hasAttributes = true;
      if (attributes.isEmptyElement) {
        this.#open.pop();
        element.contentEnd = end;
        this.#leave(element, end);
      }
    }
    return end;
  }

  #enter(start: number, nameEnd: number): Growing {
    this.#isNotPlain();
    const element = {
      start,
      end: 0,
      nameEnd,
      contentStart: 0,
      contentEnd: 0,
      next: 0,
      hasAttributes: false,
      isPlain: true,
      prefixesBefore: this.#prefixes.length,
    };
    this.#elements.push(element);
    this.#open.push(element);
    return element;
  }

  /** Counts what a tag declares, and asks that every prefix of its attributes is declared. */
  #declare(at: number, { prefixes, declared, declarations }: Attributes): XmlFault | undefined {
    const { namespacesMax } = this.#limits;
    this.#declarations += declarations;
    if (this.#declarations > namespacesMax) {
      return { code: 'PARSE_XML_LIMIT', offset: at, limit: namespacesMax };
    }
    this.#prefixes.push(...declared);
    const isKnown = prefixes.every(({ start, end }) => this.#knows(start, end));
    return isKnown ? undefined : { code: 'PARSE_XML_NAMESPACE', offset: at };
  }

  #knows(start: number, end: number): boolean {
    const bytes = this.#bytes;
    for (const prefix of this.#prefixes) {
      if (prefix.end - prefix.start === end - start && repeats(bytes, start, end, prefix.start)) return true;
    }
    // Of all prefixes the only one that need not be declared.
    return end - start === 3 && standsAt(bytes, start, 'xml');
  }

  /** An element is closed, and what it declared does not hold any more. */
  #leave(element: Growing, end: number): void {
    element.end = end;
    element.next = this.#elements.length;
    // Said only where it changes something: to set a length takes long.
    if (this.#prefixes.length !== element.prefixesBefore) this.#prefixes.length = element.prefixesBefore;
  }
}

const wrongAt = (offset: number): XmlFault => ({ code: 'PARSE_XML', offset });
const stranger = (offset: number): XmlFault => ({ code: 'PARSE_CHARACTER', offset, length: 1 });

/** Where the declaration ends that the document begins with; behind it nothing is an instruction. */
function declarationEnd(bytes: Buffer, from: number): number | XmlFault {
  const text = bytes.toString('latin1', from, from + declarationBytesMax);
  const declared = declaration.exec(text);
  if (declared !== null) return from + declared[0].length;
  return { code: /^<\?xml\s/.test(text) ? 'PARSE_XML' : 'PARSE_XML_FORBIDDEN', offset: from };
}

/** One by name could only be declared in a document type; anything else is a stray `&`, or no character. */
function badReference(bytes: Buffer, offset: number): XmlFault {
  const text = bytes.toString('latin1', offset, offset + entityNameBytesMax);
  return { code: /^&[A-Za-z_][\w.:-]*;/.test(text) ? 'PARSE_XML_FORBIDDEN' : 'PARSE_XML', offset };
}
