import { renderForm, xmlEscaped, type Dialect } from '../dialect/dialect.ts';
import { codes } from '../message/codes.ts';
import type { Message } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';
import { answerClock, type Counts } from './answer-clock.ts';

export { acceptedText } from './accepted-text.ts';

/** Refusals shown in one answer; validate finds at most as many. */
const statusLinesMax = 16;

/**
 * What a refused sender reads, by the dialect's form: statuses, the sender's own control field, the start of what was
 * sent. It comes from the gateway's pseudo ORI, never the network's: only Nlets may answer as Nlets (domain sheet 10.3).
 * The content of a frame without its marks, free of control characters other than CR LF whatever the input bytes were.
 */
export function refusalText(
  input: {
    readonly bytes: Buffer;
    readonly message: Message | undefined;
    readonly refusals: readonly Refusal[];
  },
  gatewayOri: string,
  dialect: Dialect,
  receivedAt: Date,
  counts: Counts,
): Buffer {
  const { answers } = dialect;
  const { bytes, message, refusals } = input;
  const original = bytes.toString('latin1', 0, answers.originalCharactersMax);
  const values = {
    ...answerClock(receivedAt, counts, answers.utcOffsetMinutes),
    gatewayOri,
    originatingOri: message?.originatingOri ?? '',
    control: message?.control ?? '',
    original: original.replace(/[ \r\n]+$/, '').replaceAll(/[^ -~\r\n]/g, '?'),
    status: refusals.slice(0, statusLinesMax).map(statusLine),
  };
  // What a sender wrote must not be read as a part of our document.
  return renderForm(answers.refused, values, dialect.header.form === 'xml' ? xmlEscaped : undefined);
}

/** The legacy status and where to look; never what stands there. */
function statusLine({ code, field, offset, limit }: Refusal): string {
  const where = [
    field === undefined ? '' : field.toUpperCase(),
    offset === undefined ? '' : `AT BYTE ${String(offset)}`,
    limit === undefined ? '' : `LIMIT ${String(limit)}`,
  ].filter((part) => part !== '');
  const { status } = codes[code];
  return where.length === 0 ? status : `${status} - ${where.join(' ')}`;
}
