import type { XmlLimits } from '../dialect/dialect.ts';
import { blanksEnd, isControl, isSame, localEnd, partEnd, type Range, standsAt } from './xml-characters.ts';
import { entityEnd } from './xml-entity.ts';
import type { XmlFault } from './xml-fault.ts';

/** What stands in a start tag behind its name. */
export type Attributes = {
  /** Of the attributes, those that declare a namespace aside. */
  readonly prefixes: readonly Range[];
  /** Prefixes for which it declares a namespace; the one that names without a prefix stand in is not among them, for it needs none. */
  readonly declared: readonly Range[];
  readonly declarations: number;
  readonly isEmptyElement: boolean;
  /** Behind the tag's last character. */
  readonly end: number;
};

const greater = 0x3e;
const slash = 0x2f;
const equals = 0x3d;
const less = 0x3c;
const ampersand = 0x26;
const quotes: readonly (number | undefined)[] = [0x22, 0x27];
const declares = 'xmlns';

/** Reads from the end of a tag's name to the tag's end. */
export function readAttributes(
  bytes: Buffer,
  tagAt: number,
  from: number,
  { attributesMax, tagBytesMax }: XmlLimits,
): Attributes | XmlFault {
  const wrong = { code: 'PARSE_XML', offset: tagAt } as const;
  const tooLong = { code: 'PARSE_XML_LIMIT', offset: tagAt, limit: tagBytesMax } as const;
  const names: Range[] = [];
  const prefixes: Range[] = [];
  const declared: Range[] = [];
  let declarations = 0;
  const until = tagAt + tagBytesMax;
  let at = from;
  for (;;) {
    const start = blanksEnd(bytes, at);
    if (start > until) return tooLong;
    const tagEnd = tagEndAt(bytes, start);
    if (tagEnd !== -1) {
      return { prefixes, declared, declarations, isEmptyElement: tagEnd - start === 2, end: tagEnd };
    }
    if (names.length === attributesMax)
      return { code: 'PARSE_XML_LIMIT', offset: tagAt, limit: attributesMax };
    const prefixEnd = partEnd(bytes, start);
    const end = localEnd(bytes, prefixEnd);
    const name = { start, end };
    // Without a blank in front it is the rest of something else.
    if (start === at || prefixEnd === start || end === -1) return wrong;
    if (names.some((other) => isSame(bytes, name, other))) return wrong;
    names.push(name);
    const valueAt = valueStart(bytes, end);
    const valueEnd = valueAt === -1 ? -1 : valueEndAt(bytes, valueAt, until);
    if (valueEnd === -1) return wrong;
    if (valueEnd > until) return tooLong;
    const isDeclaration = prefixEnd - start === declares.length && standsAt(bytes, start, declares);
    if (isDeclaration) declarations++;
    if (end !== prefixEnd) {
      if (!isDeclaration) prefixes.push({ start, end: prefixEnd });
      else if (mayDeclare(bytes, prefixEnd + 1, end, valueEnd - valueAt)) {
        declared.push({ start: prefixEnd + 1, end });
      } else return { code: 'PARSE_XML_NAMESPACE', offset: tagAt };
    }
    at = valueEnd + 1;
  }
}

/** A prefix cannot be undeclared, and these two cannot be declared (Namespaces in XML 1.0, section 3). */
function mayDeclare(bytes: Buffer, start: number, end: number, valueLength: number): boolean {
  const prefix = bytes.toString('latin1', start, end);
  return valueLength > 0 && prefix !== 'xml' && prefix !== declares;
}

/** Behind `>` or `/>` where one stands here; -1 where none does. */
function tagEndAt(bytes: Buffer, at: number): number {
  if (bytes[at] === greater) return at + 1;
  return bytes[at] === slash && bytes[at + 1] === greater ? at + 2 : -1;
}

/** Behind the quote that begins the value of the attribute whose name ends here; -1: there is none. */
function valueStart(bytes: Buffer, nameEnd: number): number {
  const equalsAt = blanksEnd(bytes, nameEnd);
  if (bytes[equalsAt] !== equals) return -1;
  const quoteAt = blanksEnd(bytes, equalsAt + 1);
  return quotes.includes(bytes[quoteAt]) ? quoteAt + 1 : -1;
}

/** Where the quote stands that ends the value, or a place behind `until`; -1: what is there cannot stand in a value. */
function valueEndAt(bytes: Buffer, from: number, until: number): number {
  const quote = bytes[from - 1];
  for (let at = from; at <= until; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === quote) return at;
    if (byte === less || isControl(byte)) return -1;
    if (byte === ampersand && entityEnd(bytes, at) === -1) return -1;
  }
  return until + 1;
}
