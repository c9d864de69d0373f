import { caretLines } from './caret.ts';
import type { DryEvent, DryFrame } from './dry-event.ts';
import { type Explained, type Part, type Wrong, wrongOf } from './explained.ts';
import type { Copy } from './faces.ts';
import { hexDump, offsetText } from './hex-dump.ts';

/** Of one message; more bytes are counted and not printed. */
const ROWS_MAX = 256;
const MARK_BYTES_MAX = 16;
const NAME_WIDTH = 12;
const SHOWN_WIDTH = 28;

export type Style = 'head' | 'faint' | 'fine' | 'wrong';
export type Paint = (style: Style, text: string) => string;

/** A frame and all there is to say of it. `start` and `end` of its content, `marks` around it, in the file. */
export type ExplainedFrame = {
  readonly frame: DryFrame;
  readonly start: number;
  readonly before: Buffer;
  readonly after: Buffer;
  readonly explained: Explained;
  readonly copies: readonly Copy[];
};

/** A page for one message: its bytes, its parts, what is wrong, where it would go. */
export function messagePage(one: ExplainedFrame, title: string, paint: Paint): readonly string[] {
  const { frame, before, after, explained, copies } = one;
  const { masks, parts, wrong } = explained;
  return [
    paint('head', title),
    ...markLines('before', before, paint),
    ...hexDump(frame.bytes, masks, ROWS_MAX).map((row) => paint('faint', `  ${row}`)),
    ...markLines('after', after, paint),
    ...(parts.length === 0 ? [] : ['', ...parts.map((part) => partLine(part, paint))]),
    ...wrong.flatMap((refusal) => ['', ...wrongLines(refusal, frame.bytes, masks, paint)]),
    ...(wrong.length === 0 ? ['', paint('fine', '  nothing is wrong with it')] : []),
    ...(copies.length === 0 ? [] : ['', '  it would go', ...copies.map(copyLine)]),
  ];
}

/** What stands around a message belongs to the framing; of long ones the first bytes. Letters are none of it: they may be anything. */
function markLines(where: string, bytes: Buffer, paint: Paint): readonly string[] {
  if (bytes.length === 0) return [];
  const begin = bytes.toString('latin1', 0, MARK_BYTES_MAX);
  const letters = begin.replaceAll(/[A-Za-z]{3,}/g, (run) => '\0'.repeat(run.length));
  const shown = Array.from(bytes.subarray(0, MARK_BYTES_MAX), (byte, at) =>
    letters.charCodeAt(at) === byte ? byte.toString(16).padStart(2, '0') : '**',
  ).join(' ');
  return [paint('faint', `  ${where.padStart(6)}  ${shown}${bytes.length > MARK_BYTES_MAX ? ' ...' : ''}`)];
}

/** What came that is no message: `bytes` of the file from `from` on. */
export function eventLines(
  event: DryEvent,
  bytes: Buffer,
  from: number,
  masks: Explained['masks'],
  paint: Paint,
): readonly string[] {
  if (event.kind === 'control') return [`${event.byte} at byte ${String(event.end - 1)} of the file`];
  if (event.kind !== 'fault') return [];
  const title = `bytes ${String(from)} to ${String(event.end - 1)} of the file make no message`;
  return [
    paint('head', title),
    ...hexDump(bytes, masks, ROWS_MAX).map((row) => paint('faint', `  ${row}`)),
    ...wrongLines(wrongOf(event.refusal, true), bytes, masks, paint),
  ];
}

function partLine({ offset, length, name, shown, says, wrong }: Part, paint: Paint): string {
  const at = offset === -1 ? '     -' : offsetText(offset);
  const verdict = wrong.length === 0 ? paint('fine', 'fine') : paint('wrong', wrong.join(', '));
  return `  ${at} ${String(length).padStart(5)}  ${name.padEnd(NAME_WIDTH)} ${shown.padEnd(SHOWN_WIDTH)} ${says}: ${verdict}`;
}

function wrongLines(wrong: Wrong, bytes: Buffer, masks: Explained['masks'], paint: Paint): readonly string[] {
  const { code, status, field, offset, length, limit, means, does, isTold } = wrong;
  const where = [
    ...(field === undefined ? [] : [field]),
    ...(offset === undefined ? [] : [`at byte ${String(offset)}`]),
    ...(limit === undefined ? [] : [`limit ${String(limit)}`]),
  ].join(', ');
  const place = length === undefined ? {} : { length };
  const carets = offset === undefined ? [] : caretLines(bytes, { offset, ...place }, masks);
  const later = isTold ? '' : ' (found once the above is mended)';
  return [
    paint('wrong', `  ${code}  ${status}${where === '' ? '' : ` - ${where}`}${later}`),
    ...carets.map((line) => `      ${line}`),
    ...(means === '' ? [] : [`    ${means}`]),
    ...(does === '' ? [] : [`    What to do: ${does}`]),
  ];
}

function copyLine({ lane, to, recipients, face }: Copy): string {
  const whom = `    ${lane.padEnd(24)} ${to.padEnd(12)} for ${recipients.join(', ')}`;
  if (face === undefined) return whom;
  const without = face.leavesOut.length === 0 ? 'all of it' : `without ${face.leavesOut.join(', ')}`;
  const left = face.isWithheld ? `${without}: not sent, a dead letter` : without;
  return `${whom}; line ${face.line}, written in ${face.dialect}, ${left}`;
}
