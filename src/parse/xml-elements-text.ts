import type { XmlBody, XmlPlace } from '../dialect/dialect.ts';
import type { Unread } from '../message/message.ts';
import { localName } from './xml-names.ts';
import type { XmlNode } from './xml-node.ts';

/** As long as one part of a text (domain sheet 13, uncertain): what is longer in one element is data, not words. */
const valueCharactersMax = 4000;

/**
 * A text for people out of a body that has none: `Name: characters`, a line for each element that holds some, in their order. An image
 * and what is too long for a line is kept by its place instead.
 */
export function textOfElements(node: XmlNode, { places }: XmlBody, unread: Unread[]): string | undefined {
  const lines: string[] = [];
  collect(node, places, lines, unread);
  return lines.length === 0 ? undefined : lines.join('\n');
}

function collect(node: XmlNode, place: XmlPlace | undefined, lines: string[], unread: Unread[]): void {
  for (const child of node.children()) {
    const next = place && child.heldIn(place.children);
    if (next?.attachment !== undefined) continue;
    const { text } = child.characters();
    if (text.length > valueCharactersMax) unread.push({ name: child.name, ...child.place() });
    else if (text !== '') lines.push(`${localName(child.name)}: ${text}`);
    collect(child, next, lines, unread);
  }
}
