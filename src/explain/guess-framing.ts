import type { Dialect, Framing } from '../dialect/dialect.ts';
import type { DryEvent, DryPlace, DryRun } from './dry-event.ts';

const STX = 0x02;
const markOf = { start: Buffer.of(STX), end: Buffer.of(0x03) };

/** How the messages of a file were cut out, and what there is to say of that. `place` has that framing. */
export type Cut = {
  readonly place: DryPlace;
  readonly events: readonly DryEvent[];
  readonly framing: string;
  readonly note: string;
};

/** By name; the first that fits is taken. */
export type Framings = ReadonlyMap<string, Framing>;

/**
 * Reads a file by the framing of `place`, or, where that makes nothing of the bytes, by the first other one that does. A file without
 * any marks is one message.
 */
export function cutByGuess(
  bytes: Buffer,
  place: DryPlace,
  own: string,
  framings: Framings,
  run: DryRun,
): Cut {
  const asOwn = cut(bytes, place, own, '', run);
  if (isWhole(asOwn)) return asOwn;
  const others = Array.from(framings, ([name, framing]) => {
    const note = `guessed: the bytes do not fit ${own}`;
    return cut(bytes, { ...place, dialect: { ...place.dialect, framing } }, name, note, run);
  });
  const read = others.filter(isWhole).find(({ events }) => events.some(isRead));
  if (read !== undefined) return read;
  return looksMarked(bytes, asOwn) ? asOwn : withoutMarks(bytes, place, run);
}

/** Damaged, and still what it looks like: a mark or a length is there, or a message was cut out. Text alone has none of these. */
function looksMarked(bytes: Buffer, { place, events }: Cut): boolean {
  if (place.dialect.framing.kind === 'stx-etx') return bytes.includes(STX);
  const text = bytes.toString('latin1');
  return events.some(({ kind }) => kind === 'frame') || !/^[\t\r\n -~]+$/.test(text) || /^\d{4}/.test(text);
}

/** By the framing that was asked for, whatever comes of it. */
export function cut(bytes: Buffer, place: DryPlace, framing: string, note: string, run: DryRun): Cut {
  return { place, events: run(bytes, place), framing, note };
}

/** The whole file as one message. */
function withoutMarks(bytes: Buffer, place: DryPlace, run: DryRun): Cut {
  const { frameBytesMax, frameFaultsMax } = place.dialect.framing;
  const dialect: Dialect = { ...place.dialect, framing: { kind: 'stx-etx', frameBytesMax, frameFaultsMax } };
  const events = run(Buffer.concat([markOf.start, withoutLineEnd(bytes), markOf.end]), { ...place, dialect });
  const note = 'guessed: no framing fits, so the whole file is taken for one message without its marks';
  return { place, events: events.map((event) => ({ ...event, end: bytes.length })), framing: 'none', note };
}

/** Of what was typed: an editor puts a line end behind it. */
export function withoutLineEnd(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

function isWhole({ events }: Cut): boolean {
  return events.some(({ kind }) => kind === 'frame') && !events.some(({ kind }) => kind === 'fault');
}

function isRead(event: DryEvent): boolean {
  return event.kind === 'frame' && event.message !== undefined;
}
