import type { Framing } from './definitions.ts';

/** First and last byte of a frame, by framing kind (domain sheet 2.1). */
const marks: Readonly<Record<Framing['kind'], { readonly start: number; readonly end: number }>> = {
  'stx-etx': { start: 0x02, end: 0x03 },
};

/** One frame as it travels, from its parts. Nothing is escaped: the parts must not hold the marks. */
export function framed(kind: Framing['kind'], ...parts: readonly Buffer[]): Buffer {
  const { start, end } = marks[kind];
  return Buffer.concat([Buffer.of(start), ...parts, Buffer.of(end)]);
}
