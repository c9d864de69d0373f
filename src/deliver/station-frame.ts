import { clockValues, framed, framedText, renderForm, type Dialect } from '../dialect/dialect.ts';
import type { Delivery } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';

/** One message on its way out to a station. `sentCount`: the station line's output count; five digits of it are shown. */
export type StationCopy = {
  readonly message: Message;
  readonly delivery: Delivery;
  readonly isPossibleDuplicate: boolean;
  readonly sentAt: Date;
  readonly sentCount: number;
};

const lineEnd = Buffer.from('\r\n');

/**
 * The frame a station gets: the dialect's output header (domain sheet 3.2), the text mark, and the body, byte for byte as
 * it was received. A copy that may have been sent before says so in the header, never in the body. The control field is the
 * sender's, unchanged; a broadcast names the codes that reached the station. Throws DELIVER_FRAMING
 * for a body that cannot travel in the framing of the station's line, such as one that holds its delimiter.
 */
export function stationFrame(copy: StationCopy, dialect: Dialect): Buffer {
  const { message, delivery, isPossibleDuplicate, sentAt, sentCount } = copy;
  const { answers, framing, output } = dialect;
  const receivedAt = new Date(delivery.receivedAtMs);
  const clocks = { receivedAt, receivedCount: delivery.receivedCount, sentAt, sentCount };
  const header = renderForm(output.form, {
    ...clockValues(clocks, answers.utcOffsetMinutes),
    messageKey: delivery.messageKey,
    originatingOri: delivery.originatingOri,
    destination: delivery.destination === '' ? delivery.groups.join('.') : delivery.destination,
    control: message.control,
    possibleDuplicate: isPossibleDuplicate ? output.possibleDuplicate : '',
  });
  return framed(framing, header, lineEnd, message.bytes.subarray(message.bodyOffset));
}

/**
 * Frames a finished text of the switch's own. One that may have been sent before is marked on a line before the first line
 * that is the text mark and nothing else; a text without such a line gets the mark as its first line.
 */
export function noticeFrame(text: Buffer, isPossibleDuplicate: boolean, dialect: Dialect): Buffer {
  const { framing, header, output } = dialect;
  if (!isPossibleDuplicate) return framedText(framing, text);
  const at = textMarkAt(text, Buffer.from(header.textMark));
  const mark = Buffer.from(`${output.possibleDuplicate}\r\n`);
  return framedText(framing, Buffer.concat([text.subarray(0, at), mark, text.subarray(at)]));
}

/** Where the first line stands that is `mark` and nothing else; 0 when none is. */
function textMarkAt(text: Buffer, mark: Buffer): number {
  let at = 0;
  for (;;) {
    const end = text.indexOf(lineEnd, at);
    if (text.subarray(at, end === -1 ? text.length : end).equals(mark)) return at;
    if (end === -1) return 0;
    at = end + lineEnd.length;
  }
}
