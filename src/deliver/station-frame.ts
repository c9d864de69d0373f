import {
  clockValues,
  type Dialect,
  type FormValues,
  framed,
  framedText,
  renderForm,
  xmlEscaped,
} from '../dialect/dialect.ts';
import { controlFor, hasNote, isNothing, noteOf, writeBody } from '../face/face.ts';
import type { Line } from '../directory/directory.ts';
import { Fault } from '../message/codes.ts';
import type { Delivery } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import { ncicQuery } from './ncic-query.ts';

/** One message on its way out to a station. `sentCount`: the station line's output count; five digits of it are shown. */
export type StationCopy = {
  readonly message: Message;
  /** The dialect it was read by. */
  readonly from: Dialect;
  readonly delivery: Delivery;
  readonly isPossibleDuplicate: boolean;
  readonly sentAt: Date;
  readonly sentCount: number;
  /** What the station's line says of a message that it cannot have whole. */
  readonly whenNotCarried: Line['whenNotCarried'];
};

const lineEnd = Buffer.from('\r\n');
const bodyLine = '{body}';

/**
 * The frame a station gets: the dialect's output header (domain sheet 3.2), the text mark, and the body: byte for byte as
 * it was received where that is the station's face, else written in it, with a note of what it cannot carry. A document has the
 * body where its form says. A copy that may have been sent before says so in the header, never in the body. The control field is the
 * sender's, unchanged; a broadcast names the codes that reached the station. Throws DELIVER_FRAMING
 * for a body that cannot travel in the framing of the station's line, such as one that holds its delimiter, and
 * DELIVER_NOT_CARRIED where nothing of the message can be written, or a part and the station takes none or could not be told.
 */
export function stationFrame(copy: StationCopy, dialect: Dialect): Buffer {
  const { message, from, whenNotCarried } = copy;
  const { framing, output } = dialect;
  const { bytes, dropped } = writeBody(message, from, dialect);
  if (isNothing(dropped))
    throw new Fault('DELIVER_NOT_CARRIED', 'a message has nothing this station can read');
  if (dropped.length > 0 && (whenNotCarried === 'refuse' || !hasNote(dialect)))
    throw new Fault(
      'DELIVER_NOT_CARRIED',
      'a station takes nothing in part, and cannot read all of a message',
    );
  const query = ncicQuery({ ...message, control: controlFor(message, from, dialect), body: bytes }, dialect);
  // Whoever is asked in NCIC's form is asked as a member asks: there is no line for a note or a mark.
  if (query !== undefined) return framed(framing, query);
  const values = { ...headerValues(copy, dialect), notCarried: noteOf(dropped) };
  if (dialect.header.form !== 'xml') return framed(framing, renderForm(output.form, values), lineEnd, bytes);
  const at = output.form.findIndex((line) => line.trim() === bodyLine);
  const part = (start: number, end?: number) => renderForm(output.form.slice(start, end), values, xmlEscaped);
  const indent = Buffer.from(output.form[at]?.replace(bodyLine, '') ?? '');
  return framed(framing, part(0, at), lineEnd, indent, bytes, lineEnd, part(at + 1));
}

function headerValues({ message, from, ...copy }: StationCopy, dialect: Dialect): FormValues {
  const { delivery, isPossibleDuplicate, sentAt, sentCount } = copy;
  const { answers, header, output } = dialect;
  const receivedAt = new Date(delivery.receivedAtMs);
  const clocks = { receivedAt, receivedCount: delivery.receivedCount, sentAt, sentCount };
  const codes = delivery.destination === '' ? delivery.groups : [delivery.destination];
  return {
    ...clockValues(clocks, answers.utcOffsetMinutes),
    messageKey: delivery.messageKey,
    originatingOri: delivery.originatingOri,
    // A document has an element each.
    destination: header.form === 'xml' ? codes : codes.join('.'),
    control: controlFor(message, from, dialect),
    possibleDuplicate: isPossibleDuplicate ? output.possibleDuplicate : '',
  };
}

/**
 * Frames a finished text of the switch's own. One that may have been sent before is marked on a line before the first line
 * that is the text mark and nothing else; a text without such a line gets the mark as its first line. A document is marked before the line
 * that follows the mark in the form of output, and behind its end where it has no such line.
 */
export function noticeFrame(text: Buffer, isPossibleDuplicate: boolean, dialect: Dialect): Buffer {
  const { framing, header, output } = dialect;
  if (!isPossibleDuplicate) return framedText(framing, text);
  if (header.form === 'xml') return framedText(framing, markedDocument(text, output));
  // NCIC's form has no text mark: its text begins behind an empty line.
  const at = textMarkAt(text, Buffer.from(header.form === 'ncic' ? '' : header.textMark));
  const mark = Buffer.from(`${output.possibleDuplicate}\r\n`);
  return framedText(framing, Buffer.concat([text.subarray(0, at), mark, text.subarray(at)]));
}

function markedDocument(text: Buffer, { form, possibleDuplicate }: Dialect['output']): Buffer {
  const marked = form.findIndex((line) => line.includes('{possibleDuplicate}'));
  const mark = renderForm(form.slice(marked, marked + 1), { possibleDuplicate }, xmlEscaped).toString(
    'latin1',
  );
  const following = form
    .slice(marked + 1)
    .find((line) => !line.includes('{'))
    ?.trim();
  const lines = text.toString('latin1').split('\r\n');
  const at = lines.findIndex((line) => line.trim() === following);
  lines.splice(at === -1 ? lines.length : at, 0, at === -1 ? `<!-- ${possibleDuplicate} -->` : mark);
  return Buffer.from(lines.join('\r\n'), 'latin1');
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
