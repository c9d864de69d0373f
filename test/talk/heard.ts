import { anys, controls, type TalkText } from '../../src/explain/talk-text.ts';

const nameOfControl = new Map(Array.from(controls, ([name, byte]) => [byte, name]));

/** The bytes of a text without anything that may vary. */
export function bytesOf(text: TalkText, remembered: ReadonlyMap<string, string>): Buffer {
  const parts = text.map((piece) => {
    if (piece.kind === 'any') throw new Error('what is sent must be known');
    return piece.kind === 'bytes' ? piece.bytes : (remembered.get(piece.name) ?? '');
  });
  return Buffer.from(parts.join(''), 'latin1');
}

/** Does `came` begin so, or, with `isWhole`, is it so? Answers how many bytes that takes; remembers what it was told to. */
export function matched(
  text: TalkText,
  came: Buffer,
  remembered: Map<string, string>,
  isWhole: boolean,
): number | undefined {
  const found = patternOf(text, remembered, isWhole).exec(came.toString('latin1'));
  if (found === null) return undefined;
  text
    .filter((piece) => piece.kind === 'any')
    .forEach(({ as }, at) => {
      if (as !== undefined) remembered.set(as, found[at + 1] ?? '');
    });
  return found[0].length;
}

function patternOf(text: TalkText, remembered: ReadonlyMap<string, string>, isWhole: boolean): RegExp {
  const parts = text.map((piece) => {
    if (piece.kind === 'any') return `(${anys[piece.what]})`;
    return literal(piece.kind === 'bytes' ? piece.bytes : (remembered.get(piece.name) ?? ''));
  });
  return new RegExp(`^${parts.join('')}${isWhole ? '$' : ''}`);
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);

/** As a talk would write it: line ends as lines, other control bytes by name or in hex. */
export function shown(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .split('\r\n')
    .map((line) => line.replaceAll(/[^ -z|~]/g, (byte) => `{${nameOfControl.get(byte) ?? hexOf(byte)}}`))
    .join('\n');
}

const hexOf = (byte: string): string => `x ${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
