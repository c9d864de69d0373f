import { type Masks, shownText } from './masks.ts';

const BESIDE = 40;
const CARETS_MAX = 60;

/** The line of the message a place stands in, and below it carets under the place; of a long line what is near. */
export function caretLines(
  bytes: Buffer,
  { offset, length = 1 }: { readonly offset: number; readonly length?: number },
  masks: Masks,
): readonly [string, string] {
  const isLineEnd = (at: number): boolean => [0x0a, 0x0d].includes(bytes[at] ?? 0x0a);
  let from = Math.min(offset, bytes.length);
  while (from > 0 && offset - from < BESIDE && !isLineEnd(from - 1)) from--;
  const carets = Math.min(Math.max(length, 1), CARETS_MAX);
  let to = Math.min(offset + carets, bytes.length);
  while (to < bytes.length && to - offset - carets < BESIDE && !isLineEnd(to)) to++;
  return [
    shownText(bytes, { from, to }, masks),
    `${' '.repeat(Math.max(0, offset - from))}${'^'.repeat(carets)}`,
  ];
}
