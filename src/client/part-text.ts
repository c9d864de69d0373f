import type { Part } from '../message/message.ts';
import { partIn } from '../message/part-marker.ts';
import type { Received } from './received.ts';

/** What a message says of itself: which part it is, the sender's own reference, and its text. */
export type PartText = { readonly part: Part; readonly control: string; readonly text: Buffer };

/** How parts are marked, and where the text of a message begins. */
export type PartMarks = {
  /** `9` or `99`: one digit or two; lower case is the same. */
  readonly markers: readonly string[];
  /** How far from the text's start or end a marker may stand, in bytes. */
  readonly nearBytes: number;
};

/** As `protocols/nlets-legacy` has them, uncertain there (domain sheet 3.4). */
export const usualMarks: PartMarks = {
  markers: ['P 99 OF 99', 'PAGE 9 OF 9', 'PART 99 OF 99', 'SEG 9/9'],
  nearBytes: 80,
};

/** A header is shorter; what has no text mark by then is another form of message. */
const headerBytesMax = 512;
/** On a line of its own or behind a period; six more characters and the end of their part make it an ORI. */
const textMark = /(?:^|[.\n])TXT(?![A-Z0-9]{6}[.\r\n])/i;
const controlField = /(?:^|[.\n])\*([^.*\r\n]{1,32})[.\r\n]/;

/** Reads legacy text, as members write it or as a network hands it on; undefined where it is no part of several. */
export function partText({ body }: Received, { markers, nearBytes }: PartMarks): PartText | undefined {
  const header = body.toString('latin1', 0, headerBytesMax);
  const mark = textMark.exec(header);
  if (mark === null) return undefined;
  const text = body.subarray(mark.index + mark[0].length);
  const part = partIn(text, 0, text.length, { markers, nearBytes });
  if (part === undefined) return undefined;
  return { part, control: controlField.exec(header.slice(0, mark.index + 1))?.[1] ?? '', text };
}
