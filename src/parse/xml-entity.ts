import { isXmlCharacter } from './xml-text.ts';

/** The entities of XML itself. No other is taken: it would come from a document type. */
const characters: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);
/** `&#x10FFFF;`, with room for zeros in front. */
const referenceCharactersMax = 12;

/** Where the reference ends that begins with the `&` here; -1: it is none that we take. */
export function entityEnd(bytes: Buffer, at: number): number {
  const text = bytes.toString('latin1', at, at + referenceCharactersMax);
  const end = text.indexOf(';');
  return end !== -1 && characterOf(text.slice(1, end)) !== undefined ? at + end + 1 : -1;
}

/** The text with its references replaced: never longer than it was. */
export function withoutEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replaceAll(/&([#\w]+);/g, (reference, name: string) => characterOf(name) ?? reference);
}

function characterOf(name: string): string | undefined {
  if (!name.startsWith('#')) return characters.get(name);
  const isHexadecimal = name[1] === 'x';
  const digits = name.slice(isHexadecimal ? 2 : 1);
  if (!(isHexadecimal ? /^[0-9A-Fa-f]+$/ : /^[0-9]+$/).test(digits)) return undefined;
  const code = Number.parseInt(digits, isHexadecimal ? 16 : 10);
  return isXmlCharacter(code) ? String.fromCodePoint(code) : undefined;
}
