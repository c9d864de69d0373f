import { acceptedText, refusalText } from '../../src/acknowledge/acknowledge.ts';
import { authorize } from '../../src/authorize/authorize.ts';
import { type Dialect, framedText, type Framing } from '../../src/dialect/dialect.ts';
import type { Line } from '../../src/directory/directory.ts';
import { FaultRate, FrameDecoder, type FrameEvent } from '../../src/frame/frame.ts';
import { codes } from '../../src/message/codes.ts';
import type { Frame } from '../../src/message/frame.ts';
import type { Message } from '../../src/message/message.ts';
import type { Outcome, Refusal } from '../../src/message/refusal.ts';
import { parse } from '../../src/parse/parse.ts';
import { route } from '../../src/route/route.ts';
import { validate } from '../../src/validate/validate.ts';
import { Chance } from './chance.ts';
import { lostInWriting } from './rewritten.ts';
import { type Case, framingOf, type Stock } from './stock.ts';

/** What reads a frame; a test puts a broken one in its place. */
export type Rooms = { readonly parse: typeof parse };
export const realRooms: Rooms = { parse };

/** Marks, prefix and the like may be held beside a content. */
const marksBytesMax = 64;
/** Longer than any framing waits for the rest of a message. */
const sweepMsMax = 600_000;
const receivedAt = new Date('2026-06-15T14:11:59Z');
const counts = { received: 1, sent: 1 };

class Broken extends Error {}

/**
 * Sends a case down the pure road and says what is wrong with what came of it; undefined when nothing is. What must hold: nothing is
 * thrown; what is held has a limit; a frame is read the same however it was cut into chunks; each room either accepts or refuses, with
 * places inside the frame; what was accepted can be written and read again; an answer is printable and comes back whole.
 */
export function problemOf(one: Case, stock: Stock, rooms: Rooms = realRooms): string | undefined {
  const dialect = stock.dialects.get(one.dialect);
  const framing = framingOf(one, stock);
  const line = stock.directory.lines.get(one.line);
  if (dialect === undefined || framing === undefined || line === undefined)
    return 'it names what is not there';
  try {
    judge(one, { ...dialect, framing }, line, stock, rooms);
    return undefined;
  } catch (error) {
    if (error instanceof Broken) return error.message;
    const [, place = ''] = error instanceof Error ? (error.stack ?? '').split('\n    at ') : [];
    return `threw ${error instanceof Error ? error.name : 'something'} at ${place.replace(/file:.*\/(src|test)\//, '$1/')}`;
  }
}

function judge({ wire }: Case, dialect: Dialect, line: Line, stock: Stock, rooms: Rooms): void {
  const { framing } = dialect;
  const events = decoded(framing, [wire]);
  const chance = new Chance(wire.length, wire.at(-1) ?? 0);
  if (chance.is(0.25)) {
    const cut = decoded(framing, chunksOf(wire, chance));
    must(toldOf(cut) === toldOf(events), 'chunks change what is read');
  }
  const faults = new FaultRate(framing);
  for (const [at, event] of events.entries()) {
    if (event.kind === 'fault') {
      const last = faults.count(at * chance.below(60_000));
      mustBeSound(last === undefined ? [event.refusal] : [event.refusal, last], Number.MAX_SAFE_INTEGER);
    }
    if (event.kind === 'frame') judgeFrame(event, dialect, line, stock, rooms);
  }
}

/** What a decoder finds, the unfinished frame it gives up at the end included. */
function decoded(framing: Framing, chunks: readonly Buffer[]): FrameEvent[] {
  const decoder = new FrameDecoder(framing);
  const heldMax = heldMaxOf(framing);
  const events: FrameEvent[] = [];
  for (const chunk of chunks) {
    events.push(...decoder.push(chunk));
    must(decoder.pendingBytes <= heldMax, 'more is held than the limit');
  }
  const unfinished = decoder.expire();
  const dropped = [unfinished ?? [], decoder.sweep(0), decoder.sweep(sweepMsMax)].flat();
  for (const refusal of dropped) events.push({ kind: 'fault', refusal, isLast: false });
  must(decoder.pendingBytes <= marksBytesMax, 'what was given up is held all the same');
  for (const event of events) {
    if (event.kind === 'frame')
      must(event.bytes.length <= framing.frameBytesMax, 'a frame is longer than the limit');
  }
  return events;
}

/** A frame with its marks, what may stand before it, and segments of unfinished messages where the framing has them. */
export function heldMaxOf(framing: Framing): number {
  const { frameBytesMax } = framing;
  const header = framing.kind === 'stx-etx' ? (framing.soh?.bytesMax ?? 0) : 0;
  const segments = framing.kind === 'header-template' ? (framing.segments?.bytesMax ?? 0) : 0;
  return frameBytesMax + header + segments + marksBytesMax;
}

function chunksOf(wire: Buffer, chance: Chance): Buffer[] {
  const chunks: Buffer[] = [];
  for (let from = 0; from < wire.length; ) {
    const to = from + 1 + chance.below(chance.is(0.5) ? 3 : 600);
    chunks.push(wire.subarray(from, to));
    from = to;
  }
  return chunks;
}

/** Events as a text, to compare them. */
function toldOf(events: readonly FrameEvent[]): string {
  return events
    .map((event) => {
      if (event.kind === 'frame') return event.bytes.toString('latin1');
      return JSON.stringify(event);
    })
    .join('\0');
}

function judgeFrame(frame: Frame, dialect: Dialect, line: Line, stock: Stock, rooms: Rooms): void {
  const parsed = checked(rooms.parse(frame, dialect), frame);
  if (!parsed.ok) {
    judgeAnswer(
      refusalText(
        { bytes: frame.bytes, message: undefined, refusals: parsed.refusals },
        ...told(dialect, stock),
      ),
      dialect,
    );
    return;
  }
  const message = parsed.value;
  mustHavePlaces(message);
  const permitted = checked(authorize(message, line, dialect), frame);
  const valid = permitted.ok ? checked(validate(permitted.value, dialect), frame) : permitted;
  const routed = valid.ok
    ? checked(route(valid.value, stock.directory, dialect, line.station), frame)
    : valid;
  if (routed.ok) {
    const isForUs = message.destinations.every(({ text }) => text === stock.directory.gatewayOri);
    must(isForUs || routed.value.length > 0, 'accepted, and goes nowhere');
    judgeAnswer(acceptedText({ message, messageId: 'w1-1' }, ...told(dialect, stock)), dialect);
  } else {
    const { refusals } = routed;
    judgeAnswer(refusalText({ bytes: frame.bytes, message, refusals }, ...told(dialect, stock)), dialect);
  }
  if (!valid.ok) return;
  const lost = lostInWriting(valid.value, dialect, parse);
  must(lost === undefined, lost ?? '');
}

const told = (dialect: Dialect, { directory }: Stock) =>
  [directory.gatewayOri, dialect, receivedAt, counts] as const;

/** Passes an outcome on: it is one or the other, and its refusals say where. */
function checked<T>(outcome: Outcome<T>, { bytes }: Frame): Outcome<T> {
  must(
    outcome.ok ? !('refusals' in outcome) : !('value' in outcome),
    'neither accepted nor refused, or both',
  );
  if (!outcome.ok) mustBeSound(outcome.refusals, bytes.length);
  return outcome;
}

function mustBeSound(refusals: readonly Refusal[], frameBytes: number): void {
  must(refusals.length > 0 && refusals.length <= 64, 'refused for nothing, or for too much');
  for (const { code, offset, length, limit } of refusals) {
    must(Object.hasOwn(codes, code), 'refused with a code that is none');
    for (const number of [offset, length, limit]) {
      must(number === undefined || (Number.isSafeInteger(number) && number >= 0), `${code}: not a place`);
    }
    if (offset !== undefined)
      must(offset + (length ?? 0) <= frameBytes, `${code}: a place outside the frame`);
  }
}

function mustHavePlaces({ bytes, bodyOffset, bodyEnd = bytes.length, ...message }: Message): void {
  must(bodyOffset >= 0 && bodyOffset <= bodyEnd && bodyEnd <= bytes.length, 'the body is outside the frame');
  for (const { offset, length, codeOffset } of message.fields) {
    must(codeOffset >= 0 && codeOffset <= bytes.length, 'a field code is outside the frame');
    must(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'a field is outside the frame');
  }
  for (const { offset } of message.destinations)
    must(offset >= 0 && offset <= bytes.length, 'a destination is outside the frame');
  for (const { offset, length } of [...(message.attachments ?? []), ...(message.unread ?? [])]) {
    must(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'a part is outside the frame');
  }
}

/** A text of the switch's own: printable, and one frame for who reads it on the same line. */
function judgeAnswer(text: Buffer, { framing }: Dialect): void {
  must(/^[ -~\r\n]*$/.test(text.toString('latin1')), 'an answer is not printable');
  const events = new FrameDecoder(framing).push(framedText(framing, text));
  const [event, ...more] = events.filter(({ kind }) => kind !== 'control');
  must(event?.kind === 'frame' && more.length === 0, 'an answer does not come back as one frame');
  if (event?.kind === 'frame') must(event.bytes.length <= text.length, 'an answer comes back longer');
}

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Broken(otherwise);
}
