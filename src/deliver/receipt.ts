import { matchesPicture, type Dialect } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';

/** What a station on an application line says of one message; `sentCount` is the five-digit count it was sent with. */
export type Receipt = { readonly kind: 'accepted' | 'refused'; readonly sentCount: number };

/** The longest header the file kinds allow, text mark and count included, is shorter: nothing behind it is looked at. */
const headBytesMax = 128;
/** As far into the body of a document. */
const bodyBytesMax = 2048;

/**
 * Reads a frame's content such as `ACK.ORI.GATEWAY-ORI.TXT00042` or `REJ…`, with or without a control field: the key is one
 * of the dialect's receipts, the gateway its only destination, and the body begins with five digits and not six. Lower case
 * is folded up, as everywhere in a header. Anything else is undefined: an ordinary message. Never throws.
 *
 * Whether the ORI may speak on this line is for the caller, who knows the line.
 */
export function readReceipt(frameContent: Buffer, dialect: Dialect, gatewayOri: string): Receipt | undefined {
  const { header, output } = dialect;
  const [key, ori, destination, ...rest] = frameContent.toString('latin1', 0, headBytesMax).split('.');
  const kind = kindOf(key, output.receipts);
  if (kind === undefined || ori === undefined || !matchesPicture(ori, header.originatingOri))
    return undefined;
  if (destination?.toUpperCase() !== gatewayOri) return undefined;
  const [control = ''] = rest;
  const { mark, lengthMax } = header.control;
  const hasControl = control.startsWith(mark);
  if (hasControl && (control.length < 2 || control.length > lengthMax + 1)) return undefined;
  const text = (hasControl ? rest.slice(1) : rest).join('.');
  if (!text.toUpperCase().startsWith(header.textMark)) return undefined;
  const count = countOf(text.slice(header.textMark.length));
  return count === undefined ? undefined : { kind, sentCount: count };
}

/** Does a document hold the letters of a receipt's key? Most do not, and need not be read for it. */
export function mayBeReceipt(document: Buffer, { output: { receipts } }: Dialect): boolean {
  return document.includes(receipts.accepted) || document.includes(receipts.refused);
}

/**
 * The same as a document: the key and the gateway in its header, and a body whose characters, whatever elements they stand in, begin with
 * the five digits. Undefined: an ordinary message.
 */
export function documentReceipt(
  { bytes, messageKey, destinations, bodyOffset, bodyEnd }: Message,
  dialect: Dialect,
  gatewayOri: string,
): Receipt | undefined {
  const kind = kindOf(messageKey, dialect.output.receipts);
  const [destination, ...others] = destinations;
  if (kind === undefined || destination?.text !== gatewayOri || others.length > 0) return undefined;
  const body = bytes.toString(
    'latin1',
    bodyOffset,
    Math.min(bodyEnd ?? bytes.length, bodyOffset + bodyBytesMax),
  );
  const count = countOf(body.replaceAll(/<!\[CDATA\[|\]\]>|<[^<>]*>/g, '').trimStart());
  return count === undefined ? undefined : { kind, sentCount: count };
}

function kindOf(
  key: string | undefined,
  receipts: Dialect['output']['receipts'],
): Receipt['kind'] | undefined {
  const read = key?.toUpperCase();
  if (read === receipts.accepted) return 'accepted';
  return read === receipts.refused ? 'refused' : undefined;
}

/** Behind the text mark each of CR, LF, DEL may stand once (domain sheet 2.1 [S6][S7][S8]). */
function countOf(text: string): number | undefined {
  const [, digits] = /^\r?\n?\x7f?(\d{5})(?!\d)/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
