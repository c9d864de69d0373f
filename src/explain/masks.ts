import type { Dialect } from '../dialect/dialect.ts';
import { keyOf, numbersIn } from '../dialect/dialect.ts';
import type { Field, Message } from '../message/message.ts';

/** Bytes of a frame, `to` not counted. */
export type Range = { readonly from: number; readonly to: number };
/** For each byte of a frame, 1 where it is not shown. */
export type Masks = Uint8Array;

/**
 * What is not shown of a frame, or of bytes that are none (`message` undefined). Of a message only its header, the codes of fields and the
 * values of those that are not `sensitive` are: free text and whatever was kept without being understood may tell of a person or case. Of
 * bytes that cannot be read only what looks like that. `isShown`: everything is shown but a password, which nobody may ever read.
 */
export function masksOf(
  bytes: Buffer,
  message: Message | undefined,
  dialect: Dialect,
  isShown: boolean,
): Masks {
  if (isShown) return passwordsIn(bytes, message, dialect);
  const text = bytes.toString('latin1');
  const isXml = dialect.header.form === 'xml';
  const tags = isXml ? rangesOf(text.matchAll(markup)) : [];
  if (message === undefined) return allBut(bytes, isXml ? tags : looksOpen(text, dialect));
  const head = { from: 0, to: message.bodyOffset };
  const around = isXml ? [...tags, ...headerRanges(message)] : [head, ...codeRanges(message)];
  const { plain, sensitive } = fieldRanges(message, dialect);
  return marked(allBut(bytes, [...around, ...plain]), sensitive, 1);
}

/** Tags by their names, with the attributes that say which element it is. CDATA and comments are content, whatever they look like. */
const markup = new RegExp(
  [
    String.raw`<!\[CDATA\[[^]*?(?:\]\]>|$)|<!--[^]*?(?:-->|$)`,
    String.raw`(?<tag><\?xml[^>]*>|<!DOCTYPE|<\/?[\w:.-]+|\/?>\s*`,
    String.raw`\s(?:xmlns(?::[\w.-]+)?|(?:[\w.-]+:)?(?:key|version))\s*=\s*(?:"[^"<]*"|'[^'<]*'))`,
  ].join('|'),
  'g',
);

function rangesOf(found: Iterable<RegExpMatchArray>): readonly Range[] {
  return Array.from(found).flatMap(({ 0: all, index = 0, groups }) =>
    groups !== undefined && groups['tag'] === undefined ? [] : [{ from: index, to: index + all.length }],
  );
}

function headerRanges({ keyOffset, messageKey, oriOffset, ...rest }: Message): readonly Range[] {
  const { originatingOri, destinations, control, bytes, bodyOffset } = rest;
  const controlAt = control === '' ? -1 : bytes.toString('latin1', 0, bodyOffset).indexOf(control);
  return [
    { from: keyOffset, to: keyOffset + messageKey.length },
    { from: oriOffset, to: oriOffset + originatingOri.length },
    ...destinations
      .filter(({ isImplied }) => isImplied !== true)
      .map(({ offset, text }) => ({ from: offset, to: offset + text.length })),
    ...(controlAt === -1 ? [] : [{ from: controlAt, to: controlAt + control.length }]),
  ];
}

/** With the period or whatever else stands before a code. */
function codeRanges({ fields }: Message): readonly Range[] {
  return fields.map(({ codeOffset, offset }) => ({ from: Math.max(0, codeOffset - 1), to: offset }));
}

/** `plain`: values of fields that say nothing of anybody, and the numbers of a status or an error. */
function fieldRanges(message: Message, dialect: Dialect) {
  const dictionary = keyOf(dialect, message.messageKey)?.dictionary ?? dialect.fields;
  const isPlain = ({ code }: Field): boolean => dictionary.get(code)?.isSensitive === false;
  return {
    plain: [...message.fields.filter(isPlain), ...numbersIn(message, dialect)].map(placeOf),
    sensitive: message.fields.filter((field) => !isPlain(field)).map(placeOf),
  };
}

const placeOf = ({ offset, length }: Pick<Field, 'offset' | 'length'>): Range => ({
  from: offset,
  to: offset + length,
});

/** The header as far as it looks like one, lines with a clock or nothing but the text mark, and codes with what is not sensitive. */
function looksOpen(text: string, { header, fields }: Dialect): readonly Range[] {
  const mark = header.textMark.replaceAll(/\W/g, '\\$&');
  const clock = String.raw`\d\d:\d\d \d\d/\d\d/\d{4} \d{5}(?: [A-Z\d]{2,9})?`;
  const codes = Array.from(
    text.matchAll(/\.?\b([A-Za-z]{3})\/([^.]*)/g),
    ({ 0: all, 1: code = '', index }) => {
      const isPlain = fields.get(code.toUpperCase())?.isSensitive === false;
      const slash = all.indexOf('/') + 1;
      return { from: index, to: index + (isPlain ? all.length : slash) };
    },
  );
  return [
    ...rangesOf(text.matchAll(/^\W{0,20}[\w.*#$-]{1,90}/g)),
    ...rangesOf(text.matchAll(new RegExp(`^(?:${clock}|${mark})\\s*$`, 'gm'))),
    ...codes,
  ];
}

/** The password of a log-on: as it was read, or whatever looks like one. */
function passwordsIn(bytes: Buffer, message: Message | undefined, dialect: Dialect): Masks {
  const { session, header } = dialect;
  const masks = new Uint8Array(bytes.length);
  if (session === undefined) return masks;
  const read = (message?.fields ?? []).filter(({ code }) => code === session.password).map(placeOf);
  const text = bytes.toString('latin1');
  if (header.form === 'xml') {
    const isRead = message !== undefined && message.isKeyUnknown !== true;
    const isLogOn = new RegExp(`\\b${session.logOn}\\b`, 'i').test(text);
    if (!isRead && isLogOn) return allBut(bytes, rangesOf(text.matchAll(markup)));
    return marked(masks, read, 1);
  }
  // Up to the next field: one with a period in it is no field any more, and still a password.
  const written = new RegExp(`(?<=\\b${session.password}/)[^]*?(?=\\.[A-Z]{3}/|$)`, 'gi');
  return marked(masks, [...read, ...rangesOf(text.matchAll(written))], 1);
}

/** Line ends are nothing to hide. */
function allBut(bytes: Buffer, open: readonly Range[]): Masks {
  const masks = Uint8Array.from(bytes, (byte) => (byte === 0x0d || byte === 0x0a ? 0 : 1));
  return marked(masks, open, 0);
}

function marked(masks: Masks, ranges: readonly Range[], as: 0 | 1): Masks {
  for (const { from, to } of ranges) masks.fill(as, from, to);
  return masks;
}

/** Printable text of some bytes: a star for what is not shown, a point for what cannot be. */
export function shownText(bytes: Buffer, { from, to }: Range, masks: Masks): string {
  let text = '';
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    text += masks[at] === 1 ? '*' : byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : '.';
  }
  return text;
}
